package portal

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/notice"
	"usher.internal/internal/processgroup"
	"usher.internal/internal/wpj"
)

// run is one run of Company Portal. One goroutine follows it; any number of calls stream what it finds.
type run struct {
	runner *Runner
	id     string
	// command is set if Company Portal is our child, exits if its end can be watched.
	command *exec.Cmd
	exits   *exitWatch

	mu     sync.Mutex
	record record
	// alive is true as long as the process has not ended, and we may signal it.
	alive    bool
	stopping *time.Timer
	logExit  *wpj.ExitCode
	// changed is sent when there is something new.
	changed notice.Broadcast
	// activating ends when Company Portal has been brought to the front, or could not be.
	activating sync.WaitGroup
	activate   sync.Once
}

func newRun(runner *Runner, saved record) *run {
	saved.Milestones = nil // read again from the log, from the recorded position on
	return &run{runner: runner, id: saved.RegistrationID, record: saved}
}

// pastRun is a run that is known only from its record.
func pastRun(runner *Runner, saved record) *run {
	return &run{runner: runner, id: saved.RegistrationID, record: saved}
}

func (r *run) isAlive() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.alive
}

// update changes the run under its lock and wakes the calls that stream it.
func (r *run) update(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	r.changed.Send()
}

// follow follows the log and waits for the end of the process. Then it reads the log to its end and completes the
// record. If ctx ends first, it leaves everything as it is.
func (r *run) follow(ctx context.Context) {
	drain, followed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(followed)
		r.followLog(ctx, drain)
	}()
	exit, err := r.waitForExit(ctx)
	close(drain)
	<-followed
	if err != nil || exit.Unknown() && ctx.Err() != nil { // the log may not have been read to its end
		return
	}
	r.mu.Lock()
	if exit.Unknown() && r.logExit != nil {
		exit = wpj.Exit{Code: r.logExit, FromLog: true}
	}
	final := r.record
	r.mu.Unlock()
	final.Phase, final.Exit, final.EndedAt = phaseEnded, &exit, time.Now()
	if err := r.runner.records.save(final); err != nil {
		r.runner.logger.Error("record end of Company Portal", "registration_id", r.id, "error", err)
	}
	r.runner.logger.Info("Company Portal ended", "registration_id", r.id, "exit", exit.String())
	r.update(func() { r.record = final })
}

func (r *run) followLog(ctx context.Context, drain <-chan struct{}) {
	if !r.record.LogKnown {
		return
	}
	following := applog.Following{Directory: r.runner.config.LogDirectory, From: r.record.Log, Drain: drain}
	_, err := applog.Follow(ctx, following, func(entry *applog.Record) error {
		r.take(entry)
		r.toFront(ctx)
		return nil
	})
	r.activating.Wait()
	if err != nil && ctx.Err() == nil {
		r.runner.logger.Warn("follow log of Company Portal", "registration_id", r.id, "error", err)
	}
}

// toFront brings Company Portal to the front, once, if this agent has launched it. The user knows about one that runs
// already, and macOS would take the keyboard from their present work.
func (r *run) toFront(ctx context.Context) {
	activate := r.runner.config.Activate
	if activate == nil || r.command == nil || !r.isAlive() {
		return
	}
	r.activate.Do(func() {
		r.activating.Go(func() {
			if err := activate(ctx); err != nil && ctx.Err() == nil {
				r.runner.logger.Warn("Company Portal may be behind other windows", "registration_id", r.id, "error",
					err)
			}
		})
	})
}

func (r *run) take(entry *applog.Record) {
	if code, ok := exitCodeOf(entry); ok {
		r.mu.Lock()
		if r.logExit == nil { // the first one after the launch: a later one belongs to another run
			r.logExit = &code
		}
		r.mu.Unlock()
	}
	if next, ok := milestoneOf(entry); ok {
		r.update(func() { r.record.Milestones = addMilestone(r.record.Milestones, next) })
	}
}

// waitForExit returns how the process ended, as far as its exit status says. An error means that ctx has ended.
func (r *run) waitForExit(ctx context.Context) (wpj.Exit, error) {
	watched := r.exits != nil
	if watched {
		defer r.exits.close()
		if err := r.exits.wait(ctx); err != nil && ctx.Err() != nil {
			return wpj.Exit{}, err
		} else if err != nil {
			r.runner.logger.Error("wait for Company Portal", "registration_id", r.id, "error", err)
			watched = false
		}
	}
	if !watched {
		if err := r.pollExit(ctx); err != nil {
			return wpj.Exit{}, err
		}
	}
	r.markEnded()
	if r.command == nil {
		return wpj.Exit{}, nil
	}
	return exitOf(r.command.Wait()), nil // at once, for it has ended
}

