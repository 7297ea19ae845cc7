package useragent

import (
	"context"

	"usher.internal/internal/command"
)

// activatePortal returns what brings Company Portal to the front where the configuration wants it. Nobody ran this on a
// Mac yet.
func activatePortal(wanted func() bool) func(context.Context) error {
	return activateWith(command.ActivatePortal, wanted)
}
