package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"usher.internal/internal/atomicfile"
)

// Schema is the version of the stored data: the buckets, the types of their values, and the words in them, such as
// states. A change of any of these needs a new version. Then an older usherd reports that the journal is newer, and
// does not misread it. A test of usherd's compares the stored types with a record of them (helper/testdata/stored). A
// change of Schema needs an entry in migrations.
const Schema = 2

// migrations bring a file from the version that is their index to the next one, with values that have no sums. Version
// 0 is an empty file.
var migrations = [Schema]func(*bolt.Tx) error{
	0: func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(metaBucket)
		return err
	},
	// Version 2 has more states, sources and facts. The words of version 1 keep their meaning.
	1: func(*bolt.Tx) error { return nil },
}

var (
	metaBucket = []byte("meta")
	schemaKey  = []byte("schema")
)

// settle brings a file to the present schema. Unreadable values are set aside: then the journal is written again, and
// rebuilt is true. settle returns the values set aside, and the mark that the file has now; before is the mark that it
// should have. A file of a newer schema is [ErrNewerSchema].
func settle(db *bolt.DB, path string, looked examination, before mark) (present mark, found []Damage, rebuilt bool,
	err error) {
	if looked.lastMayBeLost {
		found = append(found, Damage{At: time.Now(),
			Why: "a header page was damaged; the last write may be lost"})
	}
	var version uint64
	var markError error
	var summed bool
	var damaged []Damage
	err = db.View(func(tx *bolt.Tx) (err error) {
		version, summed, err = readSchema(tx)
		switch {
		case err != nil:
			return err
		case version > Schema:
			return fmt.Errorf("%w: it has schema %d and this version knows %d: install the newer usher again, or "+
				"move the file away",
				ErrNewerSchema, version, Schema)
		case version == 0:
			return fmt.Errorf("%w: it is empty", ErrDamaged) // [create] leaves no such file
		case summed:
			damaged, err = inspect(tx)
		default:
			damaged, err = unreadable(tx)
		}
		if err == nil {
			present, markError = readMark(tx)
		}
		return err
	})
	if err != nil {
		return mark{}, nil, false, err
	}
	isMarked := present != mark{}
	switch wrong := present.follows(before); {
	case markError != nil:
		found = append(found, Damage{At: time.Now(), Why: markError.Error()})
	case wrong != "" && !(looked.lastMayBeLost && present.journal == before.journal): // that was reported
		found = append(found, Damage{At: time.Now(), Why: wrong, Exchanged: true})
	}
	switch {
	case before != mark{} && (markError != nil || present.journal == before.journal):
		present.journal, present.commits = before.journal, max(present.commits, before.commits)
	case before != mark{} || !isMarked:
		present = newMark()
	}
	switch found = append(found, damaged...); {
	case len(found) > 0 || looked.irregular:
		return present, found, true, rebuild(db, path, version, summed, damaged, found, present)
	case version == Schema && summed && isMarked:
		return present, nil, false, nil
	}
	return present, nil, false, explained(db.Update(func(tx *bolt.Tx) error {
		if version < Schema || !summed {
			if err := migrate(tx, version, nil); err != nil {
				return err
			}
		}
		return present.put(tx)
	}))
}

// rebuild replaces the journal at path, which db is, with one of the present schema and that mark. The new one holds
// everything except the damaged values. The damaged file is only read: bbolt cannot change a page if its first key
// differs from the key that led to it.
func rebuild(db *bolt.DB, path string, version uint64, summed bool, damaged, found []Damage, present mark) error {
	without := make(map[string]bool)
	for _, one := range damaged {
		without[string(one.bucket)+"\x00"+string(one.Key)] = true
	}
	name, err := build(path, func(to *bolt.Tx) error {
		copied := &Tx{bolt: to, changed: make(map[string]*contents)}
		err := db.View(func(from *bolt.Tx) error {
			return from.ForEach(func(name []byte, bucket *bolt.Bucket) error {
				target, err := to.CreateBucket(name)
				if err != nil {
					return err
				}
				held := &contents{sequence: bucket.Sequence()}
				if !bytes.Equal(name, metaBucket) {
					copied.changed[string(name)] = held
				}
				if err := target.SetSequence(held.sequence); err != nil {
					return err
				}
				return bucket.ForEach(func(key, stored []byte) error {
					if without[string(name)+"\x00"+string(key)] {
						return nil
					}
					if sum, err := storedSum(stored); err == nil {
						held.add(sum)
					}
					return target.Put(key, stored)
				})
			})
		})
		if err != nil {
			return err
		}
		if err := present.put(to); err != nil {
			return err
		}
		if !summed {
			return migrate(to, version, found)
		}
		if err := keep(copied, found); err != nil {
			return err
		}
		return copied.record()
	})
	if err == nil {
		err = present.takeOver(path)
	}
	if err != nil {
		return fmt.Errorf("write the journal again: %w", err)
	}
	defer os.Remove(name)
	if err := atomicfile.Rename(name, path); err != nil {
		return fmt.Errorf("write the journal again: %w", explained(err))
	}
	return nil
}

// unreadable returns the unreadable values of a file whose values have no sums.
func unreadable(tx *bolt.Tx) (damaged []Damage, err error) {
	err = forEachBucket(tx, func(name []byte, bucket *bolt.Bucket) error {
		return bucket.ForEach(func(key, content []byte) error {
			if err := decodable(string(name), content); err != nil {
				damaged = append(damaged, damageOf(name, key, content, err))
			}
			return nil
		})
	})
	return damaged, err
}

// migrate brings a file of an earlier version, or one whose values have no sums, to the present one.
func migrate(tx *bolt.Tx, version uint64, found []Damage) error {
	for ; version < Schema; version++ {
		if err := migrations[version](tx); err != nil {
			return fmt.Errorf("migrate from schema %d: %w", version, err)
		}
	}
	sealed := &Tx{bolt: tx, changed: make(map[string]*contents)}
	err := forEachBucket(tx, func(name []byte, bucket *bolt.Bucket) error {
		held := &contents{sequence: bucket.Sequence()}
		values := make(map[string][]byte)
		err := bucket.ForEach(func(key, content []byte) error {
			stored, sum := seal(name, key, slices.Clone(content))
			values[string(key)] = stored
			held.add(sum)
			return nil
		})
		for key, stored := range values {
			if err == nil {
				err = bucket.Put([]byte(key), stored)
			}
		}
		sealed.changed[string(name)] = held
		return err
	})
	if err != nil {
		return fmt.Errorf("give the values their checksums: %w", err)
	}
	if err := keep(sealed, found); err != nil {
		return err
	}
	meta, schema := tx.Bucket(metaBucket), binary.BigEndian.AppendUint64(nil, Schema)
	if err := meta.Put(schemaKey, schema); err != nil {
		return err
	}
	if err := meta.Put(schemaSumKey, schemaSum(schema)); err != nil {
		return err
	}
	return sealed.record()
}

// forEachBucket calls f for each bucket of values.
func forEachBucket(tx *bolt.Tx, f func(name []byte, bucket *bolt.Bucket) error) error {
	return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
		if bytes.Equal(name, metaBucket) {
			return nil
		}
		return f(bytes.Clone(name), bucket)
	})
}

// damageOf describes a value that cannot be read.
func damageOf(bucket, key, stored []byte, why error) Damage {
	return Damage{
		At: time.Now(), Bucket: strings.ToValidUTF8(string(bucket), "?"), Key: bytes.Clone(key),
		Value: bytes.Clone(stored), Why: why.Error(),
		bucket: bytes.Clone(bucket),
	}
}
