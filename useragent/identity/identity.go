// Package identity looks for the user's Workplace Join identity in the places where one has lived, and says what it found
// as evidence. What the evidence comes to is not decided here but by the helper, with [wpj.Evaluate].
//
// A [Source] is one such place; [LoginKeychain] is the first. Nothing here reads a secret or raises a prompt.
package identity

import (
	"context"
	"time"

	"usher.internal/internal/wpj"
)

// Source is a place in which an identity may be.
type Source interface {
	// Look returns what the place holds. It never fails: that it could not look, and why, is evidence too. It returns within
	// [Deadline], and at once when ctx ends. It may be called from several goroutines.
	Look(ctx context.Context) wpj.Evidence
}

// Deadline is the longest that one look takes.
const Deadline = 10 * time.Second
