//go:build linux && !simkeychain

package keychain

import (
	"context"
	"fmt"
	"os"

	"github.com/keybase/dbus"
	"github.com/keybase/go-keychain/secretservice"
)

// query says which items to read: those of a class, and if an application label is given only the one with it. Secrets
// are read only for certificates, which are public, and for the key that signs.
type query struct {
	class, applicationLabel string
	secrets                 bool
}

func (q query) attributes() map[string]string {
	attributes := map[string]string{AttributeClass: q.class}
	if q.applicationLabel != "" {
		attributes[AttributeApplicationLabel] = q.applicationLabel
	}
	return attributes
}

// item is one item of the collection, with its secret if the query asked for it.
type item struct {
	label      string
	attributes map[string]string
	secret     []byte
}

// connect connects to the session bus. It can block, for as long as a bus accepts and is silent.
//
// It first makes sure that there is a bus. Otherwise go-keychain's D-Bus library would run dbus-launch, and an agent
// must not start a bus that nobody else uses.
func connect() (*secretservice.SecretService, error) {
	if !hasSessionBus() {
		return nil, fmt.Errorf("%w: this session has no D-Bus session bus", ErrUnavailable)
	}
	service, err := secretservice.NewService()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return service, nil
}

// hasSessionBus checks the places that the D-Bus library checks before it runs dbus-launch.
func hasSessionBus() bool {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return true
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/%s", os.Getuid(), name)); err == nil {
			return true
		}
	}
	return false
}

const (
	collectionInterface = "org.freedesktop.Secret.Collection"
	itemInterface       = "org.freedesktop.Secret.Item"
	serviceInterface    = "org.freedesktop.Secret.Service"
	sessionInterface    = "org.freedesktop.Secret.Session"
	propertiesInterface = "org.freedesktop.DBus.Properties"
)

// readItems reads the items of a query. It calls D-Bus on go-keychain's objects, because go-keychain's own methods take
// no context.
//
// It checks the lock first: in a locked collection, a search finds items whose attributes may be hashed or missing. It
// checks the lock again at the end, because the collection may have been locked meanwhile.
func readItems(ctx context.Context, service *secretservice.SecretService, q query) ([]item, error) {
	collection, err := defaultCollection(ctx, service)
	if err != nil {
		return nil, err
	}
	if err := holdUnlocked(ctx, collection); err != nil {
		return nil, err
	}
	var paths []dbus.ObjectPath
	err = collection.CallWithContext(ctx, collectionInterface+".SearchItems", 0,
		q.attributes()).Store(&paths)
	if err != nil {
		return nil, fmt.Errorf("search collection: %w", err)
	}
	session := noSession
	if q.secrets && len(paths) > 0 {
		if session, err = openSession(ctx, service); err != nil {
			return nil, err
		}
		defer service.Obj(session).CallWithContext(ctx, sessionInterface+".Close", dbus.FlagNoReplyExpected)
	}
	var items []item
	for _, path := range paths {
		found, err := readItem(ctx, service.Obj(path), session)
		if isGone(err) { // deleted since the search
			continue
		}
		if err != nil {
			return nil, err
		}
		items = append(items, found)
	}
	return items, holdUnlocked(ctx, collection)
}

// defaultCollection returns the collection behind the alias default, and not the alias, because the alias could point
// to another collection between two calls.
func defaultCollection(ctx context.Context, service *secretservice.SecretService) (dbus.BusObject, error) {
	const none dbus.ObjectPath = "/"
	var path dbus.ObjectPath
	if err := service.ServiceObj().CallWithContext(ctx, serviceInterface+".ReadAlias", 0,
		"default").Store(&path); err != nil {
		return nil, fmt.Errorf("look for default collection: %w", err)
	}
	if path == none {
		return nil, fmt.Errorf("%w: the Secret Service has no default collection", ErrUnavailable)
	}
	return service.Obj(path), nil
}

// holdUnlocked returns an error unless the collection is unlocked. Nothing here ever unlocks it, because that raises a
// prompt.
func holdUnlocked(ctx context.Context, collection dbus.BusObject) error {
	var locked bool
	err := collection.CallWithContext(ctx, propertiesInterface+".Get", 0, collectionInterface, "Locked").Store(&locked)
	if err != nil {
		return fmt.Errorf("ask whether collection is locked: %w", err)
	}
	if locked {
		return ErrLocked
	}
	return nil
}

// noSession means that secrets are not read.
const noSession dbus.ObjectPath = ""

// openSession opens a session in which secrets cross the user's own bus unencrypted. Nearly all of them are
// certificates, which are public, and anyone who can listen on that bus can ask for the key as well. go-keychain's
// encrypted sessions would fail about once in 256 times: it drops the leading zeros of the Diffie-Hellman secret
// (docker/secrets-engine#649 has the same code). What it then cannot decrypt reads as empty, without an error.
func openSession(ctx context.Context, service *secretservice.SecretService) (dbus.ObjectPath, error) {
	var nothing dbus.Variant
	var session dbus.ObjectPath
	err := service.ServiceObj().CallWithContext(ctx, serviceInterface+".OpenSession", 0,
		secretservice.AuthenticationInsecurePlain, dbus.MakeVariant("")).Store(&nothing, &session)
	if err != nil {
		return noSession, fmt.Errorf("open session: %w", err)
	}
	return session, nil
}

// readItem reads an item's attributes and, given a session, its secret.
func readItem(ctx context.Context, object dbus.BusObject, session dbus.ObjectPath) (item, error) {
	var properties map[string]dbus.Variant
	if err := object.CallWithContext(ctx, propertiesInterface+".GetAll", 0, itemInterface).Store(&properties); err !=
		nil {
		return item{}, fmt.Errorf("read attributes of item: %w", err)
	}
	if locked, _ := properties["Locked"].Value().(bool); locked {
		return item{}, ErrLocked
	}
	var read item
	var ok bool
	if read.attributes, ok = properties["Attributes"].Value().(map[string]string); !ok {
		return item{}, fmt.Errorf("read attributes of item: they are a %T", properties["Attributes"].Value())
	}
	read.label, _ = properties["Label"].Value().(string)
	if session == noSession {
		return read, nil
	}
	var secret secretservice.Secret
	if err := object.CallWithContext(ctx, itemInterface+".GetSecret", 0, session).Store(&secret); err != nil {
		return item{}, fmt.Errorf("read secret of item: %w", err)
	}
	read.secret = secret.Value
	return read, nil
}
