// Package keychain reads the user's login keychain: what certificates, keys and generic passwords are in it. It is the
// only package that imports go-keychain, and it never writes, never unlocks, and never asks for anything that would
// raise a prompt: of generic passwords and keys the attributes are read, of certificates the certificate.
//
// [Open] returns the keychain of the user whose process this is. On Linux that is the default collection of the
// Secret Service (gnome-keyring and its like). On macOS every method returns [ErrUnsupported]: reading the macOS login
// keychain arrives with a later version.
//
// An error is never to be read as "nothing there". Every method's error wraps one of the sentinels here where one fits.
//
// With the build tag simkeychain, [Open] returns a keychain of files in the directory that the environment variable
// USHER_SIM_KEYCHAIN names, to develop without a keyring. No program that ships is built with it.
package keychain

import "errors"

var (
	// ErrLocked says that the keychain is locked, so that what it holds is not known.
	ErrLocked = errors.New("keychain is locked")
	// ErrAccessDenied says that the user, or the system for him, refused access.
	ErrAccessDenied = errors.New("access to keychain denied")
	// ErrUnavailable says that there is no keychain in this session, or that it did not answer in time.
	ErrUnavailable = errors.New("keychain is not available")
	// ErrUnsupported says that this version cannot read the keychain of this platform.
	ErrUnsupported = errors.New("keychain is not supported")
)

// GenericPassword is the attributes of a generic-password item; its secret is never read.
type GenericPassword struct {
	Account, Service, Label string
}

// Certificate is a certificate item.
type Certificate struct {
	// DER is the certificate, never empty. Whether it can be parsed is not said.
	DER   []byte
	Label string
}

// Key is the attributes of a private-key item; the key itself is never read.
type Key struct {
	// ApplicationTag is any bytes, a NUL at its end included.
	ApplicationTag []byte
	// ApplicationLabel is the SHA-1 of the public key in lower-case hexadecimal, by which a certificate's key is found.
	ApplicationLabel string
	Label            string
}
