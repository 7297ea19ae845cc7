package store

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// withoutFaults calls f and returns [ErrDamaged] if the file makes it panic. bbolt maps the file into memory and trusts
// it. A missing page is a fault of the processor, and a page with other content is a failed assertion of bbolt. Any
// other panic is a defect of usherd, and continues.
func withoutFaults(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if met := recover(); met != nil {
			if !fromFile(met) {
				panic(met)
			}
			if _, defect := met.(runtime.Error); defect {
				met = "a page is missing, or holds something else" // Go's own text does not help an admin
			}
			err = fmt.Errorf("%w: %v", ErrDamaged, met)
		}
	}()
	return f()
}

// fromFile reports whether the panic that is being recovered is a memory fault, or bbolt's own.
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
