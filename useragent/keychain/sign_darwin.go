//go:build darwin && !simkeychain

package keychain

import (
	"context"
	"fmt"
)

// Sign returns an error that wraps [ErrUnsupported]. go-keychain has no call that signs. It must first be seen on a Mac
// what macOS asks the user when a program other than Company Portal signs with this key.
func (*Keychain) Sign(context.Context, string, []byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: signing with the device key on macOS", ErrUnsupported)
}
