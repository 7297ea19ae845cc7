package applog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"usher.internal/internal/filewatch"
	"usher.internal/internal/foreign"
)

// watch reports that something may have changed in a directory of logs, or above it. Its caller looks for the change.
type watch struct {
	directory string
	watcher   *filewatch.Watcher
	logs      []entry
}

func newWatch(directory string) (*watch, error) {
	watcher, err := filewatch.New()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", directory, err)
	}
	return &watch{directory: filepath.Clean(directory), watcher: watcher}, nil
}

// changes has a value when something may have changed since the last one was taken.
func (w *watch) changes() <-chan struct{} { return w.watcher.Changes() }

// aim watches the directory, or its nearest ancestor that exists, and the logs that were found last. The directory is
// opened by the rules of the package foreign. A user who replaces it afterwards causes only wake-ups.
func (w *watch) aim() error {
	folder, err := foreign.OpenFolder(w.directory)
	switch {
	case err == nil:
		folder.Close()
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("watch %s: %w", w.directory, ErrNotALogDirectory)
	default:
		return fmt.Errorf("watch %s: %w", w.directory, err)
	}
	w.follow()
	return nil
}

// files watches the logs that were found, before they are read: lines that are written after the reading are reported.
func (w *watch) files(found []entry) {
	same := func(a, b entry) bool { return a.name == b.name && a.inode == b.inode }
	if !slices.EqualFunc(found, w.logs, same) {
		w.logs = slices.Clone(found)
		w.follow()
	}
}

// follow watches by names. A path that cannot be watched is checked once a minute.
func (w *watch) follow() {
	// a name in the directory, so that it is watched without logs too
	paths := []string{filepath.Join(w.directory, "*.log")}
	for _, log := range w.logs {
		paths = append(paths, filepath.Join(w.directory, log.name))
	}
	_ = w.watcher.Follow(paths...)
}

// opened watches an open log, which may be renamed. A log that cannot be watched this way is watched by its name.
func (w *watch) opened(file *os.File) { _ = w.watcher.File(file) }

func (w *watch) close() { w.watcher.Close() }
