package keychain

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// toolReader reads the keychain of macOS with /usr/bin/security: for builds without cgo, and to compare with. It runs
// three of its commands. None of them reads what an access control list protects, so no prompt is raised. It never uses
// -g or -w, which print passwords, and no command that unlocks, exports or dumps.
//
// It reports less than the Security framework, by Apple's source of it:
//
//   - find-generic-password prints the first item of an account or a label. If there are several, as after a
//     registration that left something behind, it does not show the others. Only a dump of the whole keychain would
//     list them, or items with unknown names.
//   - find-generic-password says that an item is not there, and find-identity ends its list, also when macOS did not
//     let them search on. If one of them says so on stderr it is an error, but they need not.
//   - find-identity lists keys that can sign, as a device key can. It evaluates the trust of each certificate. For
//     that, macOS may ask the network, so it can take long.
type toolReader struct {
	run securityRunner
}

// securityRunner runs /usr/bin/security and returns its output and its exit code. It returns when ctx ends. err is
// about running it and wraps a sentinel; it is nil for any exit code.
type securityRunner func(ctx context.Context, arguments ...string) (stdout, stderr []byte, exitCode int, err error)

// certificates returns the certificates, and which of them have a private key. An identity whose certificate is not
// listed is left out.
func (t toolReader) certificates(ctx context.Context) ([]Certificate, error) {
	const list, listIdentities = "find-certificate", "find-identity"
	output, err := t.output(ctx, list, "-a", "-p", "-Z")
	if errors.Is(err, errNotThere) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	certificates, err := parseCertificates(output)
	if err != nil {
		return nil, fmt.Errorf("read output of security %s: %w", list, err)
	}
	// Without -v: the device certificate is not valid for a Mac that does not know its issuer.
	output, err = t.output(ctx, listIdentities)
	if errors.Is(err, errNotThere) {
		return withPrivateKeys(certificates, nil), nil
	}
	if err != nil {
		return nil, err
	}
	identities, err := parseIdentities(output)
	if err != nil {
		return nil, fmt.Errorf("read output of security %s: %w", listIdentities, err)
	}
	return withPrivateKeys(certificates, identities), nil
}

// genericPasswords returns the first item of each of [Accounts] and [Labels].
func (t toolReader) genericPasswords(ctx context.Context) ([]GenericPassword, error) {
	var passwords []GenericPassword
	find := func(flag, name string, attribute func(GenericPassword) string) error {
		const command = "find-generic-password"
		output, err := t.output(ctx, command, flag, name)
		if errors.Is(err, errNotThere) {
			return nil
		}
		if err != nil {
			return err
		}
		password, err := parseGenericPassword(output)
		if err == nil && attribute(password) != name {
			err = errors.New("it is of another item than was asked for")
		}
		if err != nil {
			return fmt.Errorf("read output of security %s %s: %w", command, flag, err)
		}
		if !slices.Contains(passwords, password) {
			passwords = append(passwords, password)
		}
		return nil
	}
	for _, account := range Accounts {
		if err := find("-a", account, func(p GenericPassword) string { return p.Account }); err != nil {
			return nil, err
		}
	}
	for _, label := range Labels {
		if err := find("-l", label, func(p GenericPassword) string { return p.Label }); err != nil {
			return nil, err
		}
	}
	return passwords, nil
}

func (t toolReader) read(ctx context.Context) (reading, error) {
	certificates, err := t.certificates(ctx)
	if err != nil {
		return reading{}, err
	}
	passwords, err := t.genericPasswords(ctx)
	return reading{certificates, passwords}, err
}

func (t toolReader) output(ctx context.Context, command string, arguments ...string) ([]byte, error) {
	stdout, stderr, exitCode, err := t.run(ctx, append([]string{command}, arguments...)...)
	if err != nil {
		return nil, fmt.Errorf("run security %s: %w", command, err)
	}
	return stdout, outcome(command, exitCode, stderr)
}
