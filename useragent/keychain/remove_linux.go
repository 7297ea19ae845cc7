//go:build linux && !simkeychain

package keychain

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/keybase/dbus"
	"github.com/keybase/go-keychain/secretservice"
)

// RemoveCertificate removes a certificate.
func (k *Keychain) RemoveCertificate(ctx context.Context, unwanted Certificate) error {
	return k.remove(ctx, ClassCertificate,
		func(i item) bool { return bytes.Equal(i.secret, unwanted.DER) && i.label == unwanted.Label })
}

// RemoveKey removes a private key.
func (k *Keychain) RemoveKey(ctx context.Context, unwanted Key) error {
	tag := hex.EncodeToString(unwanted.ApplicationTag)
	return k.remove(ctx, ClassKey, func(i item) bool {
		return i.attributes[AttributeApplicationTag] == tag &&
			i.attributes[AttributeApplicationLabel] == unwanted.ApplicationLabel && i.label == unwanted.Label
	})
}

// RemoveGenericPassword removes a generic password.
func (k *Keychain) RemoveGenericPassword(ctx context.Context, unwanted GenericPassword) error {
	return k.remove(ctx, ClassGenericPassword, func(i item) bool {
		return unwanted == GenericPassword{i.attributes[AttributeAccount], i.attributes[AttributeService], i.label}
	})
}

// remove removes the items of a class for which unwanted is true.
func (k *Keychain) remove(ctx context.Context, class string, unwanted func(item) bool) error {
	_, err := inTurn(ctx, k.turn, secretService,
		func() (struct{}, error) { return struct{}{}, k.removeNow(ctx, class, unwanted) })
	if err != nil {
		return fmt.Errorf("remove item of class %s: %w", class, err)
	}
	return nil
}

// removeNow runs with the turn. A connection that was kept may have ended with its bus; then removeNow tries a new one.
func (k *Keychain) removeNow(ctx context.Context, class string, unwanted func(item) bool) error {
	kept := k.service != nil
	for {
		if k.service == nil {
			service, err := connect()
			if err != nil {
				return err
			}
			k.service = service
		}
		err := removeOfClass(ctx, k.service, class, unwanted)
		if !isConnectionLost(err) {
			return classify(ctx, err)
		}
		k.service = nil
		if !kept {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		kept = false
	}
}

func removeOfClass(ctx context.Context, service *secretservice.SecretService, class string,
	unwanted func(item) bool) error {
	collection, err := defaultCollection(ctx, service)
	if err != nil {
		return err
	}
	if err := holdUnlocked(ctx, collection); err != nil {
		return err
	}
	var paths []dbus.ObjectPath
	err = collection.CallWithContext(ctx, collectionInterface+".SearchItems", 0,
		map[string]string{AttributeClass: class}).Store(&paths)
	if err != nil {
		return fmt.Errorf("search collection: %w", err)
	}
	session := noSession
	if class == ClassCertificate && len(paths) > 0 {
		if session, err = openSession(ctx, service); err != nil {
			return err
		}
		defer service.Obj(session).CallWithContext(ctx, sessionInterface+".Close", dbus.FlagNoReplyExpected)
	}
	for _, path := range paths {
		found, err := readItem(ctx, service.Obj(path), session)
		if err == nil && unwanted(found) {
			err = deleteItem(ctx, service.Obj(path))
		}
		if err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

// errPrompt says that the Secret Service would first ask the user. usher does not let it ask: nobody may be at the Mac.
var errPrompt = errors.New("the Secret Service would ask the user first")

func deleteItem(ctx context.Context, object dbus.BusObject) error {
	const none dbus.ObjectPath = "/"
	var prompt dbus.ObjectPath
	if err := object.CallWithContext(ctx, itemInterface+".Delete", 0).Store(&prompt); err != nil {
		return fmt.Errorf("delete item: %w", err)
	}
	if prompt != none {
		return fmt.Errorf("%w: %w", ErrAccessDenied, errPrompt)
	}
	return nil
}
