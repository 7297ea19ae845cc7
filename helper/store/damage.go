package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"usher.internal/internal/atomicfile"
)

// Damage is a part of the journal that could not be read, and was set aside.
type Damage struct {
	Number uint64    `json:"number"`
	At     time.Time `json:"at"`
	// Bucket and Key are the place of a value. Both are empty if the whole journal was set aside as File, or if only
	// its last write may be lost.
	Bucket string `json:"bucket,omitempty"`
	Key    []byte `json:"key,omitempty"`
	File   string `json:"file,omitempty"`
	// Restored is set if the file was removed while it was open: it was written again, and nothing is lost.
	Restored bool `json:"restored,omitempty"`
	// Exchanged is set if no file was in its place, or another one.
	Exchanged bool `json:"exchanged,omitempty"`
	// Value is the damaged value, nil if there was no room to keep it.
	Value []byte `json:"value,omitempty"`
	// Why says why, and contains nothing of the value.
	Why string `json:"why"`
	// bucket is its original name, which may not be text.
	bucket []byte
}

const (
	// damagedSuffix is added to the name of a damaged journal.
	damagedSuffix = ".damaged"
	// keptDamage is how long damage is kept, and reported.
	keptDamage = 30 * 24 * time.Hour
	// keptValues is how many bytes of values are kept: 1 MiB as JSON. Beyond that, the newest are kept.
	keptValues = 1 << 20 * 3 / 4
	// keptDamages is how many are kept, with their values or without.
	keptDamages = 1000
)

var damages = NewBucket[Damage]("damages")

// Damages returns the values and journals that were set aside in the last 30 days, the oldest first, without the
// values.
func (s *Store) Damages() (found []Damage, err error) {
	err = s.View(func(tx *Tx) error {
		for one, err := range damages.Ascend(tx) {
			if err != nil {
				return err
			}
			if time.Since(one.At) < keptDamage {
				one.Value = nil
				found = append(found, one)
			}
		}
		return nil
	})
	return found, err
}

// keep adds the findings to the journal, and removes those that are too old or too many.
func keep(tx *Tx, found []Damage) error {
	for _, one := range found {
		var err error
		if one.Number, err = damages.NextSequence(tx); err != nil {
			return err
		}
		if len(one.Value) > keptValues {
			one.Value = nil
		}
		if err := damages.Put(tx, NumberKey(one.Number), one); err != nil {
			return err
		}
	}
	var forgotten []uint64
	var without []Damage
	kept, size := 0, 0
	for one, err := range damages.Descend(tx) {
		if err != nil {
			return err
		}
		kept++
		switch size += len(one.Value); {
		case kept > keptDamages, time.Since(one.At) >= keptDamage:
			forgotten = append(forgotten, one.Number)
		case size > keptValues && one.Value != nil:
			one.Value = nil
			without = append(without, one)
		}
	}
	for _, number := range forgotten {
		if err := damages.Delete(tx, NumberKey(number)); err != nil {
			return err
		}
	}
	for _, one := range without {
		if err := damages.Put(tx, NumberKey(one.Number), one); err != nil {
			return err
		}
	}
	return nil
}

// SetAside renames the journal at path, which [Open] found to be [ErrDamaged], so that the next Open makes a new one.
// It returns the new name. It replaces a journal that was set aside earlier: a disk that damages journals must not fill
// up with them.
func SetAside(path string) (aside string, err error) {
	aside = path + damagedSuffix
	if info, err := os.Lstat(aside); err == nil && info.IsDir() {
		aside = fmt.Sprint(aside, "-", time.Now().UnixNano()) // a directory is not replaced
	} else if moved, err := os.Lstat(path); err == nil && moved.IsDir() {
		os.Remove(aside) // it would block the rename
	}
	os.Remove(path + markSuffix) // with it the next journal would report that this one is gone, too
	if err := atomicfile.Rename(path, aside); err != nil {
		return "", fmt.Errorf("set the journal aside: %w", err)
	}
	return aside, nil
}

// wasSetAside returns the damage that a new journal at path records about one that was set aside recently. If usherd
// ended right after it had set the journal aside, there is no other trace.
func wasSetAside(path string) []Damage {
	info, err := os.Lstat(path + damagedSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	at := time.Now()
	if err == nil && at.Sub(info.ModTime()) > keptDamage {
		return nil
	}
	return []Damage{{At: at, File: path + damagedSuffix, Why: "it was damaged when usherd started the last time"}}
}

// inspect reads every value of a file with sums, and returns the damaged ones. The error wraps [ErrDamaged] if values
// are lost, or if old values have come back.
func inspect(tx *bolt.Tx) (damaged []Damage, err error) {
	there := make(map[string]bool)
	err = forEachBucket(tx, func(name []byte, bucket *bolt.Bucket) error {
		there[string(name)] = true
		recorded, err := readContents(tx, string(name))
		if err != nil {
			return err
		}
		var held contents
		before := len(damaged)
		err = bucket.ForEach(func(key, stored []byte) error {
			content, err := unseal(name, key, stored)
			if err == nil {
				err = decodable(string(name), content)
			}
			if err != nil {
				damaged = append(damaged, damageOf(name, key, stored, err))
				return nil
			}
			sum, err := storedSum(stored)
			held.add(sum)
			return err
		})
		if err != nil {
			return err
		}
		unread := uint64(len(damaged) - before)
		switch {
		case bucket.Sequence() != recorded.sequence:
			return fmt.Errorf("%w: %q numbers its values from %d on, and %d were given out", ErrDamaged, name,
				bucket.Sequence(), recorded.sequence)
		case held.count+unread != recorded.count:
			return fmt.Errorf("%w: %q holds %d values, and %d were written", ErrDamaged, name, held.count+unread,
				recorded.count)
		case unread == 0 && held.sums != recorded.sums:
			return fmt.Errorf("%w: %q does not hold the values that were written last", ErrDamaged, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// A lost bucket is known by its record.
	return damaged, tx.Bucket(metaBucket).ForEach(func(key, stored []byte) error {
		name, isRecord := strings.CutPrefix(string(key), contentsPrefix)
		if !isRecord {
			return nil
		}
		recorded, err := decodeContents(name, stored)
		if err == nil && !there[name] && recorded != (contents{}) {
			err = fmt.Errorf("%w: %q is lost", ErrDamaged, name)
		}
		return err
	})
}

// decodable returns an error unless the value has the type that this program keeps in the bucket. Types of a later
// version are not known here.
func decodable(bucket string, content []byte) error {
	kind, known := buckets[bucket]
	if !known {
		if !json.Valid(content) {
			return errors.New("it is not JSON")
		}
		return nil
	}
	if err := json.Unmarshal(content, reflect.New(kind).Interface()); err != nil {
		return fmt.Errorf("it is not a %s as this version writes it", kind) // the error may quote the value
	}
	return nil
}
