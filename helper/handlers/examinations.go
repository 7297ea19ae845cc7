package handlers

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// An examination costs something, also where it takes answers that there are, so a user may have so many at once, and
// then one each interval. Admins have no limit.
const (
	examinationsAtOnce  = 3
	examinationInterval = 10 * time.Second
)

// examinations counts what users have examined, by uid. It is safe for concurrent use.
type examinations struct {
	mu    sync.Mutex
	asked map[uint32]*rate.Limiter
}

func newExaminations() *examinations { return &examinations{asked: make(map[uint32]*rate.Limiter)} }

// allow counts an examination of that user's, and reports whether they may have it.
func (e *examinations) allow(uid uint32) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for other, asked := range e.asked { // a user with a full allowance is as good as a new one
		if asked.Tokens() >= examinationsAtOnce {
			delete(e.asked, other)
		}
	}
	if e.asked[uid] == nil {
		e.asked[uid] = rate.NewLimiter(rate.Every(examinationInterval), examinationsAtOnce)
	}
	return e.asked[uid].Allow()
}
