package filewatch

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// queue is an inotify(7) instance. A watch belongs to a file, so several paths may share one.
type queue struct {
	inotify *os.File
	// descriptor is inotify's descriptor: File.Fd would make it blocking.
	descriptor int
	buffer     [64 << 10]byte

	mu      sync.Mutex
	watched map[string]int
	open    map[int]bool // the watches of files that their owner has open
}

// lost is returned by [queue.wait] if the queue was full and events were lost.
const lost = ""

// The events that are requested.
const (
	eventsOfItself  = unix.IN_ATTRIB | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF
	eventsOfContent = eventsOfItself | unix.IN_MODIFY
	eventsOfEntries = eventsOfContent | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO
)

func newQueue() (*queue, error) {
	descriptor, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	return &queue{inotify: os.NewFile(uintptr(descriptor), "inotify"), descriptor: descriptor,
		watched: map[string]int{}, open: map[int]bool{}}, nil
}

// keep stops watching paths that are no longer wanted.
func (q *queue) keep(wanted trail) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for path := range q.watched {
		if _, ok := wanted[path]; !ok {
			q.remove(path)
		}
	}
}

// remove removes the watch of a path, if no other path shares it. q.mu is held.
func (q *queue) remove(path string) {
	watch := q.watched[path]
	delete(q.watched, path)
	if q.open[watch] {
		return
	}
	for _, other := range q.watched {
		if other == watch {
			return
		}
	}
	_, _ = unix.InotifyRmWatch(q.descriptor, uint32(watch)) // the kernel may have removed it with the file
}

// add watches the file or directory at path. The kernel knows whether it is already watched.
func (q *queue) add(path string, place place) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	events := uint32(eventsOfItself)
	switch {
	case place.entries && place.state.mode.IsDir():
		events = eventsOfEntries
	case place.content:
		events = eventsOfContent
	}
	watch, err := unix.InotifyAddWatch(q.descriptor, path, events|unix.IN_DONT_FOLLOW|unix.IN_MASK_ADD)
	if err != nil {
		return os.NewSyscallError("inotify_add_watch", err)
	}
	if before, ok := q.watched[path]; ok && before != watch {
		q.remove(path)
	}
	q.watched[path] = watch
	return nil
}

// addOpen watches a file that its owner has open. The watch ends with the file. If the file still has a name when it is
// closed, the watch ends with the queue.
func (q *queue) addOpen(descriptor int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	watch, err := unix.InotifyAddWatch(q.descriptor, "/proc/self/fd/"+strconv.Itoa(descriptor),
		eventsOfContent|unix.IN_MASK_ADD)
	if err != nil {
		return os.NewSyscallError("inotify_add_watch", err)
	}
	q.open[watch] = true
	return nil
}

// wait blocks until something has happened, and returns the paths, including those of entries of directories. A path
// that was not added is a neighbour, or a file of [queue.addOpen]. The error says that stop was called.
func (q *queue) wait() (paths []string, err error) {
	n, err := q.inotify.Read(q.buffer[:])
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for events := q.buffer[:n]; len(events) >= unix.SizeofInotifyEvent; {
		watch, mask := int(int32(binary.NativeEndian.Uint32(events))), binary.NativeEndian.Uint32(events[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		name := strings.TrimRight(string(events[unix.SizeofInotifyEvent:end]), "\x00")
		events = events[end:]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			paths = append(paths, lost)
		case mask&unix.IN_IGNORED != 0: // the file or the watch was removed; watch numbers are not reused
			q.forget(watch)
		default:
			paths = append(paths, q.pathsOf(watch, name)...)
		}
	}
	return paths, nil
}

func (q *queue) pathsOf(watch int, name string) (paths []string) {
	for path, its := range q.watched {
		if its == watch {
			paths = append(paths, filepath.Join(path, name))
		}
	}
	return append(paths, "an open file")
}

func (q *queue) forget(watch int) {
	delete(q.open, watch)
	for path, its := range q.watched {
		if its == watch {
			delete(q.watched, path)
		}
	}
}

// stop makes wait return.
func (q *queue) stop() { _ = q.inotify.Close() }

// close does nothing: stop has closed the queue.
func (q *queue) close() {}

func changeTime(status *syscall.Stat_t) int64 { return syscall.TimespecToNsec(status.Ctim) }
