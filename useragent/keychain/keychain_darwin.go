//go:build darwin && !simkeychain

package keychain

import (
	"context"
	"fmt"
)

// Keychain is the user's login keychain. This version cannot read that of macOS: every method returns [ErrUnsupported],
// which is "could not look" and not "nothing there".
type Keychain struct{}

// Open returns the login keychain.
func Open() *Keychain { return &Keychain{} }

var errLater = fmt.Errorf("%w: reading the macOS login keychain arrives with a later version", ErrUnsupported)

// GenericPasswords returns [ErrUnsupported].
func (*Keychain) GenericPasswords(context.Context) ([]GenericPassword, error) { return nil, errLater }

// Certificates returns [ErrUnsupported].
func (*Keychain) Certificates(context.Context) ([]Certificate, error) { return nil, errLater }

// Keys returns [ErrUnsupported].
func (*Keychain) Keys(context.Context) ([]Key, error) { return nil, errLater }
