package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc64"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// bbolt has checksums for its header pages only. One flipped bit can leave valid JSON with another meaning, lose an
// entry, or bring back a page of last week. So each value carries a sum, and each bucket has a record of its contents.

var sumTable = crc64.MakeTable(crc64.ECMA)

// trailerSize is the size of a line feed and the sum in hexadecimal, behind the JSON of each value.
const trailerSize = 1 + 2*crc64.Size

// sumOf returns the sum of a value at its place. A value at another place is as wrong as a changed one.
func sumOf(bucket, key, content []byte) uint64 {
	place := binary.BigEndian.AppendUint32(nil, uint32(len(bucket)))
	place = append(place, bucket...)
	place = binary.BigEndian.AppendUint32(place, uint32(len(key)))
	return crc64.Update(crc64.Update(0, sumTable, append(place, key...)), sumTable, content)
}

// seal returns the stored form of a value, and its sum.
func seal(bucket, key, content []byte) (stored []byte, sum uint64) {
	sum = sumOf(bucket, key, content)
	stored = append(slices.Clip(content), '\n')
	return hex.AppendEncode(stored, binary.BigEndian.AppendUint64(nil, sum)), sum
}

var (
	errNoSum    = errors.New("it has no checksum")
	errWrongSum = errors.New("its checksum does not match")
)

// storedSum returns the sum that a stored value carries.
func storedSum(stored []byte) (uint64, error) {
	at := len(stored) - trailerSize
	if at < 0 || stored[at] != '\n' {
		return 0, errNoSum
	}
	sum, err := hex.DecodeString(string(stored[at+1:]))
	if err != nil {
		return 0, errNoSum
	}
	return binary.BigEndian.Uint64(sum), nil
}

// unseal returns the value of a stored form.
func unseal(bucket, key, stored []byte) ([]byte, error) {
	sum, err := storedSum(stored)
	if err != nil {
		return nil, err
	}
	content := stored[:len(stored)-trailerSize]
	if sumOf(bucket, key, content) != sum {
		return nil, errWrongSum
	}
	return content, nil
}

// contents is the record of a bucket's contents: how many values, all of their sums in one, and the last number given
// out. It changes in the transaction that changes the bucket. So a lost value, or an old one that comes back, is
// noticed.
type contents struct{ count, sums, sequence uint64 }

func (c *contents) add(sum uint64) { c.count, c.sums = c.count+1, c.sums^sum }

func (c *contents) remove(sum uint64) { c.count, c.sums = c.count-1, c.sums^sum }

// contentsPrefix begins the keys of the records in the meta bucket; the bucket's name follows.
const contentsPrefix = "contents:"

func (c contents) encode(bucket string) []byte {
	text := binary.BigEndian.AppendUint64(nil, c.count)
	text = binary.BigEndian.AppendUint64(text, c.sums)
	text = binary.BigEndian.AppendUint64(text, c.sequence)
	return binary.BigEndian.AppendUint64(text, sumOf(metaBucket, []byte(contentsPrefix+bucket), text))
}

func decodeContents(bucket string, stored []byte) (contents, error) {
	if len(stored) != 32 || sumOf(metaBucket, []byte(contentsPrefix+bucket), stored[:24]) !=
		binary.BigEndian.Uint64(stored[24:]) {
		return contents{}, fmt.Errorf("%w: the record of the contents of %q cannot be read", ErrDamaged, bucket)
	}
	return contents{binary.BigEndian.Uint64(stored), binary.BigEndian.Uint64(stored[8:]),
		binary.BigEndian.Uint64(stored[16:])}, nil
}

// readContents returns the record of a bucket, the zero record if there is none yet.
func readContents(tx *bolt.Tx, bucket string) (contents, error) {
	stored := tx.Bucket(metaBucket).Get([]byte(contentsPrefix + bucket))
	if stored == nil {
		return contents{}, nil
	}
	return decodeContents(bucket, stored)
}

// contents returns the record of a bucket that this transaction changes.
func (tx *Tx) contents(bucket []byte) (*contents, error) {
	if changed := tx.changed[string(bucket)]; changed != nil {
		return changed, nil
	}
	read, err := readContents(tx.bolt, string(bucket))
	if err != nil {
		return nil, err
	}
	if tx.changed == nil {
		tx.changed = make(map[string]*contents)
	}
	tx.changed[string(bucket)] = &read
	return &read, nil
}

// record writes the records of the buckets that this transaction has changed.
func (tx *Tx) record() error {
	for _, bucket := range slices.Sorted(maps.Keys(tx.changed)) {
		if err := tx.bolt.Bucket(metaBucket).Put([]byte(contentsPrefix+bucket),
			tx.changed[bucket].encode(bucket)); err != nil {
			return fmt.Errorf("record the contents of %s: %w", bucket, err)
		}
	}
	return nil
}

// schemaSumKey is beside the schema's: a flipped bit must not make a journal look like that of a newer version.
var schemaSumKey = []byte("schema-sum")

func schemaSum(schema []byte) []byte {
	return binary.BigEndian.AppendUint64(nil, sumOf(metaBucket, schemaKey, schema))
}

// readSchema returns the version of a file, 0 for an empty one, and whether its values carry sums.
func readSchema(tx *bolt.Tx) (version uint64, summed bool, err error) {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		if first, _ := tx.Cursor().First(); first != nil {
			return 0, false, fmt.Errorf("%w: it holds values without their version", ErrDamaged)
		}
		return 0, false, nil
	}
	stored, sum := meta.Get(schemaKey), meta.Get(schemaSumKey)
	if len(stored) != 8 {
		return 0, false, fmt.Errorf("%w: its version cannot be read", ErrDamaged)
	}
	record, _ := meta.Cursor().Seek([]byte(contentsPrefix))
	recorded := bytes.HasPrefix(record, []byte(contentsPrefix))
	version = binary.BigEndian.Uint64(stored)
	switch {
	case sum == nil && recorded, sum != nil && !bytes.Equal(sum, schemaSum(stored)):
		return 0, false, fmt.Errorf("%w: its version does not match its checksum", ErrDamaged)
	}
	return version, sum != nil, nil
}
