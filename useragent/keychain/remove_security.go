//go:build !simkeychain

package keychain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"usher.internal/internal/command"
)

// SecurityTool removes items from one keychain of macOS through /usr/bin/security, which can remove certificates,
// identities (a certificate with its key) and generic passwords. It is built on Linux too, for its tests. Nobody has
// run it on a Mac.
type SecurityTool struct {
	// Program is the absolute path of security(1). Keychain is the path of the keychain's file: without one, security
	// would search every keychain of the search list, also the system's.
	Program, Keychain string
}

// mostAlike limits how many generic passwords with the same attributes are removed: a keychain has few.
const mostAlike = 64

// noSuchCertificate is the message of delete-certificate and delete-identity if no certificate has that hash. Their
// exit code is then 1 [Apple, SecurityTool/keychain_delete.c; not verified on a Mac].
const noSuchCertificate = "unable to delete certificate matching"

// RemoveCertificate removes a certificate, and with it its private key.
func (s SecurityTool) RemoveCertificate(ctx context.Context, unwanted Certificate) error {
	command := "delete-certificate"
	if unwanted.HasPrivateKey {
		command = "delete-identity"
	}
	err := s.run(ctx, command, "-Z", strings.ToUpper(thumbprintOf(unwanted.DER)))
	if errors.Is(err, errNotThere) {
		return nil
	}
	return err
}

// RemoveKey returns [ErrNotRemovable]: security(1) cannot remove a key without its certificate.
func (SecurityTool) RemoveKey(context.Context, Key) error {
	return fmt.Errorf("%w: macOS removes a private key only with its certificate; remove this one in Keychain Access",
		ErrNotRemovable)
}

// RemoveGenericPassword removes every generic password with these attributes. For one without account and service it
// returns [ErrNotRemovable]: with only a label, security(1) might take another one.
func (s SecurityTool) RemoveGenericPassword(ctx context.Context, unwanted GenericPassword) error {
	if unwanted.Account == "" && unwanted.Service == "" {
		return fmt.Errorf("%w: it has neither account nor service; remove it in Keychain Access", ErrNotRemovable)
	}
	var attributes []string
	for _, one := range []struct{ flag, value string }{{"-a", unwanted.Account}, {"-s", unwanted.Service},
		{"-l", unwanted.Label}} {
		if one.value != "" {
			attributes = append(attributes, one.flag, one.value)
		}
	}
	for range mostAlike {
		err := s.run(ctx, "delete-generic-password", attributes...)
		if errors.Is(err, errNotThere) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("remove generic password: there are more than %d alike", mostAlike)
}

// run runs one command of security(1) on the keychain. The error wraps errNotThere if there is no such item. The output
// of security can be personal, so no error contains it.
func (s SecurityTool) run(ctx context.Context, verb string, arguments ...string) error {
	_, stderr, exitCode, err := runTool(command.Security.At(s.Program))(ctx,
		slices.Concat([]string{verb}, arguments, []string{s.Keychain})...)
	switch {
	case err != nil:
		return fmt.Errorf("run security %s: %w", verb, err)
	case exitCode == 1 && bytes.Contains(bytes.ToLower(stderr), []byte(noSuchCertificate)):
		return errNotThere
	}
	return outcome(verb, exitCode, stderr)
}
