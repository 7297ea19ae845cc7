//go:build linux && !simkeychain

package keychain

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/keybase/go-keychain/secretservice"
)

// Keychain is the default collection of the user's Secret Service. Its methods may be called from several goroutines;
// they are served one after the other.
//
// It connects to the session bus at the first call and keeps that connection, because go-keychain cannot close one:
// make only one Keychain in a process. When the bus ends, so do the connection and its goroutines, and the next call
// reconnects.
//
// A call returns when its context ends, whatever the bus does. A request that cannot be cut short (connecting to a bus
// that accepts and then is silent) continues in its goroutine until the bus answers or ends. There is never more than
// one such goroutine: later calls wait for it, as long as their own contexts last.
type Keychain struct {
	// turn holds one token, for the goroutine that uses service.
	turn    chan struct{}
	service *secretservice.SecretService
}

// Open returns the keychain. It does not connect yet, and cannot fail.
func Open() *Keychain { return &Keychain{turn: make(chan struct{}, 1)} }

// GenericPasswords returns all generic passwords.
func (k *Keychain) GenericPasswords(ctx context.Context) ([]GenericPassword, error) {
	return list(ctx, k, ClassGenericPassword, func(i item) (GenericPassword, error) {
		return GenericPassword{i.attributes[AttributeAccount], i.attributes[AttributeService], i.label}, nil
	})
}

// Certificates returns all certificates. One whose secret is empty is an error.
func (k *Keychain) Certificates(ctx context.Context) ([]Certificate, error) {
	return list(ctx, k, ClassCertificate, func(i item) (Certificate, error) {
		if len(i.secret) == 0 {
			return Certificate{}, errors.New("the item has no secret, where the certificate should be")
		}
		return Certificate{DER: i.secret, Label: i.label}, nil
	})
}

// Keys returns all private keys.
func (k *Keychain) Keys(ctx context.Context) ([]Key, error) {
	return list(ctx, k, ClassKey, func(i item) (Key, error) {
		tag, err := hex.DecodeString(i.attributes[AttributeApplicationTag])
		if err != nil {
			return Key{}, fmt.Errorf("decode application tag: %w", err)
		}
		return Key{tag, i.attributes[AttributeApplicationLabel], i.label}, nil
	})
}

// Sign signs a SHA-256 with the private key that has this application label, the hash of its public key. Secret
// Services keep such a key as PKCS #8.
func (k *Keychain) Sign(ctx context.Context, publicKeyHash string, digest []byte) ([]byte, error) {
	if publicKeyHash == "" {
		return nil, ErrNoKey
	}
	items, err := k.items(ctx, query{class: ClassKey, applicationLabel: publicKeyHash, secrets: true})
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	if len(items) == 0 {
		return nil, ErrNoKey
	}
	return sign(items[0].secret, digest)
}

// Compare returns an error that wraps [ErrUnsupported]: there is only one way to read a Secret Service.
func (*Keychain) Compare(context.Context) ([]string, error) { return nil, errNothingToCompare }

// list returns the items of a class, each converted by make.
func list[T any](ctx context.Context, k *Keychain, class string, convert func(item) (T, error)) ([]T, error) {
	items, err := k.items(ctx, query{class: class, secrets: class == ClassCertificate})
	if err != nil {
		return nil, fmt.Errorf("list items of class %s: %w", class, err)
	}
	var converted []T
	for _, i := range items {
		one, err := convert(i)
		if err != nil {
			return nil, fmt.Errorf("read an item of class %s: %w", class, err)
		}
		converted = append(converted, one)
	}
	return converted, nil
}

// secretService is the name of the service that [inTurn] waits for.
const secretService = "the Secret Service"

func (k *Keychain) items(ctx context.Context, q query) ([]item, error) {
	return inTurn(ctx, k.turn, secretService, func() ([]item, error) { return k.read(ctx, q) })
}

// read runs with the turn. A connection that was kept may have ended with its bus; then read tries a new one.
func (k *Keychain) read(ctx context.Context, q query) ([]item, error) {
	kept := k.service != nil
	for {
		if k.service == nil {
			service, err := connect()
			if err != nil {
				return nil, err
			}
			k.service = service
		}
		items, err := readItems(ctx, k.service, q)
		if !isConnectionLost(err) {
			return items, classify(ctx, err)
		}
		k.service = nil
		if !kept {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		kept = false
	}
}
