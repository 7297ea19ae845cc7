package config

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"usher.internal/internal/notice"
)

// Live is the configuration of a running program. Changes of its files take effect at once. While the files cannot be
// read or are not valid, the last good configuration remains in force, and [Live.Problem] returns the reason.
//
// The keys of [AtStart] take effect when the program starts, because other programs already use these paths. Its
// methods may be called from any goroutine.
type Live struct {
	places   Places
	required bool
	keep     string

	now atomic.Pointer[inForce]
	// mu is held while the files are read, and guards the fields below.
	mu      sync.Mutex
	log     *slog.Logger
	changed notice.Broadcast
}

// inForce is the state of a [Live] at one moment. It never changes.
type inForce struct {
	loaded  *Loaded
	problem *Problem
	pending []string
}

// Problem is the reason why the files are not in force.
type Problem struct {
	Err   error
	Since time.Time
}

// AtStart are the keys that take effect when a program starts.
func AtStart() []string {
	return []string{"socket_directory", "state_directory", "development.helper_uid"}
}

// Open reads the configuration as [Load] does. keep is empty or the path of a file that nobody else can write. Open
// stores the last good configuration there, and uses it when the files cannot be used. Otherwise a daemon could not
// start with bad files, and could not report them. Without a last good configuration the error is that of the files.
func Open(path, keep string) (*Live, error) {
	places, required := PlatformPlaces(), false
	if path != "" {
		places.Local, required = path, true
	}
	return places.open(required, keep)
}

// Open is [Open] for these places. A missing file is fine.
func (p Places) Open(keep string) (*Live, error) { return p.open(false, keep) }

func (p Places) open(required bool, keep string) (*Live, error) {
	l := &Live{places: p, required: required, keep: keep, log: slog.New(slog.DiscardHandler)}
	loaded, err := p.load(required)
	if err == nil {
		l.now.Store(&inForce{loaded: loaded})
		return l, nil
	}
	if l.runsWithoutLocal(err) {
		l.now.Store(&inForce{loaded: loaded, problem: &Problem{err, time.Now()}})
		return l, nil
	}
	kept, keptErr := l.restore()
	if keptErr != nil {
		return nil, err
	}
	l.now.Store(&inForce{loaded: kept, problem: &Problem{err, time.Now()}})
	return l, nil
}

// runsWithoutLocal reports whether the rest of the files takes effect although the local one cannot be read. A program
// that keeps its last good configuration, such as usherd, uses that instead.
func (l *Live) runsWithoutLocal(err error) bool {
	_, only := err.(*notReadable) //nolint:errorlint // joined with another error it is not the only one
	return only && l.keep == ""
}

// Begin sets the log and logs what [Open] has found. It is a separate call because the configuration itself says what
// to log and at which level. It stores a good configuration.
func (l *Live) Begin(log *slog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = log
	if problem := l.Problem(); problem != nil {
		l.report(problem)
		return
	}
	l.save()
}

// Current returns the configuration in force. The caller must not change it.
func (l *Live) Current() *Loaded { return l.now.Load().loaded }

// Problem returns why the files are not in force. It is nil when they are.
func (l *Live) Problem() *Problem { return l.now.Load().problem }

// Pending returns the keys of [AtStart] whose values in the files differ from those at the program's start.
func (l *Live) Pending() []string { return slices.Clone(l.now.Load().pending) }

// Changed returns a channel that is closed when the configuration in force or its problem has changed.
func (l *Live) Changed() <-chan struct{} { return l.changed.Next() }

// Reload reads the files again and reports whether the configuration in force has changed.
func (l *Live) Reload() (changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.now.Load()
	loaded, err := l.places.load(l.required)
	problem, news := before.problem, false
	switch {
	case err == nil && before.problem != nil:
		l.log.Info("the configuration can be read again", "since", before.problem.Since)
		problem, news = nil, true
	case err != nil && (before.problem == nil || before.problem.Err.Error() != err.Error()):
		problem, news = &Problem{err, time.Now()}, true
		l.report(problem)
	}
	if err != nil && !l.runsWithoutLocal(err) {
		if news {
			l.become(&inForce{loaded: before.loaded, problem: problem, pending: before.pending})
		}
		return false
	}
	now := &inForce{loaded: loaded, problem: problem, pending: l.pin(loaded, before.loaded)}
	values, were := loaded.Values(), before.loaded.Values()
	if changed = !reflect.DeepEqual(values, were); !changed {
		now.loaded = before.loaded
	}
	if changed || news || !slices.Equal(before.pending, now.pending) {
		l.become(now)
	}
	for i, value := range values {
		if were[i].Value != value.Value {
			l.log.Info("the configuration has changed", "key", value.Key, "origin", value.Origin)
		}
	}
	for _, key := range now.pending {
		if !slices.Contains(before.pending, key) {
			l.log.Warn("a changed key of the configuration takes effect at the next start", "key", key)
		}
	}
	if changed || news {
		l.save()
	}
	return changed
}

// become puts another configuration in force and wakes everyone who waits for that.
func (l *Live) become(now *inForce) {
	l.now.Store(now)
	l.changed.Send()
}

// report logs the problem. The log does not show the values of unknown keys.
func (l *Live) report(problem *Problem) {
	if l.runsWithoutLocal(problem.Err) {
		l.log.Warn("the local configuration cannot be read; the managed one and the defaults are in force", "error",
			problem.Err)
		return
	}
	l.log.Error("the configuration cannot be used; the last good one remains in force", "error", problem.Err)
}

// pin keeps the keys of [AtStart] at the values in force, and returns the keys whose new values differ.
func (l *Live) pin(loaded, before *Loaded) (pending []string) {
	for _, name := range AtStart() {
		row, known := find(name)
		if !known {
			panic("no key " + name) // a test pins each
		}
		current := row.get(&before.Config)
		if row.get(&loaded.Config) == current {
			continue
		}
		pending = append(pending, name)
		if err := row.set(&loaded.Config, value{text: current}); err != nil {
			panic(fmt.Sprintf("value of %s that is in force: %v", name, err)) // it has been set before
		}
	}
	return pending
}

// LogLevel is the log level in the configuration at each moment, or info before there is a configuration. The zero
// value is ready. Several goroutines may use it.
type LogLevel struct{ live atomic.Pointer[Live] }

// Follow sets the configuration that it follows.
func (l *LogLevel) Follow(live *Live) { l.live.Store(live) }

// Level implements [slog.Leveler].
func (l *LogLevel) Level() slog.Level {
	live := l.live.Load()
	if live == nil {
		return slog.LevelInfo
	}
	return live.Current().LogLevel
}

// errNothingKept says that there is no last good configuration.
var errNothingKept = errors.New("no configuration was kept")
