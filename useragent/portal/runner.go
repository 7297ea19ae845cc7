package portal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/wpj"
)

// Runner runs Company Portal. Its methods may be called from several goroutines.
type Runner struct {
	config  Config
	logger  *slog.Logger
	records records
	// context ends the waits of the Runner's goroutines; group is those goroutines.
	context context.Context
	cancel  context.CancelCauseFunc
	group   sync.WaitGroup

	// mu guards the fields below, and is held during a whole launch: there is one at a time.
	mu        sync.Mutex
	closed    bool
	recovered bool
	// runs are the runs that are not complete yet, by registration id.
	runs map[string]*run
}

// New returns a Runner. It does nothing before its first call.
func New(config Config) *Runner {
	config.Grace = cmp.Or(config.Grace, 10*time.Second)
	config.Executable = filepath.Clean(config.Executable)
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Runner{config: config, logger: cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),
		records: records{filepath.Join(config.StateDirectory, "portal-runs")},
		context: ctx, cancel: cancel, runs: map[string]*run{}}
}

// Use makes another program Company Portal, from the next launch on.
func (r *Runner) Use(executable string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.config.Executable = filepath.Clean(executable)
}

// Close releases Company Portal without ending it. Calls end with [ErrClosed], and the record of a run is left as it
// is, for the next Runner to find. It returns when no goroutine of the Runner runs any more.
func (r *Runner) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel(ErrClosed)
	r.group.Wait()
}

// Run launches Company Portal for a registration, or attaches to its run. It passes every event to send, from the
// start: one [Started], the [wpj.Milestone]s, one [wpj.Exit]. It blocks until Company Portal has ended (nil), ctx ends
// (its cause) or send fails (that error); in the last two cases Company Portal continues. With attachOnly it never
// launches.
//
// Errors wrap one of the sentinels of this package. For a run that failed to launch, each call returns [ErrNotRunnable]
// again. After [ErrAlreadyRunning] and [ErrBusy] the same id may be tried again.
func (r *Runner) Run(ctx context.Context, registrationID string, attachOnly bool, send func(Event) error) error {
	found, attached, err := r.obtain(registrationID, attachOnly)
	if err != nil {
		return err
	}
	return found.stream(ctx, attached, send)
}

// Stop ends Company Portal: SIGTERM to its process group, SIGKILL after the grace time, even if the call is broken off.
// It returns how Company Portal ended, also if it had ended before. Without a run the error wraps [ErrRunNotFound].
func (r *Runner) Stop(ctx context.Context, registrationID string) (wpj.Exit, error) {
	found, _, err := r.obtain(registrationID, true)
	if errors.Is(err, ErrNotRunnable) {
		return wpj.Exit{}, fmt.Errorf("%w: %s was not launched", ErrRunNotFound, registrationID)
	}
	if err != nil {
		return wpj.Exit{}, err
	}
	found.stop()
	return found.wait(ctx)
}

// obtain returns the run of a registration: the existing one, the one that a record leads to, or a new one.
func (r *Runner) obtain(id string, attachOnly bool) (found *run, attached bool, err error) {
	if !validID(id) {
		return nil, false, fmt.Errorf("%w: %q", ErrInvalidID, id)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false, ErrClosed
	}
	if err := r.recover(); err != nil {
		return nil, false, err
	}
	if found, ok := r.runs[id]; ok {
		return found, true, nil
	}
	saved, ok, err := r.records.load(id)
	switch {
	case err != nil:
		return nil, false, err
	case ok && saved.Phase == phaseNotLaunched:
		return nil, false, fmt.Errorf("%w: %s", ErrNotRunnable, saved.LaunchError)
	case ok && saved.Phase == phaseEnded:
		return pastRun(r, saved), true, nil
	case ok: // a record that appeared after recover
		return r.adopt(saved), true, nil
	case attachOnly:
		return nil, false, fmt.Errorf("%w: %s", ErrRunNotFound, id)
	}
	found, err = r.launch(id)
	return found, false, err
}

// recover takes over, once, the runs of earlier agents.
func (r *Runner) recover() error {
	if r.recovered {
		return nil
	}
	saved, err := r.records.all(
		func(err error) { r.logger.Warn("record of a run cannot be read and is left alone", "error", err) })
	if err != nil {
		return err
	}
	for _, one := range saved {
		if !one.over() {
			r.adopt(one)
		}
	}
	r.recovered = true
	return nil
}

