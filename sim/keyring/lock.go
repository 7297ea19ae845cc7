package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/keybase/dbus"
)

const (
	servicePath       dbus.ObjectPath = "/org/freedesktop/secrets"
	defaultCollection dbus.ObjectPath = "/org/freedesktop/secrets/aliases/default"
	// noPrompt is the path in place of a prompt when none is needed.
	noPrompt dbus.ObjectPath = "/"
)

// Lock locks the login keyring, as a user or a screen lock does. Its content is no longer visible.
func (k *Keyring) Lock(ctx context.Context) error {
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := k.call(ctx, "org.freedesktop.Secret.Service.Lock", []dbus.ObjectPath{defaultCollection}).Store(&locked,
		&prompt)
	if err != nil {
		return fmt.Errorf("lock keyring: %w", err)
	}
	if prompt != noPrompt || len(locked) == 0 {
		return errors.New("lock keyring: it wants to prompt for that")
	}
	return nil
}

// secret is a secret as it crosses the bus.
type secret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

// Unlock unlocks the login keyring, as the user does at a prompt. It uses an interface of gnome-keyring for programs
// that know the password.
func (k *Keyring) Unlock(ctx context.Context) error {
	var nothing dbus.Variant
	var session dbus.ObjectPath
	err := k.call(ctx, "org.freedesktop.Secret.Service.OpenSession", "plain", dbus.MakeVariant("")).Store(&nothing,
		&session)
	if err != nil {
		return fmt.Errorf("unlock keyring: %w", err)
	}
	err = k.call(ctx, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword",
		defaultCollection, secret{session, nil, []byte(password), "text/plain"}).Err
	if err != nil {
		return fmt.Errorf("unlock keyring: %w", err)
	}
	return nil
}

func (k *Keyring) call(ctx context.Context, method string, arguments ...any) *dbus.Call {
	return k.connection.Object(secretServiceName, servicePath).CallWithContext(ctx, method, 0, arguments...)
}

// Suspend stops the keyring's process as a debugger does: it answers nothing until Resume.
func (k *Keyring) Suspend() error { return k.daemon.suspend() }

// Resume lets the keyring's process continue.
func (k *Keyring) Resume() error { return k.daemon.resume() }
