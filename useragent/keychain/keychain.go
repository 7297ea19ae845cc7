// Package keychain reads the user's login keychain: its certificates, keys and generic passwords. Only this package
// imports go-keychain. It never unlocks, and never asks for anything that would raise a prompt: of generic passwords
// and keys it reads the attributes, of certificates the certificate. Only the methods that remove an item write, see
// [ErrNotRemovable].
//
// [Open] returns the keychain of the process's user, and that depends on the build:
//
//   - On Linux it is the default collection of the Secret Service (gnome-keyring and its like).
//   - On macOS with cgo it is what go-keychain finds with the Security framework.
//   - On macOS without cgo it is what /usr/bin/security prints.
//   - With the build tag simkeychain it is files in the directory that the environment variable USHER_SIM_KEYCHAIN
//     names, to develop without a keyring. No program that ships is built with it.
//
// Neither reading of macOS was ever run on a Mac. Both are written from Apple's published source and run under the
// loader of sim/darwin. The parsers are tested with output in the format of that source. [Keychain.Compare] shows on a
// Mac where the two differ.
//
// macOS searches more than one keychain, and so does this package: the user's login keychain, the system's, and
// tokens. It does not show this package the data-protection keychain, in which a second-generation Workplace Join keeps
// its key. Of keys it reports only which certificates have one; see [Certificate].
//
// An error never means "nothing there". Every method's error wraps one of the sentinels here if one fits.
package keychain

import (
	"errors"
	"fmt"
)

var (
	// ErrLocked says that the keychain is locked, so its content is not known.
	ErrLocked = errors.New("keychain is locked")
	// ErrAccessDenied says that the user, or the system on their behalf, refused access.
	ErrAccessDenied = errors.New("access to keychain denied")
	// ErrUnavailable says that there is no keychain in this session, or that it did not answer in time.
	ErrUnavailable = errors.New("keychain is not available")
	// ErrNoKey says that the keychain holds no such private key.
	ErrNoKey = errors.New("no such private key in the keychain")
	// ErrUnsupported says that this build cannot do what it is asked to do.
	ErrUnsupported = errors.New("keychain is not supported")
)

var errNothingToCompare = fmt.Errorf("%w: two readings are compared only on macOS, in a build with cgo",
	ErrUnsupported)

// GenericPassword is the attributes of a generic-password item; its secret is never read.
type GenericPassword struct {
	Account, Service, Label string
}

// Certificate is a certificate item.
type Certificate struct {
	// DER is the certificate, never empty. It may be impossible to parse.
	DER []byte
	// Label is empty if the label is not known, as from /usr/bin/security.
	Label string
	// HasPrivateKey is set if the platform itself says that a certificate has its private key in the keychain. macOS
	// does, and lists no keys; the tag of the key is then not known. Elsewhere it is always false, and the key is among
	// [Keychain.Keys].
	HasPrivateKey bool
}

// Key is the attributes of a private-key item; the key itself is never read.
type Key struct {
	// ApplicationTag is any bytes, including a NUL at its end.
	ApplicationTag []byte
	// ApplicationLabel is the SHA-1 of the public key in lower-case hexadecimal. It identifies a certificate's key.
	ApplicationLabel string
	Label            string
}
