package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// schema is the version of what is kept. A change of it needs an entry in migrations.
const schema = 1

// migrations bring a file from the version that is their index to the next one. Version 0 is an empty file.
var migrations = [schema]func(*bolt.Tx) error{
	0: func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(metaBucket)
		return err
	},
}

var (
	metaBucket = []byte("meta")
	schemaKey  = []byte("schema")
)

// migrate brings a file to the present schema, in one transaction. A file of a newer one is [ErrNewerSchema].
func migrate(db *bolt.DB) error {
	var version uint64
	err := db.View(func(tx *bolt.Tx) error {
		if meta := tx.Bucket(metaBucket); meta != nil {
			if stored := meta.Get(schemaKey); len(stored) == 8 {
				version = binary.BigEndian.Uint64(stored)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case version == schema:
		return nil
	case version > schema:
		return fmt.Errorf("%w: it has schema %d and this version knows %d: install the newer usher again, or move the file away",
			ErrNewerSchema, version, schema)
	}
	return explained(db.Update(func(tx *bolt.Tx) error {
		for ; version < schema; version++ {
			if err := migrations[version](tx); err != nil {
				return fmt.Errorf("migrate from schema %d: %w", version, err)
			}
		}
		return tx.Bucket(metaBucket).Put(schemaKey, binary.BigEndian.AppendUint64(nil, schema))
	}))
}
