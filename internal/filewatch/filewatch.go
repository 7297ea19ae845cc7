// Package filewatch tells when files change, also files that are not there yet, that are replaced, or that are links. Nothing is polled.
package filewatch

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleWithin is how long is waited for the end of a burst of changes: a file is written in several steps.
	settleWithin = 200 * time.Millisecond
	// maximumLinks are followed from one file, as the kernels do.
	maximumLinks = 40
)

// Watch calls changed once at the beginning, for what has changed before it watched has sent no event, and after each change of one of
// the files; an empty name is none. It asks for their names anew each time, and when renew, which may be nil, gets a value. It blocks
// until ctx ends, and then returns nil, also where that is before it has called changed; the error is that the files cannot be watched.
func Watch(ctx context.Context, log *slog.Logger, files func() []string, renew <-chan struct{}, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer watcher.Close()
	names, err := follow(watcher, files())
	if err != nil {
		return err
	}
	settled := time.NewTimer(0)
	defer settled.Stop()
	for {
		select {
		case event, open := <-watcher.Events:
			if !open {
				return nil
			}
			if concerns(filepath.Clean(event.Name), names) {
				settled.Reset(settleWithin)
			}
		case err, open := <-watcher.Errors:
			if !open {
				return nil
			}
			// Events were lost, for example: look.
			log.Warn("watching files", "error", err)
			settled.Reset(settleWithin)
		case <-renew:
			settled.Reset(0)
		case <-settled.C:
			if names, err = follow(watcher, files()); err != nil {
				return err
			}
			changed()
		case <-ctx.Done():
			return nil
		}
	}
}

// WatchOrRenew is [Watch] for who can go on where files cannot be watched: it tells unseen why, once, and calls changed from then on
// when renew gets a value alone. Also then changed is called once at the beginning. Only where ctx ends meanwhile it may not have been
// called at all. It blocks until ctx ends.
func WatchOrRenew(ctx context.Context, log *slog.Logger, files func() []string, renew <-chan struct{}, changed func(), unseen func(error)) {
	err := Watch(ctx, log, files, renew, changed)
	if err == nil {
		return
	}
	unseen(err)
	for ctx.Err() == nil {
		changed()
		select {
		case <-renew:
		case <-ctx.Done():
		}
	}
}

// follow watches for everything that can become of the files, and returns the names whose events tell of it.
func follow(watcher *fsnotify.Watcher, files []string) (names []string, err error) {
	_, wanted := trails(files)
	for {
		for _, watched := range watcher.WatchList() {
			if !wanted[watched] {
				_ = watcher.Remove(watched) // it may have gone by itself
			}
		}
		all := true
		for directory := range wanted {
			if err := watcher.Add(directory); errors.Is(err, fs.ErrNotExist) {
				all = false
			} else if err != nil {
				return nil, err
			}
		}
		// What has come or gone in the meantime has sent no event.
		before := wanted
		if names, wanted = trails(files); all && maps.Equal(wanted, before) {
			return names, nil
		}
	}
}

// trails returns the names of all links and files by which the files are reached, and the directories in which each is seen when it is
// replaced: its own, or the nearest one above it that is there. No name leads through a link, so no directory has two names. Links in
// the root are followed alone: they are the system's, as macOS has /etc and /var.
func trails(files []string) (names []string, directories map[string]bool) {
	directories = make(map[string]bool)
	for _, next := range files {
		for hops := 0; next != "" && hops < maximumLinks; hops++ {
			var name string
			name, next = firstLink(next)
			directory := filepath.Dir(name)
			if next != "" && directory == string(filepath.Separator) {
				continue
			}
			for !isDirectory(directory) && directory != filepath.Dir(directory) {
				directory = filepath.Dir(directory)
			}
			names, directories[directory] = append(names, name), true
		}
	}
	return names, directories
}

// firstLink returns the first part of a path that is a link, and the path with what that leads to in its place; without one it returns
// the path and "".
func firstLink(path string) (link, next string) {
	path = filepath.Clean(path)
	for end := 1; end <= len(path); end++ {
		if end < len(path) && path[end] != filepath.Separator {
			continue
		}
		part := path[:end]
		target, err := os.Readlink(part)
		if err != nil {
			continue
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(part), target)
		}
		return part, filepath.Join(target, path[end:])
	}
	return path, ""
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// concerns tells whether something happened to one of the names, or to a directory above it.
func concerns(name string, names []string) bool {
	for _, one := range names {
		if name == one || strings.HasPrefix(one, name+string(filepath.Separator)) {
			return true
		}
	}
	return false
}
