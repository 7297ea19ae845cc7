package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Schema is the version of what is kept: the buckets, the types of their values, and which states and other words these may
// hold. A change of any of them needs a new version, so that an older usherd says that the journal is newer than itself instead of
// misreading it; a test of usherd's compares what is kept with a record of it (helper/testdata/stored). A change of Schema needs an
// entry in migrations.
const Schema = 2

// migrations bring a file from the version that is their index to the next one. Version 0 is an empty file.
var migrations = [Schema]func(*bolt.Tx) error{
	0: func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(metaBucket)
		return err
	},
	// Version 2 has more states, sources and facts. What version 1 could say means the same.
	1: func(*bolt.Tx) error { return nil },
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
	case version == Schema:
		return nil
	case version > Schema:
		return fmt.Errorf("%w: it has schema %d and this version knows %d: install the newer usher again, or move the file away",
			ErrNewerSchema, version, Schema)
	}
	return explained(db.Update(func(tx *bolt.Tx) error {
		for ; version < Schema; version++ {
			if err := migrations[version](tx); err != nil {
				return fmt.Errorf("migrate from schema %d: %w", version, err)
			}
		}
		return tx.Bucket(metaBucket).Put(schemaKey, binary.BigEndian.AppendUint64(nil, Schema))
	}))
}
