//go:build linux && !simkeychain

package keychain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/keybase/dbus"
)

// meanings maps error names of D-Bus and of the Secret Service to the keychain's errors. Other errors remain unchanged.
var meanings = map[string]error{
	"org.freedesktop.Secret.Error.IsLocked": ErrLocked,

	"org.freedesktop.DBus.Error.AccessDenied": ErrAccessDenied,
	"org.freedesktop.DBus.Error.AuthFailed":   ErrAccessDenied,

	// There is no Secret Service, or it ended on the way.
	"org.freedesktop.DBus.Error.ServiceUnknown":           ErrUnavailable,
	"org.freedesktop.DBus.Error.NameHasNoOwner":           ErrUnavailable,
	"org.freedesktop.DBus.Error.NoReply":                  ErrUnavailable,
	"org.freedesktop.DBus.Error.Disconnected":             ErrUnavailable,
	"org.freedesktop.DBus.Error.TimedOut":                 ErrUnavailable,
	"org.freedesktop.DBus.Error.Timeout":                  ErrUnavailable,
	"org.freedesktop.DBus.Error.Spawn.ExecFailed":         ErrUnavailable,
	"org.freedesktop.DBus.Error.Spawn.ForkFailed":         ErrUnavailable,
	"org.freedesktop.DBus.Error.Spawn.ChildExited":        ErrUnavailable,
	"org.freedesktop.DBus.Error.Spawn.ChildSignaled":      ErrUnavailable,
	"org.freedesktop.DBus.Error.Spawn.Failed":             ErrUnavailable,
	"org.freedesktop.DBus.Error.Spawn.ServiceNotFound":    ErrUnavailable,
	"org.freedesktop.DBus.Error.Spawn.ServiceNotValid":    ErrUnavailable,
	"org.freedesktop.DBus.Error.Spawn.FileInvalid":        ErrUnavailable,
	"org.freedesktop.DBus.Error.Spawn.PermissionsInvalid": ErrUnavailable,

	// There is a Secret Service, but its default collection is gone. For items that are gone, see isGone.
	"org.freedesktop.Secret.Error.NoSuchObject":   ErrUnavailable,
	"org.freedesktop.DBus.Error.UnknownObject":    ErrUnavailable,
	"org.freedesktop.DBus.Error.UnknownMethod":    ErrUnavailable,
	"org.freedesktop.DBus.Error.UnknownInterface": ErrUnavailable,
}

// goneNames are the errors for an item that has been deleted.
var goneNames = []string{
	"org.freedesktop.Secret.Error.NoSuchObject",
	"org.freedesktop.DBus.Error.UnknownObject",
	"org.freedesktop.DBus.Error.UnknownMethod",
}

// nameOf returns the name of an error that came over D-Bus, or "" for any other one.
func nameOf(err error) string {
	if value, ok := errors.AsType[dbus.Error](err); ok {
		return value.Name
	}
	if pointer, ok := errors.AsType[*dbus.Error](err); ok {
		return pointer.Name
	}
	return ""
}

func isGone(err error) bool { return slices.Contains(goneNames, nameOf(err)) }

// isConnectionLost reports whether the connection to the bus failed, so a new one may succeed.
func isConnectionLost(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, dbus.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// classify makes an error wrap the sentinel that matches it.
func classify(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, ErrLocked) || errors.Is(err, ErrUnavailable) {
		return err
	}
	if ctx.Err() != nil {
		return unanswered(ctx, secretService)
	}
	if meaning, known := meanings[nameOf(err)]; known {
		return fmt.Errorf("%w: %w", meaning, err)
	}
	return err
}
