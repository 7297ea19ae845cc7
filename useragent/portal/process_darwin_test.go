package portal

import (
	"os"
	"testing"
)

func TestRegistrationOfOtherProcesses(t *testing.T) {
	if id, known := registrationOf(process{PID: 1 << 30}); id != "" || known {
		t.Errorf("of a process that is not there: %q, %v", id, known)
	}
	// This process was not started for a registration.
	if id, known := registrationOf(process{PID: os.Getpid()}); id != "" || !known {
		t.Errorf("of this process: %q, %v", id, known)
	}
	if _, err := watchExit(1 << 30); err == nil {
		t.Error("a process that is not there is watched")
	}
}
