package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settleWithin is how long is waited for the end of a burst of changes: a profile is written in several steps.
const settleWithin = 200 * time.Millisecond

// Watch has the files count when they change, and calls changed after each change of what is in force. It blocks until ctx ends, and
// then returns nil; the error is that the files cannot be watched. Nothing is polled. It is called after [Live.Begin].
func (l *Live) Watch(ctx context.Context, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch configuration: %w", err)
	}
	defer watcher.Close()
	l.mu.Lock()
	log := l.log
	l.mu.Unlock()
	files := []string{l.places.Managed, l.places.Local}
	if err := follow(watcher, files); err != nil {
		return fmt.Errorf("watch configuration: %w", err)
	}
	// What has changed between the start and now has sent no event.
	settled := time.NewTimer(0)
	defer settled.Stop()
	for {
		select {
		case event, open := <-watcher.Events:
			if !open {
				return nil
			}
			if concerns(event.Name, files) {
				settled.Reset(settleWithin)
			}
		case err, open := <-watcher.Errors:
			if !open {
				return nil
			}
			// Events were lost, for example: look.
			log.Warn("watching the configuration", "error", err)
			settled.Reset(settleWithin)
		case <-settled.C:
			if err := follow(watcher, files); err != nil {
				return fmt.Errorf("watch configuration: %w", err)
			}
			if l.Reload() {
				changed()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// follow watches the directory of each file, where a file that is replaced is seen, or the nearest one above it that is there.
func follow(watcher *fsnotify.Watcher, files []string) error {
	wanted := map[string]bool{}
	for _, file := range files {
		if file == "" {
			continue
		}
		directory := filepath.Dir(file)
		for !isDirectory(directory) && directory != filepath.Dir(directory) {
			directory = filepath.Dir(directory)
		}
		wanted[directory] = true
		// A file that is a link is changed where it leads to.
		if target, err := filepath.EvalSymlinks(file); err == nil {
			wanted[filepath.Dir(target)] = true
		}
	}
	for _, watched := range watcher.WatchList() {
		if !wanted[watched] {
			_ = watcher.Remove(watched) // it may have gone by itself
		}
	}
	for directory := range wanted {
		if err := watcher.Add(directory); err != nil {
			return err
		}
	}
	return nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// concerns tells whether something happened to one of the files, to a directory above it, or to what a link leads to.
func concerns(name string, files []string) bool {
	for _, file := range files {
		if file == "" {
			continue
		}
		if name == file || len(file) > len(name) && file[:len(name)] == name && file[len(name)] == filepath.Separator {
			return true
		}
		if target, err := filepath.EvalSymlinks(file); err == nil && target == name {
			return true
		}
	}
	return false
}
