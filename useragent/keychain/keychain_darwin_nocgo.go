//go:build darwin && !cgo && !simkeychain

package keychain

import (
	"context"

	"usher.internal/internal/command"
)

// Keychain is what /usr/bin/security finds in the keychains of the user, for a build that cannot ask the Security
// framework. Its methods may be called from several goroutines, and return when their context ends.
//
// It returns only generic passwords that [Accounts] and [Labels] name, and of several with one name only the first.
type Keychain struct {
	tool toolReader
}

// Open returns the keychain. It runs nothing yet, and cannot fail.
func Open() *Keychain { return &Keychain{toolReader{runTool(command.Security)}} }

// GenericPasswords returns the first generic password of each of [Accounts] and [Labels].
func (k *Keychain) GenericPasswords(ctx context.Context) ([]GenericPassword, error) {
	return k.tool.genericPasswords(ctx)
}

// Certificates returns all certificates, each once, without labels and with HasPrivateKey from macOS.
func (k *Keychain) Certificates(ctx context.Context) ([]Certificate, error) {
	return k.tool.certificates(ctx)
}

// Keys returns nothing: [Certificate] says whether a certificate has its private key.
func (*Keychain) Keys(context.Context) ([]Key, error) { return nil, nil }

// Compare returns an error that wraps [ErrUnsupported]: this build has only one way to read the keychain.
func (*Keychain) Compare(context.Context) ([]string, error) { return nil, errNothingToCompare }
