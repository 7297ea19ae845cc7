// Package keychain reads the user's login keychain: what certificates, keys and generic passwords are in it. It is the
// only package that imports go-keychain. It never unlocks, and never asks for anything that would raise a prompt: of
// generic passwords and keys the attributes are read, of certificates the certificate. Reading never writes; what does
// is the methods that remove an item, see [ErrNotRemovable].
//
// [Open] returns the keychain of the user whose process this is, and that depends on the build:
//
//   - On Linux it is the default collection of the Secret Service (gnome-keyring and its like).
//   - On macOS with cgo it is what go-keychain finds with the Security framework.
//   - On macOS without cgo it is what /usr/bin/security prints.
//   - With the build tag simkeychain it is files in the directory that the environment variable USHER_SIM_KEYCHAIN
//     names,
//     to develop without a keyring. No program that ships is built with it.
//
// Neither reading of macOS was ever run on a Mac. Both are written from Apple's published source and run under the
// loader of sim/darwin, and the parsers are held by output laid out as that source prints it. [Keychain.Compare] is
// there so that a Mac can say where the two differ.
//
// macOS searches more than one keychain, and so do we: the user's login keychain, the system's, and tokens. It does not
// show this package the data-protection keychain, in which a second-generation Workplace Join keeps its key. Of keys it
// tells only which certificates have one; see [Certificate].
//
// An error is never to be read as "nothing there". Every method's error wraps one of the sentinels here where one fits.
package keychain

import (
	"errors"
	"fmt"
)

var (
	// ErrLocked says that the keychain is locked, so that what it holds is not known.
	ErrLocked = errors.New("keychain is locked")
	// ErrAccessDenied says that the user, or the system for him, refused access.
	ErrAccessDenied = errors.New("access to keychain denied")
	// ErrUnavailable says that there is no keychain in this session, or that it did not answer in time.
	ErrUnavailable = errors.New("keychain is not available")
	// ErrNoKey says that the keychain holds no such private key.
	ErrNoKey = errors.New("no such private key in the keychain")
	// ErrUnsupported says that this build cannot do what was asked of it.
	ErrUnsupported = errors.New("keychain is not supported")
)

var errNothingToCompare = fmt.Errorf("%w: two readings are compared on macOS alone, in a build with cgo",
	ErrUnsupported)

// GenericPassword is the attributes of a generic-password item; its secret is never read.
type GenericPassword struct {
	Account, Service, Label string
}

// Certificate is a certificate item.
type Certificate struct {
	// DER is the certificate, never empty. Whether it can be parsed is not said.
	DER []byte
	// Label is empty where it is not told, as by /usr/bin/security.
	Label string
	// HasPrivateKey is set where the platform itself says that a certificate has its private key in the keychain. macOS
	// does, and lists no keys; elsewhere it is always false, and the key is among [Keychain.Keys]. Whose tag the key
	// has is not known then.
	HasPrivateKey bool
}

// Key is the attributes of a private-key item; the key itself is never read.
type Key struct {
	// ApplicationTag is any bytes, a NUL at its end included.
	ApplicationTag []byte
	// ApplicationLabel is the SHA-1 of the public key in lower-case hexadecimal, by which a certificate's key is found.
	ApplicationLabel string
	Label            string
}
