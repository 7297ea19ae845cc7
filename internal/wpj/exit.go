package wpj

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exit is how Company Portal ended: with Code or by Signal. If Code is nil and Signal is 0, nobody watched its end. It
// is the fact that crosses the wire and is stored; [Exit.Info] has the words for it.
type Exit struct {
	Code   *ExitCode      `json:"code,omitempty"`
	Signal syscall.Signal `json:"signal,omitempty"`
	// FromLog is true if Code comes from Company Portal's log, because the exit status was lost.
	FromLog bool `json:"from_log,omitempty"`
}

// ExitInfo explains how Company Portal ended.
type ExitInfo struct {
	// Name is Microsoft's name for an exit code, for example registrationDeviceCapError, or the name of the signal.
	Name string
	// Admin and User are a sentence or two each: what happened and what to do.
	Admin, User string
	// RetryCanHelp is true if another try without any change may succeed.
	RetryCanHelp bool
}

// Unknown reports whether Company Portal has ended, but neither its exit code nor the signal is known. A nil Exit has
// not ended.
func (e *Exit) Unknown() bool { return e != nil && e.Code == nil && e.Signal == 0 }

// Info explains the exit.
func (e Exit) Info() ExitInfo {
	switch {
	case e.Code != nil:
		info, _ := e.Code.Info()
		return info.ExitInfo
	case e.Signal != 0:
		return ExitInfo{
			Name: signalName(e.Signal),
			Admin: fmt.Sprintf("Company Portal was ended by signal %d before it was done; have the user register "+
				"again.", e.Signal),
			User:         "Company Portal was closed before the registration was complete. Start it again.",
			RetryCanHelp: true,
		}
	}
	return ExitInfo{
		Name: "unknown",
		Admin: "Company Portal has ended while nobody watched, and its log does not say how; read its log in " +
			"~/Library/Logs/Company Portal.",
		User:         "It is not known whether the registration worked. Start it again.",
		RetryCanHelp: true,
	}
}

// String returns for example "registrationDeviceCapError (66), from the log", "SIGKILL (signal 9)" or "unknown".
func (e Exit) String() string {
	text := e.Info().Name
	switch {
	case e.Code != nil:
		text = e.Code.String()
	case e.Signal != 0:
		text = fmt.Sprintf("%s (signal %d)", text, e.Signal)
	}
	if e.FromLog {
		text += ", from the log"
	}
	return text
}

// signalName returns for example "SIGKILL", or the number of a signal that has no name.
func signalName(signal syscall.Signal) string {
	if name := unix.SignalName(signal); name != "" {
		return name
	}
	return fmt.Sprint("signal ", int(signal))
}
