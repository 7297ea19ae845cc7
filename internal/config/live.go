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

// Live is the configuration of a program that runs. What its files say counts as soon as they say it; while they cannot
// be read, or say what cannot be, the last good configuration stays in force and [Live.Problem] tells why.
//
// The keys of [AtStart] count when the program starts: others have been told the paths by then. Its methods may be
// called from any goroutine.
type Live struct {
	places   Places
	required bool
	keep     string

	now atomic.Pointer[inForce]
	// mu is held while the files are read, and guards what follows.
	mu      sync.Mutex
	log     *slog.Logger
	changed notice.Broadcast
}

// inForce is what a [Live] knows at one moment. It is not changed once it is made.
type inForce struct {
	loaded  *Loaded
	problem *Problem
	pending []string
}

// Problem is why the files are not in force.
type Problem struct {
	Err   error
	Since time.Time
}

// AtStart are the keys that count when a program starts.
func AtStart() []string {
	return []string{"socket_directory", "state_directory", "development.helper_uid"}
}

// Open reads the configuration as [Load] does. With keep, the path of a file that nobody else can write, the last good
// configuration is kept there, and taken from there when the files are no good: a daemon that does not start because of
// them would tell nobody why. The error is that of the files where there is no last good configuration.
func Open(path, keep string) (*Live, error) {
	places, required := PlatformPlaces(), false
	if path != "" {
		places.Local, required = path, true
	}
	return places.open(required, keep)
}

// Open is [Open] for these places; a missing file is fine.
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

// runsWithoutLocal reports whether what else the files say is in force although the local one cannot be read. A program
// that keeps its last good configuration, as usherd does, rather has that.
func (l *Live) runsWithoutLocal(err error) bool {
	_, only := err.(*notReadable) //nolint:errorlint // joined with another error it is not the only one
	return only && l.keep == ""
}

// Begin gives it a log, and tells that what [Open] has found: what is logged, and how much of it, is in the
// configuration itself. It keeps what is good.
func (l *Live) Begin(log *slog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = log
	if problem := l.Problem(); problem != nil {
		l.tell(problem)
		return
	}
	l.save()
}

// Current returns what is in force. The caller changes nothing in it.
func (l *Live) Current() *Loaded { return l.now.Load().loaded }

// Problem returns why the files are not in force, nil when they are.
func (l *Live) Problem() *Problem { return l.now.Load().problem }

// Pending returns the keys of [AtStart] whose files say something else than what the program was started with.
func (l *Live) Pending() []string { return slices.Clone(l.now.Load().pending) }

// Changed returns a channel that is closed when something else is in force, or when what is wrong has changed.
func (l *Live) Changed() <-chan struct{} { return l.changed.Next() }

// Reload reads the files anew and tells whether anything is in force now that was not before.
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
		l.tell(problem)
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
			l.log.Warn("the configuration has changed a key that counts at the next start", "key", key)
		}
	}
	if changed || news {
		l.save()
	}
	return changed
}

// become has something else be in force, and tells whoever waits for that.
func (l *Live) become(now *inForce) {
	l.now.Store(now)
	l.changed.Send()
}

// tell logs the problem. What stands in the files under unknown keys is not part of it.
func (l *Live) tell(problem *Problem) {
	if l.runsWithoutLocal(problem.Err) {
		l.log.Warn("the local configuration cannot be read; the managed one and the defaults are in force", "error",
			problem.Err)
		return
	}
	l.log.Error("the configuration cannot be used; the last good one stays in force", "error", problem.Err)
}

// pin gives the keys that count at the start the values that are in force, and returns those that would have others.
func (l *Live) pin(loaded, before *Loaded) (pending []string) {
	for _, name := range AtStart() {
		row, known := find(name)
		if !known {
			panic("there is no key " + name) // a test pins each
		}
		stays := row.get(&before.Config)
		if row.get(&loaded.Config) == stays {
			continue
		}
		pending = append(pending, name)
		if err := row.set(&loaded.Config, value{text: stays}); err != nil {
			panic(fmt.Sprintf("value of %s that is in force: %v", name, err)) // it has been set before
		}
	}
	return pending
}

// LogLevel is the level that the configuration has at each moment, info before there is one. The zero value is ready;
// it may be used by several goroutines.
type LogLevel struct{ live atomic.Pointer[Live] }

// Follow has it be what l says from now on.
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
