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
	// lookAgainAfter is how often a [Watcher] makes its caller look if the kernel cannot report changes.
	lookAgainAfter = time.Minute
	// maximumTries is how often in a row files may be replaced while the watching begins.
	maximumTries = 8
)

// errChanged says that a path has another file than a moment ago.
var errChanged = errors.New("they were replaced meanwhile")

// Watcher reports that something may have changed around some files. Its caller looks for the change, so an event that
// is lost or means nothing does no harm. Its methods are safe for concurrent use.
type Watcher struct {
	queue   *queue
	changes notice.Signal
	ended   chan struct{}
	// lookAgain fires if not everything can be watched.
	lookAgain      *time.Timer
	lookAgainAfter time.Duration

	mu    sync.Mutex
	trail trail
	// touched is set when one of the files itself was changed. Their states may not show that, because two changes may
	// have the same time.
	touched bool
}

// New returns a Watcher that watches nothing yet. The caller closes it. The error says that files cannot be watched at
// all, for example because the process has no descriptors left.
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

// Follow watches these files, instead of the previous ones. The files need not exist, may be replaced, may be reached
// through links, and their directories may be created and removed. An entry that is added to or removed from the
// directory of a file is a change too. An empty name is ignored. Changes after Follow has returned are reported, so
// look at the files after it. Call it again after each change, since names may then lead to other files.
//
// The error names files that cannot be watched, for example because they may not be read. The rest is watched, and
// until Follow is called again Changes has a value once a minute.
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
		now := trailOf(files) // files that were added or removed meanwhile have sent no event
		if !again && now.sameFiles(wanted) {
			w.set(now)
			return err
		}
	}
	return fmt.Errorf("watch %q: %w, again and again", files, errChanged)
}

// File also watches an open file until it is closed, even if it is renamed. The error says that it cannot be watched.
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

// arm requests events from the kernel for the places. again says that one of them was replaced meanwhile.
func (w *Watcher) arm(wanted trail) (again bool, err error) {
	w.queue.keep(wanted)
	var problems []error
	for path, place := range wanted {
		if !place.state.watchable() {
			continue // its directory shows it
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

// takeTouched reports whether one of the files itself was changed since the last call.
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

// run turns any number of events into one wake-up; Close waits for it.
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
