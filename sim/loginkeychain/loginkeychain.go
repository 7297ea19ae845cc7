// Package loginkeychain puts the items of a registration into a real login keychain on a Mac, through
// /usr/bin/security. With it the acceptance on a Mac (scripts/accept-mac) can register against the stand-in of Company
// Portal. Nobody ran it on a Mac yet.
//
// security can set neither an application tag nor a label of a key, so a key has those of its import.
package loginkeychain

import (
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"usher.internal/sim/filekeychain"
)

// Program is macOS's security; tests have another.
const Program = "/usr/bin/security"

// Keychain is the login keychain of the calling user.
type Keychain struct{ program string }

// Open returns the login keychain, which program changes.
func Open(program string) *Keychain { return &Keychain{program} }

// Add puts an item into it. Every program may read the item, so macOS asks nobody.
func (k *Keychain) Add(item filekeychain.Item) error {
	switch item.Class {
	case filekeychain.GenericPassword:
		return k.run("add-generic-password", "-U", "-A", "-a", item.Account, "-s", item.Service, "-l", item.Label, "-w",
			string(item.Data))
	case filekeychain.Certificate:
		return k.imports("CERTIFICATE", item.Data, "-t", "cert")
	case filekeychain.Key:
		return k.imports("PRIVATE KEY", item.Data, "-t", "priv", "-f", "openssl", "-A")
	}
	return fmt.Errorf("add to login keychain: %w %q", filekeychain.ErrUnknownClass, item.Class)
}

func (k *Keychain) imports(kind string, content []byte, options ...string) error {
	directory, err := os.MkdirTemp("", "usher-import-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	file := filepath.Join(directory, "item.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		return err
	}
	return k.run(append([]string{"import", file}, options...)...)
}

// Delete removes nothing: the acceptance removes its own items, by name.
func (k *Keychain) Delete(func(filekeychain.Item) bool) (int, error) { return 0, nil }

// Lock locks it.
func (k *Keychain) Lock() error { return k.run("lock-keychain") }

func (k *Keychain) run(arguments ...string) error {
	output, err := exec.Command(k.program, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("security %s: %w: %s", arguments[0], err, strings.TrimSpace(string(output)))
	}
	return nil
}
