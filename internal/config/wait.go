package config

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"usher.internal/internal/filewatch"
)

// Look is what the files of the configuration were when they were looked at. It says nothing of what is in them.
type Look struct{ managed, local string }

// Look returns how the files are now.
func (p Places) Look() Look { return Look{mark(p.Managed), mark(p.Local)} }

// mark is different after each change of a file, of what a link leads to, and of who may read it.
func mark(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %d %s %+v", info.ModTime().UnixNano(), info.Size(), info.Mode(), info.Sys())
}

// WaitForChange returns when the files are not what they were at before, when the pause is over, or when ctx ends. It
// is for a program that was refused something, which another configuration may change.
func (p Places) WaitForChange(ctx context.Context, before Look, pause time.Duration, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	files := func() []string { return []string{p.Managed, p.Local} }
	err := filewatch.Watch(ctx, log, files, nil, func() {
		if p.Look() != before {
			cancel()
		}
	})
	if err != nil {
		log.Warn("changes of the configuration are not seen; it is read again after a pause", "pause", pause, "error",
			err)
		<-ctx.Done()
	}
}
