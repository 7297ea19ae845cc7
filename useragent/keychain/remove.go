package keychain

import "errors"

// ErrNotRemovable says that usher has no way to remove an item of this kind on this platform; a person has one.
//
// Removing is the one thing that writes to a keychain, and is done for a person who asked for it alone.
// RemoveCertificate, RemoveKey and RemoveGenericPassword remove every item with exactly these attributes, and nothing
// else. What is gone already is no error; a keychain that is locked is [ErrLocked], and nothing is unlocked or asked
// for.
var ErrNotRemovable = errors.New("cannot be removed by usher")
