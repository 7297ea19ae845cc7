package config

import (
	"context"
	"fmt"

	"usher.internal/internal/filewatch"
)

// Watch makes changes of the files take effect, and calls changed after each change of the configuration in force. It
// blocks until ctx ends, and then returns nil. It returns an error if the files cannot be watched. It does not poll.
// Call it after [Live.Begin].
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
