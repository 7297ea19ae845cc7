package keychain

import "errors"

// ErrNotRemovable says that usher cannot remove an item of this kind on this platform; a person can.
//
// Only removal writes to a keychain, and only for a person who asked for it. RemoveCertificate, RemoveKey and
// RemoveGenericPassword remove every item with exactly these attributes, and nothing else. An item that is gone already
// is not an error. A locked keychain is [ErrLocked]; nothing is unlocked, and the user is not asked.
var ErrNotRemovable = errors.New("cannot be removed by usher")
