package portal

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

var (
	// ErrInvalidID is returned for a registration id that is not of 1 to 64 letters, digits and hyphens.
	ErrInvalidID = errors.New("invalid registration id")
	// ErrAlreadyRunning is wrapped when a Company Portal runs that was not launched here. Nothing has been launched.
	ErrAlreadyRunning = errors.New("another Company Portal is running already")
	// ErrRunNotFound is wrapped when the registration has no run and none may be launched.
	ErrRunNotFound = errors.New("no run of Company Portal is known for the registration")
	// ErrBusy is wrapped while Company Portal runs for another registration.
	ErrBusy = errors.New("the portal runs for another registration")
	// ErrNotRunnable is wrapped, with the reason, when Company Portal's executable is missing or cannot be started.
	ErrNotRunnable = errors.New("the executable of Company Portal cannot be started")
	// ErrClosed is returned after Close, and by the calls that Close ended.
	ErrClosed = errors.New("the agent is ending")
)

// Event is a [Started], a [wpj.Milestone] or, at the end, a [wpj.Exit].
type Event any

// Started is the first event of every call.
type Started struct {
	// PID is the process id, or 0 if the process had ended before the call.
	PID int
	// Time is when it was launched.
	Time time.Time
	// Attached is true if the run was there before the call.
	Attached bool
}

// Config is what a [Runner] needs to know.
type Config struct {
	// Executable is the absolute path of the program inside Company Portal's bundle. It is started with -r.
	Executable string
	// StateDirectory is for the records of runs. It is created with mode 0700, and no other Runner may use it.
	StateDirectory string
	// LogDirectory is where Company Portal writes its logs. It need not exist.
	LogDirectory string
	// Activate brings Company Portal to the front. It is called once for each launch, after Company Portal has written
	// to its log: before that, macOS may not know that it runs, and would start another instance. It may be nil.
	Activate func(ctx context.Context) error
	// Grace is how long Company Portal may take to end after SIGTERM before it is killed; 0 means 10 s.
	Grace time.Duration
	// Logger may be nil.
	Logger *slog.Logger
}
