package propertylist

import (
	"encoding/binary"
	"fmt"
)

// boundedBinary refuses a binary property list that unfolds to too many values, or that refers to itself. It follows the
// references as a parser would, and looks at each object once. What it cannot follow it leaves to the parser, which refuses it.
func boundedBinary(content []byte) error {
	const trailerSize = 32
	if len(content) < 8+trailerSize {
		return nil
	}
	trailer := content[len(content)-trailerSize:]
	b := &binaryList{content: content, offsetSize: int(trailer[6]), referenceSize: int(trailer[7]), sizes: map[uint64]int{},
		objects: binary.BigEndian.Uint64(trailer[8:]), table: binary.BigEndian.Uint64(trailer[24:])}
	if _, err := b.size(binary.BigEndian.Uint64(trailer[16:]), 0); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecognised, err)
	}
	return nil
}

// binaryList is a binary property list as CoreFoundation's CFBinaryPList.c describes it.
type binaryList struct {
	content                   []byte
	offsetSize, referenceSize int
	objects, table            uint64
	// sizes is to how many values an object unfolds; -1 while it is looked at.
	sizes map[uint64]int
}

// number reads a big-endian number of some bytes; false where there are none.
func (b *binaryList) number(at uint64, bytes int) (uint64, bool) {
	end := at + uint64(bytes)
	if bytes < 1 || bytes > 8 || end < at || end > uint64(len(b.content)) {
		return 0, false
	}
	var value uint64
	for _, one := range b.content[at:end] {
		value = value<<8 | uint64(one)
	}
	return value, true
}

// size is to how many values an object unfolds.
func (b *binaryList) size(object uint64, depth int) (int, error) {
	if known, seen := b.sizes[object]; seen {
		if known < 0 {
			return 0, fmt.Errorf("a property list that refers to itself")
		}
		return known, nil
	}
	if depth > maximumDepth {
		return 0, fmt.Errorf("a property list with more than %d levels", maximumDepth)
	}
	b.sizes[object] = -1
	total := 1
	for _, reference := range b.references(object) {
		size, err := b.size(reference, depth+1)
		if err != nil {
			return 0, err
		}
		if total += size; total > maximumValues {
			return 0, fmt.Errorf("a property list with more than %d values", maximumValues)
		}
	}
	b.sizes[object] = total
	return total, nil
}

// references are the objects that a container refers to; none for any other object.
func (b *binaryList) references(object uint64) []uint64 {
	if object >= b.objects || object > uint64(len(b.content)) {
		return nil
	}
	at, found := b.number(b.table+object*uint64(b.offsetSize), b.offsetSize)
	if !found || at >= uint64(len(b.content)) {
		return nil
	}
	const array, orderedSet, set, dictionary = 0xA, 0xB, 0xC, 0xD
	kind, count := b.content[at]>>4, uint64(b.content[at]&0xF)
	at++
	if kind < array || kind > dictionary {
		return nil
	}
	if count == 0xF { // a number follows
		marker, there := b.number(at, 1)
		bytes := 1 << (marker & 0xF)
		if count, found = b.number(at+1, bytes); !there || !found {
			return nil
		}
		at += 1 + uint64(bytes)
	}
	if kind == dictionary {
		count *= 2
	}
	var references []uint64
	for range min(count, uint64(len(b.content))) {
		reference, found := b.number(at, b.referenceSize)
		if !found {
			break
		}
		references = append(references, reference)
		at += uint64(b.referenceSize)
	}
	return references
}
