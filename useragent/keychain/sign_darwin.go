//go:build darwin && !simkeychain

package keychain

import (
	"context"
	"fmt"
)

// Sign returns an error that wraps [ErrUnsupported]: go-keychain has no call that signs, and what macOS asks the user
// when another program than Company Portal signs with this key is to be seen on a Mac first.
func (*Keychain) Sign(context.Context, string, []byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: signing with the device key on macOS", ErrUnsupported)
}