// pollPause is the pause between two looks at a process whose end cannot be watched, for example for lack of
// descriptors.
const pollPause = time.Second

// pollExit returns when the process has ended; an error means that ctx has. Waiting for a child instead could not be
// cancelled, and would last as long as Company Portal.
func (r *run) pollExit(ctx context.Context) error {
	ticker := time.NewTicker(pollPause)
	defer ticker.Stop()
	for !r.hasEnded() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// hasEnded reports whether the process has ended.
func (r *run) hasEnded() bool {
	named := r.record.Process
	if r.command != nil {
		// A child keeps its number until it is waited for, so it can be identified later even if that failed at its
		// start.
		now, err := identify(named.PID)
		if err != nil {
			return false
		}
		named = now
	}
	return !alive(named)
}

// markEnded forbids further signals. A child that has ended and was not waited for keeps its number, so the remaining
// processes of a stopped one's group are killed as well.
func (r *run) markEnded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.alive = false
	if r.stopping == nil {
		return
	}
	r.stopping.Stop()
	if r.command != nil {
		_ = processgroup.Signal(r.record.Process.PID, syscall.SIGKILL)
	}
}

// exitOf converts the result of exec's Wait.
func exitOf(err error) wpj.Exit {
	success := wpj.ExitSuccess
	if err == nil {
		return wpj.Exit{Code: &success}
	}
	exitError, exited := errors.AsType[*exec.ExitError](err)
	if !exited {
		return wpj.Exit{}
	}
	status, ok := exitError.Sys().(syscall.WaitStatus)
	switch {
	case ok && status.Exited():
		code := wpj.ExitCode(status.ExitStatus())
		return wpj.Exit{Code: &code}
	case ok && status.Signaled():
		return wpj.Exit{Signal: status.Signal()}
	}
	return wpj.Exit{}
}

// stream passes every event to send, from the start.
func (r *run) stream(ctx context.Context, attached bool, send func(Event) error) error {
	r.mu.Lock()
	started := Started{Time: r.record.LaunchedAt, Attached: attached}
	if r.alive {
		started.PID = r.record.Process.PID
	}
	r.mu.Unlock()
	if err := send(started); err != nil {
		return err
	}
	for sent := 0; ; {
		r.mu.Lock()
		milestones, exit, changed := r.record.Milestones[sent:], r.record.Exit, r.changed.Next()
		r.mu.Unlock()
		for _, milestone := range milestones {
			if err := send(wpj.Milestone(milestone)); err != nil {
				return err
			}
			sent++
		}
		if exit != nil {
			return send(*exit)
		}
		if err := r.await(ctx, changed); err != nil {
			return err
		}
	}
}

// wait blocks until the run has ended and returns how.
func (r *run) wait(ctx context.Context) (wpj.Exit, error) {
	for {
		r.mu.Lock()
		exit, changed := r.record.Exit, r.changed.Next()
		r.mu.Unlock()
		if exit != nil {
			return *exit, nil
		}
		if err := r.await(ctx, changed); err != nil {
			return wpj.Exit{}, err
		}
	}
}

func (r *run) await(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.runner.context.Done():
		return context.Cause(r.runner.context)
	}
}

// stop sends SIGTERM to the process group, and SIGKILL after the grace time. It does not wait.
func (r *run) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.alive || r.stopping != nil {
		return
	}
	r.runner.logger.Info("stopping Company Portal", "registration_id", r.id, "pid", r.record.Process.PID)
	r.signal(syscall.SIGTERM)
	r.stopping = time.AfterFunc(r.runner.config.Grace, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.alive && r.runner.context.Err() == nil {
			r.runner.logger.Warn("killing Company Portal", "registration_id", r.id, "pid", r.record.Process.PID)
			r.signal(syscall.SIGKILL)
		}
	})
}

// signal signals the process group. r.mu is held and the run is alive. A child has not been waited for, so its number
// is its own. For a process that is not our child, signal checks that at the last moment.
func (r *run) signal(signal syscall.Signal) {
	if r.command == nil && !alive(r.record.Process) {
		return
	}
	// Its end may not have been noticed yet.
	if err := processgroup.Signal(r.record.Process.PID, signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.runner.logger.Error("signal Company Portal", "registration_id", r.id, "signal", signal.String(), "error", err)
	}
}
