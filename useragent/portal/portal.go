package portal

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
	"time"

	"usher.internal/internal/wpj"
)

var (
	// ErrInvalidID is returned for a registration id that is not of 1 to 64 letters, digits and hyphens.
	ErrInvalidID = errors.New("invalid registration id")
	// ErrAlreadyRunning is wrapped when a Company Portal runs that was not launched here. Nothing has been launched.
	ErrAlreadyRunning = errors.New("another Company Portal is running already")
	// ErrRunNotFound is wrapped when there is no run of the registration and none may be launched.
	ErrRunNotFound = errors.New("no run of Company Portal is known for the registration")
	// ErrBusy is wrapped while Company Portal runs for another registration.
	ErrBusy = errors.New("the portal runs for another registration")
	// ErrNotRunnable is wrapped, with the reason, when Company Portal's executable is missing or cannot be started.
	ErrNotRunnable = errors.New("the executable of Company Portal cannot be started")
	// ErrClosed is returned after Close and to the calls that it ended.
	ErrClosed = errors.New("the agent is ending")
)

// Event is a [Started], a [Milestone] or an [Exit].
type Event interface{ isEvent() }

// Started is the first event of every call.
type Started struct {
	// PID is the process id, 0 when the process had ended before the call.
	PID int
	// Time is when it was launched.
	Time time.Time
	// Attached is true when the run was there before the call.
	Attached bool
}

// Milestone is a step that Company Portal's log shows.
type Milestone struct {
	Kind MilestoneKind `json:"kind"`
	// Time is that of the log entry.
	Time time.Time `json:"time"`
	// Detail is in Company Portal's words, without personal data: for example "WPJ_DeviceRegistration: Succeeded".
	Detail string `json:"detail"`
}

// MilestoneKind is a kind of [Milestone].
type MilestoneKind string

// The kinds of milestones, named as in usher.v1.MilestoneKind.
const (
	SignInStarted          MilestoneKind = "SIGN_IN_STARTED"
	TokenFetched           MilestoneKind = "TOKEN_FETCHED"
	DeviceRegistered       MilestoneKind = "DEVICE_REGISTERED"
	WorkplaceJoinCompleted MilestoneKind = "WORKPLACE_JOIN_COMPLETED"
	CertificateStored      MilestoneKind = "CERTIFICATE_STORED"
	Exited                 MilestoneKind = "EXITED"
	// Trouble is a step that ended otherwise than it should.
	Trouble MilestoneKind = "TROUBLE"
)

// Exit is how Company Portal ended, and the last event of a call. Without Code and Signal that is unknown.
type Exit struct {
	Code   *wpj.ExitCode  `json:"code,omitempty"`
	Signal syscall.Signal `json:"signal,omitempty"`
	// FromLog is true when Code was read from Company Portal's log, since the exit status was lost.
	FromLog bool `json:"from_log,omitempty"`
}

// Unknown tells whether it is unknown how Company Portal ended.
func (e Exit) Unknown() bool { return e.Code == nil && e.Signal == 0 }

// String returns for example "registrationDeviceCapError (66)", "signal killed" or "unknown".
func (e Exit) String() string {
	switch {
	case e.Code != nil && e.FromLog:
		return e.Code.String() + ", from the log"
	case e.Code != nil:
		return e.Code.String()
	case e.Signal != 0:
		return "signal " + e.Signal.String()
	}
	return "unknown"
}

func (Started) isEvent()   {}
func (Milestone) isEvent() {}
func (Exit) isEvent()      {}

// Config is what a [Runner] needs to know.
type Config struct {
	// Executable is the absolute path of the program inside Company Portal's bundle. It is started with -r.
	Executable string
	// StateDirectory is for the records of runs. It is created with mode 0700, and no other Runner may use it.
	StateDirectory string
	// LogDirectory is where Company Portal writes its logs. It need not exist.
	LogDirectory string
	// Activate brings Company Portal to the front. It is called once for each launch, when Company Portal has written
	// to its log: before, macOS may not know yet that it runs, and would start another instance. It may be nil.
	Activate func(ctx context.Context) error
	// Grace is how long Company Portal may take to end after SIGTERM before it is killed; 0 means 10 s.
	Grace time.Duration
	// Logger may be nil.
	Logger *slog.Logger
}
