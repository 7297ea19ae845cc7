//go:build darwin && !simkeychain

package keychain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// securityTool returns the tool that removes items, only from the user's login keychain. Nobody has run it on a Mac.
func securityTool() (SecurityTool, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return SecurityTool{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return SecurityTool{Program: theTool, Keychain: filepath.Join(home, "Library", "Keychains", "login.keychain-db")},
		nil
}

// RemoveCertificate removes a certificate, and with it its private key.
func (*Keychain) RemoveCertificate(ctx context.Context, unwanted Certificate) error {
	tool, err := securityTool()
	if err != nil {
		return err
	}
	return tool.RemoveCertificate(ctx, unwanted)
}

// RemoveKey returns [ErrNotRemovable].
func (*Keychain) RemoveKey(ctx context.Context, unwanted Key) error {
	return SecurityTool{}.RemoveKey(ctx, unwanted)
}

// RemoveGenericPassword removes a generic password.
func (*Keychain) RemoveGenericPassword(ctx context.Context, unwanted GenericPassword) error {
	tool, err := securityTool()
	if err != nil {
		return err
	}
	return tool.RemoveGenericPassword(ctx, unwanted)
}