// adopt creates a run from a record that has no end yet. It finds its process by its id and start time; without them,
// by the registration id in its environment.
func (r *Runner) adopt(saved record) *run {
	found := newRun(r, saved)
	if p, exits, ok := r.find(saved); ok {
		found.record.Process, found.record.Phase = p, phaseRunning
		found.exits, found.alive = exits, true
		r.logger.Info("found Company Portal running", "registration_id", saved.RegistrationID, "pid", p.PID)
	} else {
		r.logger.Info("Company Portal has ended while no agent ran", "registration_id", saved.RegistrationID)
	}
	r.follow(found)
	return found
}

// find returns the living process of a record, and a watch on its end.
func (r *Runner) find(saved record) (process, *exitWatch, bool) {
	candidates := []process{saved.Process}
	if saved.Process.PID == 0 {
		var err error
		candidates, err = running(cmp.Or(saved.Executable, r.config.Executable))
		if err != nil {
			r.logger.Warn("look for Company Portal", "error", err)
		}
	}
	for _, p := range candidates {
		if p.PID <= 0 {
			continue
		}
		if saved.Process.PID == 0 {
			if id, _ := registrationOf(p); id != saved.RegistrationID {
				continue
			}
		}
		exits, err := watchExit(p.PID)
		if errors.Is(err, errNoProcess) {
			continue
		}
		if err != nil {
			r.logger.Warn("watch Company Portal; it is looked at every now and then instead", "error", err)
			exits = nil
		}
		// The check comes after the watch, so the id cannot pass to another process unnoticed.
		if alive(p) {
			return p, exits, true
		}
		if exits != nil {
			exits.close()
		}
	}
	return process{}, nil, false
}

// launch starts Company Portal for a registration that has no record.
func (r *Runner) launch(id string) (*run, error) {
	for other, one := range r.runs {
		if one.isAlive() {
			return nil, fmt.Errorf("%w: %s", ErrBusy, other)
		}
	}
	strangers, err := running(r.config.Executable)
	if err != nil {
		return nil, err
	}
	if len(strangers) > 0 {
		return nil, fmt.Errorf("%w: process %d", ErrAlreadyRunning, strangers[0].PID)
	}
	if err := r.records.prune(); err != nil {
		r.logger.Warn("delete old records", "error", err)
	}
	next := record{RegistrationID: id, Phase: phaseLaunching, Executable: r.config.Executable, LaunchedAt: time.Now()}
	next.Log, next.LogKnown = r.logPosition()
	if err := r.records.save(next); err != nil {
		return nil, err
	}
	command, err := start(r.config.Executable, id)
	if err != nil {
		next.Phase, next.LaunchError = phaseNotLaunched, err.Error()
		return nil, errors.Join(err, r.records.save(next))
	}
	found := newRun(r, next)
	found.command, found.alive = command, true
	found.record.Phase = phaseRunning
	if found.exits, err = watchExit(command.Process.Pid); err != nil {
		r.logger.Warn("watch Company Portal", "error", err) // it is still waited for
	}
	if found.record.Process, err = identify(command.Process.Pid); err != nil {
		found.record.Process = process{PID: command.Process.Pid}
		r.logger.Warn("identify Company Portal", "error", err)
	}
	if err := r.records.save(found.record); err != nil {
		// The environment of the process leads back to it as well.
		r.logger.Error("complete record of launched Company Portal", "error", err)
	}
	r.logger.Info("launched Company Portal", "registration_id", id, "pid", command.Process.Pid)
	r.follow(found)
	return found, nil
}

// logPosition returns the end of Company Portal's log. Without it the run has no milestones, but it is possible.
func (r *Runner) logPosition() (applog.Position, bool) {
	position, err := applog.Here(r.config.LogDirectory)
	if err != nil {
		r.logger.Warn("find end of Company Portal's log", "error", err)
	}
	return position, err == nil
}

// follow follows a run to its end in a goroutine of the Runner. r.mu is held.
func (r *Runner) follow(found *run) {
	r.runs[found.id] = found
	r.group.Go(func() {
		found.follow(r.context)
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.runs, found.id)
	})
}
