// Package keyring runs a real keyring for a user, as a login on a Linux desktop does. The user gets a separate D-Bus
// session bus, and gnome-keyring on it with an unlocked login keyring. Tests and stand-ins use it as the login
// keychain.
//
// [Start] starts one and returns when it serves, [Keyring.Environment] has the variables for programs that use it, and
// [Keyring.Close] ends it. It shares nothing with the machine's own session, and its bus starts nothing on demand. It
// needs the programs dbus-daemon and gnome-keyring-daemon, and root to run as another user.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/keybase/dbus"
)

// ErrMissing says that a program is not installed.
var ErrMissing = errors.New("not installed; `make test` installs it")

// password is that of every login keyring made here.
const password = "usher"

// Options describe the owner of a keyring.
type Options struct {
	UID, GID uint32
	// Home is where the login keyring is kept (.local/share/keyrings), so the next Start finds it again. Empty means a
	// directory that Close deletes.
	Home string
	// UserName is for USER and LOGNAME; empty leaves them out.
	UserName string
	// BusOnly leaves out the keyring: the session has none. NoLoginKeyring leaves out the login keyring: the keyring of
	// that user has no default.
	BusOnly, NoLoginKeyring bool
}

// Keyring is a running session bus with its keyring. Its methods may be called from several goroutines.
type Keyring struct {
	options   Options
	directory string
	address   string
	bus       *process
	daemon    *process
	// connection is our own to the bus; disconnect ends it.
	connection *dbus.Conn
	disconnect context.CancelFunc
}

// Start starts a bus and a keyring. It blocks until the keyring serves, with the login keyring unlocked (and created,
// if missing), or until ctx ends. The error wraps [ErrMissing] if a program is not installed.
func Start(ctx context.Context, options Options) (_ *Keyring, err error) {
	// The path is short, for the paths of sockets have a limit, and every user can reach it.
	directory, err := os.MkdirTemp("", "usher-keyring-")
	if err != nil {
		return nil, fmt.Errorf("start keyring: %w", err)
	}
	k := &Keyring{options: options, directory: directory, disconnect: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start keyring: %w", err), k.Close())
		}
	}()
	if options.Home == "" {
		k.options.Home = filepath.Join(directory, "home")
		if err := os.Mkdir(k.options.Home, 0o700); err != nil {
			return nil, err
		}
		if err := os.Chown(k.options.Home, int(options.UID), int(options.GID)); err != nil {
			return nil, err
		}
	}
	if err := os.Chown(directory, int(options.UID), int(options.GID)); err != nil {
		return nil, err
	}
	if err := k.startBus(ctx); err != nil {
		return nil, err
	}
	if options.BusOnly {
		return k, nil
	}
	if err := k.startDaemon(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// Environment returns the variables, as NAME=value, that make a program of the user's use this keyring.
func (k *Keyring) Environment() []string {
	environment := []string{
		"HOME=" + k.options.Home,
		"XDG_RUNTIME_DIR=" + k.directory,
		"DBUS_SESSION_BUS_ADDRESS=" + k.address,
	}
	if k.options.UserName != "" {
		environment = append(environment, "USER="+k.options.UserName, "LOGNAME="+k.options.UserName)
	}
	return environment
}

// Address returns the address of the session bus.
func (k *Keyring) Address() string { return k.address }

// Close ends keyring and bus, waits for their ends, and deletes their files outside of Home. Programs that are still
// connected lose their connection.
func (k *Keyring) Close() error {
	k.disconnect()
	var problems []error
	for _, p := range []*process{k.daemon, k.bus} {
		if p != nil {
			problems = append(problems, p.stop())
		}
	}
	return errors.Join(append(problems, os.RemoveAll(k.directory))...)
}
