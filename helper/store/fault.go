package store

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// withoutFaults calls f and returns [ErrDamaged] where the file makes it panic: bbolt maps the file into memory and
// trusts it, so that a page that is missing is a fault of the processor's, and one with something else in it a failed
// assertion of bbolt's. Any other panic is a defect of usherd's, and goes on.
func withoutFaults(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if met := recover(); met != nil {
			if !fromFile(met) {
				panic(met)
			}
			if _, defect := met.(runtime.Error); defect {
				met = "a page is missing, or holds something else" // an admin cannot use what Go says of it
			}
			err = fmt.Errorf("%w: %v", ErrDamaged, met)
		}
	}()
	return f()
}

// fromFile reports whether the panic that is being recovered is a fault of memory, or bbolt's own.
func fromFile(met any) bool {
	if _, fault := met.(interface {
		runtime.Error
		Addr() uintptr
	}); fault {
		return true
	}
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	panicked := false
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "runtime."):
			panicked = true
		case panicked: // the function that panicked
			return strings.HasPrefix(frame.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}
