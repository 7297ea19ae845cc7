// Package notice reports that something has changed, without saying what: the waiter looks again. [Signal] is for one
// waiter, which misses nothing and looks once after several changes. [Broadcast] is for any number of waiters.
package notice

import "sync"

// Signal wakes one waiter, which receives from it. It holds at most one notice, so a change while the waiter is busy
// wakes it later, once.
type Signal chan struct{}

// NewSignal returns a signal that is not set.
func NewSignal() Signal { return make(Signal, 1) }

// Set wakes the waiter, now or when it waits next. It never blocks.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// Broadcast wakes all waiters. The zero value is ready, and it is safe for concurrent use.
type Broadcast struct {
	mu   sync.Mutex
	next chan struct{}
}

// Next returns a channel that the next [Broadcast.Send] closes. A caller that calls Next before it looks at the state
// misses no change.
func (b *Broadcast) Next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

// Send wakes all waiters that have called [Broadcast.Next] and were not woken since.
func (b *Broadcast) Send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}
