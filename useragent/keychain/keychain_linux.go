//go:build linux && !simkeychain

package keychain

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/keybase/go-keychain/secretservice"
)

// Keychain is the default collection of the user's Secret Service. Its methods may be called from several goroutines; they
// are served one after the other.
//
// It connects to the session bus at the first call and keeps that connection, since go-keychain can close none: make one
// Keychain a process. When the bus goes, so do the connection and its goroutines, and the next call connects anew.
//
// A call returns when its context ends, whatever the bus does. What cannot be cut short (connecting to a bus that accepts
// and then says nothing) goes on alone until the bus answers or goes away; there is never more than one such goroutine,
// as calls that come meanwhile wait for it, as long as their own contexts last.
type Keychain struct {
	// turn holds one token, for whoever uses service.
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
		return Certificate{i.secret, i.label}, nil
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

// list returns what the items of a class are made into.
func list[T any](ctx context.Context, k *Keychain, class string, convert func(item) (T, error)) ([]T, error) {
	items, err := k.items(ctx, class)
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

// items reads the items of a class, in a goroutine of its own that hands back the turn when it is through.
func (k *Keychain) items(ctx context.Context, class string) ([]item, error) {
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, unanswered(ctx)
	}
	type answer struct {
		items []item
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() { <-k.turn }()
		items, err := k.read(ctx, class)
		answers <- answer{items, err}
	}()
	select {
	case a := <-answers:
		return a.items, a.err
	case <-ctx.Done():
		return nil, unanswered(ctx)
	}
}

func unanswered(ctx context.Context) error {
	return fmt.Errorf("%w: the Secret Service did not answer: %w", ErrUnavailable, context.Cause(ctx))
}

// read runs with the turn. A connection that was kept may have ended with its bus; then a new one gets its chance.
func (k *Keychain) read(ctx context.Context, class string) ([]item, error) {
	kept := k.service != nil
	for {
		if k.service == nil {
			service, err := connect()
			if err != nil {
				return nil, err
			}
			k.service = service
		}
		items, err := readClass(ctx, k.service, class)
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
