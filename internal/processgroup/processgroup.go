// Package processgroup signals a process and all processes that it has started.
package processgroup

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Signal sends a signal to every process of the group whose leader is, or was, the process leader. If the leader is our
// child, nobody may have waited for it yet. Otherwise another process may have its number.
//
// The error wraps [os.ErrProcessDone] when all of them have ended, even if the leader is still a zombie. For such a
// group kill(2) succeeds on Linux. On macOS it is EPERM, as for processes of other users, because killpg1 in xnu's
// bsd/kern/kern_sig.c [XNU] skips zombies. A signal to the zombie itself succeeds, which distinguishes the two cases.
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
