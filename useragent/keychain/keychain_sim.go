//go:build simkeychain

package keychain

import (
	"context"
	"errors"
	"fmt"
	"os"

	"usher.internal/sim/filekeychain"
)

// Keychain is a keychain of files; see the package comment.
type Keychain struct {
	directory string
}

// Open returns the keychain in the directory that USHER_SIM_KEYCHAIN names.
func Open() *Keychain { return &Keychain{os.Getenv("USHER_SIM_KEYCHAIN")} }

// GenericPasswords returns all generic passwords.
func (k *Keychain) GenericPasswords(ctx context.Context) ([]GenericPassword, error) {
	return list(ctx, k, filekeychain.GenericPassword, func(i filekeychain.Item) (GenericPassword, error) {
		return GenericPassword{i.Account, i.Service, i.Label}, nil
	})
}

// Certificates returns all certificates.
func (k *Keychain) Certificates(ctx context.Context) ([]Certificate, error) {
	return list(ctx, k, filekeychain.Certificate, func(i filekeychain.Item) (Certificate, error) {
		if len(i.Data) == 0 {
			return Certificate{}, errors.New("read certificate: the item has no data")
		}
		return Certificate{DER: i.Data, Label: i.Label}, nil
	})
}

// Keys returns all private keys.
func (k *Keychain) Keys(ctx context.Context) ([]Key, error) {
	return list(ctx, k, filekeychain.Key, func(i filekeychain.Item) (Key, error) {
		return Key{i.ApplicationTag, i.ApplicationLabel, i.Label}, nil
	})
}

// Compare returns an error that wraps [ErrUnsupported]: there is only one way to read files.
func (*Keychain) Compare(context.Context) ([]string, error) { return nil, errNothingToCompare }

// Sign signs a SHA-256 with the private key that has this application label.
func (k *Keychain) Sign(ctx context.Context, publicKeyHash string, digest []byte) ([]byte, error) {
	keys, err := list(ctx, k, filekeychain.Key, func(i filekeychain.Item) (filekeychain.Item, error) { return i, nil })
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	for _, key := range keys {
		if key.ApplicationLabel == publicKeyHash {
			return sign(key.Data, digest)
		}
	}
	return nil, ErrNoKey
}

func list[T any](ctx context.Context, k *Keychain, class filekeychain.Class,
	convert func(filekeychain.Item) (T, error)) ([]T, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if k.directory == "" {
		return nil, fmt.Errorf("%w: USHER_SIM_KEYCHAIN is not set", ErrUnavailable)
	}
	items, err := filekeychain.Open(k.directory).Items(class)
	switch {
	case errors.Is(err, filekeychain.ErrLocked):
		return nil, fmt.Errorf("%w: %w", ErrLocked, err)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("%w: %w", ErrAccessDenied, err)
	case err != nil:
		return nil, err
	}
	var converted []T
	for _, i := range items {
		one, err := convert(i)
		if err != nil {
			return nil, err
		}
		converted = append(converted, one)
	}
	return converted, nil
}
