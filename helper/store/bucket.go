package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"

	bolt "go.etcd.io/bbolt"
)

// Bucket holds values of one type as JSON, in the order of their keys. It is made once, at package level, outside any
// transaction.
type Bucket[T any] struct{ name []byte }

// NewBucket returns the bucket of that name.
func NewBucket[T any](name string) Bucket[T] {
	buckets[name] = reflect.TypeFor[T]()
	return Bucket[T]{name: []byte(name)}
}

// buckets holds the type of the values of each bucket of this program, by name. It is complete once the packages are
// initialized.
var buckets = make(map[string]reflect.Type)

// Buckets returns the type of the values of each bucket of this program, by name.
func Buckets() map[string]reflect.Type { return maps.Clone(buckets) }

// NumberKey returns the key for a number; keys of numbers sort as the numbers do.
func NumberKey(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

// KeyNumber returns the number of a key that [NumberKey] made, and 0 for any other key.
func KeyNumber(key []byte) uint64 {
	if len(key) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(key)
}

// decode returns a stored value. A value that cannot be read is [ErrDamaged]; the file is then examined before it is
// used again.
func (b Bucket[T]) decode(tx *Tx, key, stored []byte) (T, error) {
	var value T
	content, err := unseal(b.name, key, stored)
	if err == nil {
		err = json.Unmarshal(content, &value)
	}
	if err != nil {
		tx.damaged = true
		return value, fmt.Errorf("read %x of %s: %w: %w", key, b.name, ErrDamaged, err)
	}
	return value, nil
}

// Get returns the value of key, false if there is none.
func (b Bucket[T]) Get(tx *Tx, key []byte) (value T, found bool, err error) {
	bucket := tx.bolt.Bucket(b.name)
	if bucket == nil {
		return value, false, nil
	}
	stored := bucket.Get(key)
	if stored == nil {
		return value, false, nil
	}
	value, err = b.decode(tx, key, stored)
	return value, err == nil, err
}

// Put sets the value of key.
func (b Bucket[T]) Put(tx *Tx, key []byte, value T) error {
	if err := b.put(tx, key, value); err != nil {
		return fmt.Errorf("write %x of %s: %w", key, b.name, err)
	}
	return nil
}

func (b Bucket[T]) put(tx *Tx, key []byte, value T) error {
	bucket, err := tx.bolt.CreateBucketIfNotExists(b.name)
	if err != nil {
		return err
	}
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := b.forget(tx, bucket, key); err != nil {
		return err
	}
	stored, sum := seal(b.name, key, content)
	if err := bucket.Put(key, stored); err != nil {
		return err
	}
	held, err := tx.contents(b.name)
	if err != nil {
		return err
	}
	held.add(sum)
	return nil
}

// forget removes the value of key, if any, from the record of the bucket's contents.
func (b Bucket[T]) forget(tx *Tx, bucket *bolt.Bucket, key []byte) error {
	stored := bucket.Get(key)
	if stored == nil {
		return nil
	}
	sum, err := storedSum(stored)
	if err != nil {
		tx.damaged = true
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	held, err := tx.contents(b.name)
	if err != nil {
		return err
	}
	held.remove(sum)
	return nil
}

// Delete removes key; a missing key is not an error.
func (b Bucket[T]) Delete(tx *Tx, key []byte) error {
	bucket := tx.bolt.Bucket(b.name)
	if bucket == nil {
		return nil
	}
	err := b.forget(tx, bucket, key)
	if err == nil {
		err = bucket.Delete(key)
	}
	if err != nil {
		return fmt.Errorf("delete %x of %s: %w", key, b.name, err)
	}
	return nil
}

// NextSequence returns a number that this bucket has never given out before.
func (b Bucket[T]) NextSequence(tx *Tx) (uint64, error) {
	bucket, err := tx.bolt.CreateBucketIfNotExists(b.name)
	if err != nil {
		return 0, fmt.Errorf("number an entry of %s: %w", b.name, err)
	}
	held, err := tx.contents(b.name)
	if err != nil {
		return 0, fmt.Errorf("number an entry of %s: %w", b.name, err)
	}
	held.sequence, err = bucket.NextSequence()
	return held.sequence, err
}

// Ascend yields the values from the first key to the last, each with the error of reading it. Nothing may write to the
// bucket meanwhile.
func (b Bucket[T]) Ascend(tx *Tx) iter.Seq2[T, error] {
	return b.walk(tx, (*bolt.Cursor).First, (*bolt.Cursor).Next)
}

// Descend yields the values from the last key to the first, each with the error of reading it. Nothing may write to the
// bucket meanwhile.
func (b Bucket[T]) Descend(tx *Tx) iter.Seq2[T, error] {
	return b.walk(tx, (*bolt.Cursor).Last, (*bolt.Cursor).Prev)
}

// Keys yields the keys from the first to the last. Nothing may write to the bucket meanwhile.
func (b Bucket[T]) Keys(tx *Tx) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		bucket := tx.bolt.Bucket(b.name)
		if bucket == nil {
			return
		}
		cursor := bucket.Cursor()
		for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
			if !yield(bytes.Clone(key)) {
				return
			}
		}
	}
}

func (b Bucket[T]) walk(tx *Tx, first, next func(*bolt.Cursor) ([]byte, []byte)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		bucket := tx.bolt.Bucket(b.name)
		if bucket == nil {
			return
		}
		cursor := bucket.Cursor()
		for key, stored := first(cursor); key != nil; key, stored = next(cursor) {
			if !yield(b.decode(tx, key, stored)) {
				return
			}
		}
	}
}
