package handlers

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// An examination has a cost, even if it uses stored answers. So a user may have this many at once, and then one in each
// interval. Admins have no limit.
const (
	examinationsAtOnce  = 3
	examinationInterval = 10 * time.Second
)

// examinations counts the examinations of users, by uid. It is safe for concurrent use.
type examinations struct {
	mu    sync.Mutex
	asked map[uint32]*rate.Limiter
}

func newExaminations() *examinations { return &examinations{asked: make(map[uint32]*rate.Limiter)} }

// allow counts an examination for that user, and reports whether they may have it.
func (e *examinations) allow(uid uint32) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for other, asked := range e.asked { // a user with a full allowance is the same as a new one
		if asked.Tokens() >= examinationsAtOnce {
			delete(e.asked, other)
		}
	}
	if e.asked[uid] == nil {
		e.asked[uid] = rate.NewLimiter(rate.Every(examinationInterval), examinationsAtOnce)
	}
	return e.asked[uid].Allow()
}
