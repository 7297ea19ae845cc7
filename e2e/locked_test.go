//go:build linux

package e2e

import (
	"io"
	"sync"
)

// locked makes a writer safe for the output of several processes.
type locked struct {
	mu     sync.Mutex
	writer io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writer.Write(p)
}
