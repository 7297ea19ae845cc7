//go:build simkeychain

package keychain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"usher.internal/sim/filekeychain"
)

// RemoveCertificate removes a certificate.
func (k *Keychain) RemoveCertificate(ctx context.Context, unwanted Certificate) error {
	return k.remove(ctx, func(i filekeychain.Item) bool {
		return i.Class == filekeychain.Certificate && bytes.Equal(i.Data, unwanted.DER) && i.Label == unwanted.Label
	})
}

// RemoveKey removes a private key.
func (k *Keychain) RemoveKey(ctx context.Context, unwanted Key) error {
	return k.remove(ctx, func(i filekeychain.Item) bool {
		return i.Class == filekeychain.Key && bytes.Equal(i.ApplicationTag, unwanted.ApplicationTag) &&
			i.ApplicationLabel == unwanted.ApplicationLabel && i.Label == unwanted.Label
	})
}

// RemoveGenericPassword removes a generic password.
func (k *Keychain) RemoveGenericPassword(ctx context.Context, unwanted GenericPassword) error {
	return k.remove(ctx, func(i filekeychain.Item) bool {
		return i.Class == filekeychain.GenericPassword && unwanted == GenericPassword{i.Account, i.Service, i.Label}
	})
}

func (k *Keychain) remove(ctx context.Context, unwanted func(filekeychain.Item) bool) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if k.directory == "" {
		return fmt.Errorf("%w: USHER_SIM_KEYCHAIN is not set", ErrUnavailable)
	}
	_, err := filekeychain.Open(k.directory).Delete(unwanted)
	switch {
	case errors.Is(err, filekeychain.ErrLocked):
		return fmt.Errorf("%w: %w", ErrLocked, err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w: %w", ErrAccessDenied, err)
	}
	return err
}
