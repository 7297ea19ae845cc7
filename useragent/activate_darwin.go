package useragent

import (
	"context"

	"usher.internal/internal/command"
)

// activatePortal returns the function that brings Company Portal to the front, or nil if the configuration does not
// want it. Nobody has run this on a Mac yet.
func activatePortal(wanted func() bool) func(context.Context) error {
	return activateWith(command.ActivatePortal, wanted)
}
