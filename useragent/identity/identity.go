// Package identity looks for the user's Workplace Join identity in the places where one can be, and returns its
// findings as evidence. It does not judge the evidence: the helper does, with [wpj.Evaluate].
//
// A [Source] is one such place. [LoginKeychain], [PlatformSSO] and [SecureEnclave] are places of an identity;
// [JamfAgent] reports what Jamf knows about it. Nothing here reads a secret or raises a prompt.
package identity

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"usher.internal/internal/command"
	"usher.internal/internal/foreign"
	"usher.internal/internal/wpj"
	"usher.internal/useragent/keychain"
)

// Source is a place in which an identity may be.
type Source interface {
	// Place is the source that its evidence names.
	Place() wpj.Source
	// Look returns what the place holds. It never fails: that it could not look, and why, is evidence too. It returns
	// within [Deadline], and at once when ctx ends. It may be called from several goroutines.
	Look(ctx context.Context) wpj.Evidence
}

// Deadline is the longest that one look takes.
const Deadline = 10 * time.Second

// seen returns evidence with its time. With an error it contains only the error: half a look is no evidence.
func seen(source wpj.Source, evidence wpj.Evidence, err error) wpj.Evidence {
	if err != nil {
		evidence = wpj.Evidence{Source: source, Finding: wpj.CouldNotLook, Obstacle: obstacleOf(err),
			Detail: err.Error()}
	}
	evidence.ObservedAt = time.Now().UTC()
	return evidence
}

// obstacles maps the errors of the sources to obstacles.
var obstacles = []struct {
	err      error
	obstacle wpj.Obstacle
}{
	{keychain.ErrLocked, wpj.ObstacleLocked},
	{keychain.ErrAccessDenied, wpj.ObstacleAccessDenied},
	{fs.ErrPermission, wpj.ObstacleAccessDenied},
	{keychain.ErrUnavailable, wpj.ObstacleUnavailable},
	{keychain.ErrUnsupported, wpj.ObstacleUnsupported},
	{errTooOld, wpj.ObstacleUnsupported},
	{command.ErrMissing, wpj.ObstacleUnsupported},
	{command.ErrTooSlow, wpj.ObstacleUnavailable},
	{foreign.ErrTooSlow, wpj.ObstacleUnavailable},
	{context.DeadlineExceeded, wpj.ObstacleUnavailable},
	{context.Canceled, wpj.ObstacleUnavailable},
}

func obstacleOf(err error) wpj.Obstacle {
	for _, known := range obstacles {
		if errors.Is(err, known.err) {
			return known.obstacle
		}
	}
	return wpj.ObstacleFailed
}
