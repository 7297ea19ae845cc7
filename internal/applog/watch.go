package applog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/fsnotify/fsnotify"

	"usher.internal/internal/foreign"
)

// watch tells that something may have changed in a directory; what has, its user finds out by looking. While the
// directory does not exist, its nearest ancestor that does is watched.
//
// Under kqueue (macOS) fsnotify finds a new file by listing the directory, tells of it, and only then watches the file:
// writes in between would go unnoticed. So files are watched by a second watcher, whose watch is in place when file
// returns. It is a second one since two goroutines that add the same file to one kqueue watcher leak a descriptor.
type watch struct {
	directory string
	tree      *fsnotify.Watcher
	files     *fsnotify.Watcher
	// aimed is the directory that is watched now, and aimedAt which one that was.
	aimed   string
	aimedAt fs.FileInfo
	// lost is set when the watched directory has gone: another one of its name may even have its inode.
	lost   atomic.Bool
	merged chan error
	stop   chan struct{}
	done   chan struct{}
}

func newWatch(directory string) (*watch, error) {
	tree, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", directory, err)
	}
	files, err := fsnotify.NewWatcher()
	if err != nil {
		tree.Close()
		return nil, fmt.Errorf("watch %s: %w", directory, err)
	}
	w := &watch{directory: filepath.Clean(directory), tree: tree, files: files,
		merged: make(chan error, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go w.merge()
	return w, nil
}

// merge makes one wake-up of whatever number of events; close waits for it.
func (w *watch) merge() {
	defer close(w.done)
	for {
		var err error
		select {
		case <-w.stop:
			return
		case event := <-w.tree.Events:
			if event.Op&(fsnotify.Remove|fsnotify.Rename) != 0 && strings.HasPrefix(w.directory+"/", event.Name+"/") {
				w.lost.Store(true)
			}
		case <-w.files.Events:
		case err = <-w.tree.Errors:
		case err = <-w.files.Errors:
		}
		// An overflow means that events were lost, and a file that vanished under the watcher's hands is seen by the
		// look that comes next.
		if errors.Is(err, fsnotify.ErrEventOverflow) || errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err != nil {
			select { // an error takes the place of a wake-up
			case <-w.merged:
			default:
			}
		}
		select {
		case w.merged <- err:
		default:
		}
	}
}

// changes has a value when something may have changed since the last one was taken: nil, or what ends the watching.
func (w *watch) changes() <-chan error { return w.merged }

// aim sees to it that the directory is watched, or its nearest ancestor that exists. It is opened by the rules of the package foreign; a
// user who exchanges it after that gets nothing but wake-ups.
func (w *watch) aim() error {
	lost := w.lost.Swap(false)
	for target := w.directory; ; {
		folder, err := foreign.OpenFolder(target)
		if errors.Is(err, fs.ErrNotExist) && target != filepath.Dir(target) {
			target = filepath.Dir(target)
			continue
		}
		if errors.Is(err, syscall.ENOTDIR) {
			return fmt.Errorf("watch %s: %s: %w", w.directory, target, ErrNotALogDirectory)
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", w.directory, err)
		}
		info := folder.Info()
		folder.Close()
		if target == w.aimed && !lost && os.SameFile(info, w.aimedAt) {
			return nil
		}
		lost = false
		if w.aimed != "" {
			_ = w.tree.Remove(w.aimed) // fails when the kernel has removed it with the directory
		}
		w.aimed = ""
		switch err := w.tree.Add(target); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("watch %s: %w", target, err)
		default:
			w.aimed, w.aimedAt = target, info
		}
		target = w.directory // it may have come while we were busy
	}
}

// file watches one file, if it is still there.
func (w *watch) file(path string) error {
	err := w.files.Add(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	return nil
}

func (w *watch) close() {
	close(w.stop)
	<-w.done
	w.tree.Close()
	w.files.Close()
}
