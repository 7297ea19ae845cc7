package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"

	bolt "go.etcd.io/bbolt"
)

// Bucket holds values of one type as JSON, in the order of their keys. It is made once, at package level, and needs no
// transaction to exist.
type Bucket[T any] struct{ name []byte }

// NewBucket returns the bucket of that name.
func NewBucket[T any](name string) Bucket[T] {
	buckets[name] = reflect.TypeFor[T]()
	return Bucket[T]{name: []byte(name)}
}

// buckets holds the type of what each bucket of this program keeps, by name. It is complete once the packages are initialized.
var buckets = make(map[string]reflect.Type)

// Buckets returns the type of what each bucket of this program keeps, by name.
func Buckets() map[string]reflect.Type { return maps.Clone(buckets) }

// NumberKey returns the key for a number; keys of numbers sort as the numbers do.
func NumberKey(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

func (b Bucket[T]) decode(key, stored []byte) (T, error) {
	var value T
	if err := json.Unmarshal(stored, &value); err != nil {
		return value, fmt.Errorf("read %x of %s: %w", key, b.name, err)
	}
	return value, nil
}

// Get returns the value of key, false when there is none.
func (b Bucket[T]) Get(tx *Tx, key []byte) (value T, found bool, err error) {
	bucket := tx.bolt.Bucket(b.name)
	if bucket == nil {
		return value, false, nil
	}
	stored := bucket.Get(key)
	if stored == nil {
		return value, false, nil
	}
	value, err = b.decode(key, stored)
	return value, err == nil, err
}

// Put sets the value of key.
func (b Bucket[T]) Put(tx *Tx, key []byte, value T) error {
	bucket, err := tx.bolt.CreateBucketIfNotExists(b.name)
	if err != nil {
		return fmt.Errorf("write %x of %s: %w", key, b.name, err)
	}
	stored, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %x of %s: %w", key, b.name, err)
	}
	if err := bucket.Put(key, stored); err != nil {
		return fmt.Errorf("write %x of %s: %w", key, b.name, err)
	}
	return nil
}

// Delete removes key; a key that is not there is no error.
func (b Bucket[T]) Delete(tx *Tx, key []byte) error {
	bucket := tx.bolt.Bucket(b.name)
	if bucket == nil {
		return nil
	}
	if err := bucket.Delete(key); err != nil {
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
	return bucket.NextSequence()
}

// Ascend yields the values from the first key to the last, each with the error of reading it. Nothing may be written to
// the bucket meanwhile.
func (b Bucket[T]) Ascend(tx *Tx) iter.Seq2[T, error] {
	return b.walk(tx, (*bolt.Cursor).First, (*bolt.Cursor).Next)
}

// Descend yields the values from the last key to the first, each with the error of reading it. Nothing may be written to
// the bucket meanwhile.
func (b Bucket[T]) Descend(tx *Tx) iter.Seq2[T, error] {
	return b.walk(tx, (*bolt.Cursor).Last, (*bolt.Cursor).Prev)
}

func (b Bucket[T]) walk(tx *Tx, first, next func(*bolt.Cursor) ([]byte, []byte)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		bucket := tx.bolt.Bucket(b.name)
		if bucket == nil {
			return
		}
		cursor := bucket.Cursor()
		for key, stored := first(cursor); key != nil; key, stored = next(cursor) {
			if !yield(b.decode(key, stored)) {
				return
			}
		}
	}
}
