// Package secretservice writes items of a login keychain into the Secret Service of the calling user, in the form that
// usher's agent reads (useragent/keychain has the names). It takes the place of Company Portal's access to a keychain
// on macOS.
//
// Secrets cross the user's own bus unencrypted. go-keychain's encrypted sessions fail about once in 256 times, as it
// drops the leading zeros of the Diffie-Hellman secret (docker/secrets-engine#649 has the same code). A failure to
// decrypt is not even an error there.
//
// It has the operations of sim/filekeychain and its items, so a caller can write to either. Nothing here has a
// deadline: it is for programs and tests that something outside ends.
package secretservice

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/keybase/dbus"
	"github.com/keybase/go-keychain/secretservice"

	"usher.internal/sim/filekeychain"
	"usher.internal/useragent/keychain"
)

// ErrLocked says that the default collection is locked.
var ErrLocked = errors.New("keyring is locked")

// Keychain is the default collection. It is not for use by several goroutines at once.
type Keychain struct {
	service *secretservice.SecretService
}

// Connect connects to the session bus that the environment names. The connection lasts as long as the process or the
// bus, since go-keychain cannot close it.
func Connect() (*Keychain, error) {
	service, err := secretservice.NewService()
	if err != nil {
		return nil, fmt.Errorf("connect to Secret Service: %w", err)
	}
	return &Keychain{service}, nil
}

// Add adds an item, even if an equal one exists. The error wraps [ErrLocked] if the keyring is locked.
func (k *Keychain) Add(item filekeychain.Item) error {
	if err := k.holdUnlocked(); err != nil {
		return err
	}
	session, err := k.service.OpenSession(secretservice.AuthenticationInsecurePlain)
	if err != nil {
		return fmt.Errorf("add item: %w", err)
	}
	defer k.service.CloseSession(session)
	secret, err := session.NewSecret(item.Data)
	if err != nil {
		return fmt.Errorf("add item: %w", err)
	}
	properties := secretservice.NewSecretProperties(item.Label, attributes(item))
	if _, err := k.service.CreateItem(secretservice.DefaultCollection, properties, secret,
		secretservice.ReplaceBehaviorDoNotReplace); err != nil {
		return fmt.Errorf("add item: %w", err)
	}
	return nil
}

// attributes returns the attributes with which the item is found. It has only those of the item's class.
func attributes(item filekeychain.Item) map[string]string {
	attributes := map[string]string{keychain.AttributeClass: string(item.Class)}
	switch item.Class {
	case filekeychain.GenericPassword:
		attributes[keychain.AttributeAccount] = item.Account
		attributes[keychain.AttributeService] = item.Service
	case filekeychain.Key:
		attributes[keychain.AttributeApplicationTag] = hex.EncodeToString(item.ApplicationTag)
		attributes[keychain.AttributeApplicationLabel] = item.ApplicationLabel
	}
	return attributes
}

// Delete deletes the items for which unwanted is true, and returns their number. unwanted gets the data of certificates
// only. Items that do not belong to a login keychain remain. The error wraps [ErrLocked] if the keyring is locked.
func (k *Keychain) Delete(unwanted func(filekeychain.Item) bool) (int, error) {
	if err := k.holdUnlocked(); err != nil {
		return 0, err
	}
	deleted := 0
	for _, class := range []filekeychain.Class{filekeychain.GenericPassword, filekeychain.Certificate,
		filekeychain.Key} {
		paths, err := k.service.SearchCollection(secretservice.DefaultCollection,
			map[string]string{keychain.AttributeClass: string(class)})
		if err != nil {
			return deleted, fmt.Errorf("delete items: %w", err)
		}
		for _, path := range paths {
			item, err := k.read(path, class)
			if err != nil {
				return deleted, fmt.Errorf("delete items: %w", err)
			}
			if !unwanted(item) {
				continue
			}
			if err := k.service.DeleteItem(path); err != nil {
				return deleted, fmt.Errorf("delete items: %w", err)
			}
			deleted++
		}
	}
	return deleted, nil
}

func (k *Keychain) read(path dbus.ObjectPath, class filekeychain.Class) (filekeychain.Item, error) {
	found, err := k.service.GetAttributes(path)
	if err != nil {
		return filekeychain.Item{}, err
	}
	label, err := k.service.Obj(path).GetProperty("org.freedesktop.Secret.Item.Label")
	if err != nil {
		return filekeychain.Item{}, err
	}
	item := filekeychain.Item{
		Class:            class,
		Account:          found[keychain.AttributeAccount],
		Service:          found[keychain.AttributeService],
		ApplicationLabel: found[keychain.AttributeApplicationLabel],
	}
	item.Label, _ = label.Value().(string)
	if item.ApplicationTag, err = hex.DecodeString(found[keychain.AttributeApplicationTag]); err != nil {
		return filekeychain.Item{}, err
	}
	if class != filekeychain.Certificate {
		return item, nil
	}
	session, err := k.service.OpenSession(secretservice.AuthenticationInsecurePlain)
	if err != nil {
		return filekeychain.Item{}, err
	}
	defer k.service.CloseSession(session)
	item.Data, err = k.service.GetSecret(path, *session)
	return item, err
}

// Lock locks the keyring.
func (k *Keychain) Lock() error {
	if err := k.service.LockItems([]dbus.ObjectPath{secretservice.DefaultCollection}); err != nil {
		return fmt.Errorf("lock keyring: %w", err)
	}
	return nil
}

// holdUnlocked keeps every call from raising a prompt.
func (k *Keychain) holdUnlocked() error {
	locked, err := k.service.Obj(secretservice.DefaultCollection).
		GetProperty("org.freedesktop.Secret.Collection.Locked")
	if err != nil {
		return fmt.Errorf("ask whether keyring is locked: %w", err)
	}
	if is, _ := locked.Value().(bool); is {
		return ErrLocked
	}
	return nil
}
