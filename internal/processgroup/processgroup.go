// Package processgroup signals a process and what it has started.
package processgroup

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Signal sends a signal to every process of the group whose leader is, or was, the process leader. A leader that is our
// child must not have been waited for, or another process may have its number.
//
// The error wraps [os.ErrProcessDone] when all of them have ended: also when a leader that nobody has waited for is
// left, which can get no signal. For such a group kill(2) succeeds on Linux, and is EPERM on macOS, as it is for
// processes of other users: killpg1 in xnu's bsd/kern/kern_sig.c [XNU] passes zombies over. A zombie itself may be sent
// a signal, so that tells the two apart.
func Signal(leader int, signal syscall.Signal) error {
	err := syscall.Kill(-leader, signal)
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EPERM) && syscall.Kill(leader, 0) == nil {
		return fmt.Errorf("signal process group %d: %w", leader, os.ErrProcessDone)
	}
	if err != nil {
		return fmt.Errorf("signal process group %d: %w", leader, os.NewSyscallError("kill", err))
	}
	return nil
}
