package filewatch

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// queue is a kqueue(2) on files and directories that it has opened. Nothing else in their directories is opened, and no
// link is followed. So an unreadable neighbour and a link to itself do no harm. This has run only under sim/darwin's
// loader: nobody has run it on a Mac yet.
type queue struct {
	kqueue int

	mu sync.Mutex
	// watched are the descriptors that the queue has opened, by path, and paths are the paths by descriptor.
	watched map[string]watched
	paths   map[int]string
}

type watched struct {
	descriptor int
	entries    bool
	state      state
}

// lost is not a path: on Linux it means that events were lost. A kqueue keeps one event for each file, and loses none.
const lost = ""

// The events that are requested. For a directory, NOTE_WRITE means that an entry was added, removed or replaced, never
// that an entry was written to (xnu's bsd/vfs/kpi_vfs.c [XNU]).
const (
	notesOfItself = unix.NOTE_DELETE | unix.NOTE_RENAME | unix.NOTE_REVOKE | unix.NOTE_ATTRIB
	notesOfAll    = notesOfItself | unix.NOTE_WRITE | unix.NOTE_EXTEND
)

// endEvent is the EVFILT_USER event that ends [queue.wait].
const endEvent = 1

func newQueue() (*queue, error) {
	kqueue, err := unix.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(kqueue)
	q := &queue{kqueue: kqueue, watched: map[string]watched{}, paths: map[int]string{}}
	if err := q.change(unix.Kevent_t{Ident: endEvent, Filter: unix.EVFILT_USER,
		Flags: unix.EV_ADD | unix.EV_CLEAR}); err != nil {
		unix.Close(kqueue)
		return nil, err
	}
	return q, nil
}

// change changes which events the kernel reports.
func (q *queue) change(event unix.Kevent_t) error {
	for {
		_, err := unix.Kevent(q.kqueue, []unix.Kevent_t{event}, nil, nil)
		if !errors.Is(err, unix.EINTR) { // the change was still made, and may be made again
			return os.NewSyscallError("kevent", err)
		}
	}
}

func (q *queue) request(descriptor int, notes uint32) error {
	return q.change(unix.Kevent_t{Ident: uint64(descriptor), Filter: unix.EVFILT_VNODE,
		Flags: unix.EV_ADD | unix.EV_CLEAR, Fflags: notes})
}

// keep stops watching paths that are no longer wanted, or that are now another file.
func (q *queue) keep(wanted trail) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for path, w := range q.watched {
		if place, ok := wanted[path]; !ok || !place.state.sameFile(w.state) {
			delete(q.watched, path)
			delete(q.paths, w.descriptor)
			unix.Close(w.descriptor)
		}
	}
}

// add watches the file or directory at path, which must be in its place's state. A watched file is open, so no other
// file can get its inode number.
func (q *queue) add(path string, place place) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	notes := uint32(notesOfItself)
	if place.content || place.entries {
		notes = notesOfAll
	}
	if before, ok := q.watched[path]; ok && before.entries == place.entries {
		return nil
	} else if ok {
		before.entries = place.entries
		q.watched[path] = before
		return q.request(before.descriptor, notes)
	}
	// It may now be a named pipe or a link: open waits for neither.
	descriptor, err := open(path)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	var status syscall.Stat_t
	if err := syscall.Fstat(descriptor, &status); err != nil || uint64(status.Dev) != place.state.device ||
		status.Ino != place.state.inode {
		unix.Close(descriptor)
		return errChanged
	}
	if err := q.request(descriptor, notes); err != nil {
		unix.Close(descriptor)
		return err
	}
	q.watched[path], q.paths[descriptor] = watched{descriptor: descriptor, entries: place.entries, state: place.state},
		path
	return nil
}

// open opens only for events, so the volume can still be ejected (open(2)).
func open(path string) (descriptor int, err error) {
	for {
		descriptor, err = unix.Open(path, unix.O_EVTONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			return descriptor, err
		}
	}
}

// addOpen watches a file that its owner has open, until it is closed.
func (q *queue) addOpen(descriptor int) error { return q.request(descriptor, notesOfAll) }

// wait blocks until something has happened, and returns the paths. A path that was not added means a file of
// [queue.addOpen]. The error says that stop was called.
func (q *queue) wait() (paths []string, err error) {
	var events [16]unix.Kevent_t
	for {
		n, err := unix.Kevent(q.kqueue, nil, events[:], nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("kevent", err)
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		for _, event := range events[:n] {
			if event.Filter == unix.EVFILT_USER {
				return nil, os.ErrClosed
			}
			path, ok := q.paths[int(event.Ident)]
			if !ok {
				path = "an open file"
			}
			paths = append(paths, path)
		}
		return paths, nil
	}
}

// stop makes wait return.
func (q *queue) stop() {
	// It cannot fail: the event was added when the queue was created.
	_ = q.change(unix.Kevent_t{Ident: endEvent, Filter: unix.EVFILT_USER, Fflags: unix.NOTE_TRIGGER})
}

// close releases everything. wait must have returned.
func (q *queue) close() {
	q.keep(nil)
	unix.Close(q.kqueue)
}

func changeTime(status *syscall.Stat_t) int64 { return syscall.TimespecToNsec(status.Ctimespec) }
