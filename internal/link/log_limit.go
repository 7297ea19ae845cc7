package link

import (
	"sync"
	"time"
)

const (
	// logOnceWithin is how often the same event may be logged.
	logOnceWithin = time.Minute
	// loggedAtOnce limits the size of a logLimit: one user can come with the thousands of uids of their user
	// namespaces.
	loggedAtOnce = 256
)

// logKey is an event that is logged at most once a minute: something that happened to one user.
type logKey struct {
	uid  uint32
	what string
}

// logLimit keeps a peer that is refused again and again from filling the disk with log lines. The zero value is ready.
// Several goroutines may use it.
type logLimit struct {
	mu   sync.Mutex
	last map[logKey]logged
}

type logged struct {
	at   time.Time
	held int
}

// allow reports whether key may be logged now, and how many times it has happened unlogged since it was last logged.
func (l *logLimit) allow(key logKey) (held int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	before, known := l.last[key]
	if known && now.Sub(before.at) < logOnceWithin {
		before.held++
		l.last[key] = before
		return 0, false
	}
	if !known && len(l.last) >= loggedAtOnce && !l.forget(now) {
		return 0, false
	}
	if l.last == nil {
		l.last = make(map[logKey]logged)
	}
	l.last[key] = logged{at: now}
	return before.held, true
}

// forget drops entries that are older than logOnceWithin, and reports whether that made room. The caller holds the
// mutex.
func (l *logLimit) forget(now time.Time) bool {
	for key, before := range l.last {
		if now.Sub(before.at) >= logOnceWithin {
			delete(l.last, key)
		}
	}
	return len(l.last) < loggedAtOnce
}
