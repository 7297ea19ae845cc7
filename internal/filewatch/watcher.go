package filewatch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"usher.internal/internal/notice"
)

const (
	// lookAgainAfter is how often a [Watcher] has its user look where the kernel does not say what changes.
	lookAgainAfter = time.Minute
	// maximumTries is how often in a row what is watched may change while it begins to be watched.
	maximumTries = 8
)

// errChanged says that another file is at a path than a moment ago.
var errChanged = errors.New("they were replaced meanwhile")

// Watcher says that something may have changed around some files; what has, its user finds out by looking. So an event
// that is lost or means nothing does no harm. Its methods are safe for concurrent use.
type Watcher struct {
	queue   *queue
	changes notice.Signal
	ended   chan struct{}
	// lookAgain fires where not everything can be watched.
	lookAgain      *time.Timer
	lookAgainAfter time.Duration

	mu    sync.Mutex
	trail trail
	// touched is set when one of the files was changed itself, which their states may not show: two changes may have
	// the same time.
	touched bool
}

// New returns a Watcher that watches nothing yet. The caller closes it. The error is that files cannot be watched at
// all, as where the process has no descriptors left.
func New() (*Watcher, error) {
	queue, err := newQueue()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &Watcher{queue: queue, changes: notice.NewSignal(), ended: make(chan struct{}),
		lookAgainAfter: lookAgainAfter}
	w.lookAgain = time.AfterFunc(lookAgainAfter, func() { w.wake(false) })
	w.lookAgain.Stop()
	go w.run()
	return w, nil
}

// Close ends the watching. Nothing else may be called after it.
func (w *Watcher) Close() {
	w.lookAgain.Stop()
	w.queue.stop()
	<-w.ended
	w.queue.close()
}

// Changes has a value when something may have changed since the last one was taken.
func (w *Watcher) Changes() <-chan struct{} { return w.changes }

// Follow watches these files, in place of those that were followed before: files that are not there yet, that are
// replaced, whose directories come and go, and that are reached through links. What comes or goes in the directory of a
// file is a change too. An empty name is none. What changes after Follow has returned is told, so look at the files
// after it, and call it again after each change, since their names may lead elsewhere then.
//
// The error says what cannot be watched, for example because it may not be read. The rest is, and until Follow is
// called again Changes has a value once a minute.
func (w *Watcher) Follow(files ...string) error {
	err := w.follow(files)
	if err != nil {
		w.lookAgain.Reset(w.lookAgainAfter)
	} else {
		w.lookAgain.Stop()
	}
	return err
}

func (w *Watcher) follow(files []string) error {
	for range maximumTries {
		wanted := trailOf(files)
		w.set(wanted)
		again, err := w.arm(wanted)
		now := trailOf(files) // what has come or gone in the meantime has sent no event
		if !again && now.sameFiles(wanted) {
			w.set(now)
			return err
		}
	}
	return fmt.Errorf("watch %q: %w, again and again", files, errChanged)
}

// File also watches an open file, wherever its name goes, until it has been closed. The error says that it cannot be
// watched.
func (w *Watcher) File(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("watch %s: %w", file.Name(), err)
	}
	var inner error
	if err = raw.Control(func(descriptor uintptr) { inner = w.queue.addOpen(int(descriptor)) }); err == nil {
		err = inner
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", file.Name(), err)
	}
	return nil
}

// arm has the kernel tell of changes at the places. again says that one of them was replaced meanwhile.
func (w *Watcher) arm(wanted trail) (again bool, err error) {
	w.queue.keep(wanted)
	var problems []error
	for path, place := range wanted {
		if !place.state.watchable() {
			continue // its directory tells
		}
		err := w.queue.add(path, place)
		switch {
		case err == nil:
		case errors.Is(err, errChanged), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR),
			errors.Is(err, syscall.ELOOP):
			again = true
		default:
			problems = append(problems, fmt.Errorf("watch %s: %w", path, err))
		}
	}
	return again, errors.Join(problems...)
}

func (w *Watcher) set(t trail) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trail = t
}

// seen returns the files as they were when Follow returned.
func (w *Watcher) seen() trail {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trail
}

// takeTouched reports whether one of the files was changed itself since the last call.
func (w *Watcher) takeTouched() (touched bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	touched, w.touched = w.touched, false
	return touched
}

func (w *Watcher) wake(touched bool) {
	w.mu.Lock()
	w.touched = w.touched || touched
	w.mu.Unlock()
	w.changes.Set()
}

// run makes one wake-up of whatever number of events; Close waits for it.
func (w *Watcher) run() {
	defer close(w.ended)
	for {
		paths, err := w.queue.wait()
		if err != nil {
			return
		}
		touched := false
		w.mu.Lock()
		for _, path := range paths {
			touched = touched || path == lost || w.trail[path].content
		}
		w.mu.Unlock()
		w.wake(touched)
	}
}
