package store

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// damagedSuffix is what the name of a damaged journal gets.
const damagedSuffix = ".damaged"

// SetAside renames the journal at path, which [Open] found to be [ErrDamaged], so that the next Open makes a new one, and
// returns the new name. One that was set aside earlier is replaced: a disk that damages journals must not be filled with them.
func SetAside(path string) (aside string, err error) {
	aside = path + damagedSuffix
	if err := os.Rename(path, aside); err != nil {
		return "", fmt.Errorf("set the journal aside: %w", err)
	}
	return aside, nil
}

// readable reads everything once.
func readable(db *bolt.DB) error {
	return withoutFaults(func() error {
		return db.View(func(tx *bolt.Tx) error {
			return tx.ForEach(func(_ []byte, bucket *bolt.Bucket) error { return readBucket(bucket) })
		})
	})
}

func readBucket(bucket *bolt.Bucket) error {
	return bucket.ForEach(func(key, value []byte) error {
		if value == nil {
			return readBucket(bucket.Bucket(key))
		}
		_, err := io.Copy(io.Discard, bytes.NewReader(value))
		return err
	})
}

// withoutFaults calls f and returns [ErrDamaged] where f panics: bbolt maps the file into memory and trusts it, so that a page
// that is missing is a fault of the processor's, and one with something else in it a failed assertion.
func withoutFaults(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if met := recover(); met != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, met)
		}
	}()
	return f()
}
