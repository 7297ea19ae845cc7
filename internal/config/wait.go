package config

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"usher.internal/internal/filewatch"
)

// Look is the state of the configuration's files when they were looked at. It does not contain their content.
type Look struct{ managed, local string }

// Look returns the present state of the files.
func (p Places) Look() Look { return Look{mark(p.Managed), mark(p.Local)} }

// mark differs after each change of a file, of a link's target, and of the permission to read it.
func mark(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %d %s %+v", info.ModTime().UnixNano(), info.Size(), info.Mode(), info.Sys())
}

// WaitForChange returns when the files differ from before, when the pause is over, or when ctx ends. It is for a
// program that was refused and that another configuration may help.
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
		log.Warn("changes of the configuration are not seen; usher reads it again after a pause", "pause", pause,
			"error",
			err)
		<-ctx.Done()
	}
}
