package portal

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// registrationVariable is the environment variable that marks a Company Portal that was launched for a registration.
const registrationVariable = "USHER_REGISTRATION_ID"

// errNoProcess is wrapped when a process has ended, or another process has its id.
var errNoProcess = errors.New("no such process")

// process identifies one process for good: another process may get its id, but starts at another time.
type process struct {
	PID int `json:"pid"`
	// Start is when it started, in a platform-specific form; use it only for comparison.
	Start string `json:"start"`
}

// The platform files have, with the same meaning:
//
// identify(pid int) (process, error)
//     names the process that has the id now, even if it has ended but not been waited for.
// alive(p process) bool
//     reports whether it has not ended.
// running(executable string) ([]process, error)
//     lists the processes of our uid, other than ourselves, whose program is that file.
// registrationOf(p process) (id string, known bool)
//     reads registrationVariable of its environment; known is false when that cannot be read.
// watchExit(pid int) (*exitWatch, error), with wait(ctx) error and close()
//     waits for the end of the process that has the id when watchExit is called. wait returns nil at the end, the
//     cause of ctx when that ends first.

// processArguments is what KERN_PROCARGS2 of macOS returns about a process.
type processArguments struct {
	executable  string
	arguments   []string
	environment []string
}

// parseProcessArguments reads the result of KERN_PROCARGS2. It has the number of arguments in the machine's byte order
// (every Mac's is little-endian), the path of the executable, NULs to align, the arguments and the environment. A NUL
// ends each string. The environment is missing where the system hides it.
func parseProcessArguments(data []byte) (processArguments, bool) {
	if len(data) < 4 {
		return processArguments{}, false
	}
	count := int(int32(binary.LittleEndian.Uint32(data)))
	executable, rest, ok := bytes.Cut(data[4:], []byte{0})
	if !ok || count < 0 {
		return processArguments{}, false
	}
	parsed := processArguments{executable: string(executable)}
	rest = bytes.TrimLeft(rest, "\x00")
	for range count {
		argument, after, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return processArguments{}, false
		}
		parsed.arguments = append(parsed.arguments, string(argument))
		rest = after
	}
	for {
		variable, after, ok := bytes.Cut(rest, []byte{0})
		if !ok || len(variable) == 0 {
			return parsed, true
		}
		parsed.environment = append(parsed.environment, string(variable))
		rest = after
	}
}
