package config

import (
	"context"
	"fmt"

	"usher.internal/internal/filewatch"
)

// Watch has the files count when they change, and calls changed after each change of what is in force. It blocks until
// ctx ends, and then returns nil; the error is that the files cannot be watched. Nothing is polled. It is called after
// [Live.Begin].
func (l *Live) Watch(ctx context.Context, changed func()) error {
	l.mu.Lock()
	log := l.log
	l.mu.Unlock()
	files := func() []string { return []string{l.places.Managed, l.places.Local} }
	err := filewatch.Watch(ctx, log, files, nil, func() {
		if l.Reload() {
			changed()
		}
	})
	if err != nil {
		return fmt.Errorf("watch configuration: %w", err)
	}
	return nil
}
