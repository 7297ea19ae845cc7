package propertylist

import (
	"encoding/binary"
	"fmt"
)

// The kinds of objects, in the upper half of their first byte [CFBinaryPList.c].
const (
	kindSimple, kindInteger, kindReal, kindDate, kindData, kindASCII, kindUTF16, kindUID = 0x0, 0x1, 0x2, 0x3, 0x4, 0x5,
		0x6, 0x8
	kindArray, kindDictionary = 0xA, 0xD
)

// boundedBinary refuses a binary property list that unfolds to too many values or bytes, that refers to itself, or
// whose numbers do not fit into it. It follows the references like the parser, and examines each object once. The
// parser trusts the numbers that it reads. So a list that this function cannot follow must not reach the parser.
func boundedBinary(content []byte) error {
	const trailerSize = 32
	if len(content) < 8+trailerSize {
		return nil // the parser refuses it
	}
	end := uint64(len(content) - trailerSize)
	trailer := content[end:]
	b := &binaryList{content: content[:end], offsetSize: uint64(trailer[6]), referenceSize: uint64(trailer[7]),
		weights: map[uint64]weight{},
		objects: binary.BigEndian.Uint64(trailer[8:]), table: binary.BigEndian.Uint64(trailer[24:])}
	if b.offsetSize < 1 || b.offsetSize > 8 || b.referenceSize < 1 || b.referenceSize > 8 || b.table > end ||
		b.objects > (end-b.table)/b.offsetSize {
		return fmt.Errorf("%w: a binary property list whose table of objects is damaged", ErrNotRecognised)
	}
	if _, err := b.weigh(binary.BigEndian.Uint64(trailer[16:]), 0); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecognised, err)
	}
	return nil
}

// binaryList is a binary property list as CoreFoundation's CFBinaryPList.c describes it.
type binaryList struct {
	// content is everything before the trailer.
	content                   []byte
	offsetSize, referenceSize uint64
	objects, table            uint64
	// weights are the weights of the objects that were examined. An object that is being examined has none.
	weights map[uint64]weight
}

// weight is the size to which an object unfolds.
type weight struct{ values, bytes uint64 }

// number reads a big-endian number of 1 to 8 bytes. It returns false if some of them are missing.
func (b *binaryList) number(at, size uint64) (uint64, bool) {
	if size < 1 || size > 8 || !b.has(at, size) {
		return 0, false
	}
	var value uint64
	for _, one := range b.content[at : at+size] {
		value = value<<8 | uint64(one)
	}
	return value, true
}

// has reports whether the content has that many bytes at a position.
func (b *binaryList) has(at, size uint64) bool {
	return at <= uint64(len(b.content)) && size <= uint64(len(b.content))-at
}

// weigh returns the size to which an object unfolds.
func (b *binaryList) weigh(object uint64, depth int) (weight, error) {
	if known, seen := b.weights[object]; seen {
		if known.values == 0 {
			return known, fmt.Errorf("a property list that refers to itself")
		}
		return known, nil
	}
	if depth > maximumDepth {
		return weight{}, fmt.Errorf("a property list with more than %d levels", maximumDepth)
	}
	found, err := b.object(object)
	if err != nil {
		return weight{}, err
	}
	b.weights[object] = weight{}
	total := weight{1, found.bytes}
	for i := range found.references {
		reference, _ := b.number(found.at+i*b.referenceSize, b.referenceSize) // object has checked that it exists
		inner, err := b.weigh(reference, depth+1)
		if err != nil {
			return weight{}, err
		}
		total.values += inner.values
		total.bytes += inner.bytes
		switch {
		case total.values > maximumValues:
			return weight{}, fmt.Errorf("a property list with more than %d values", maximumValues)
		case total.bytes > maximumBytes:
			return weight{}, fmt.Errorf("a property list with more than %d bytes", maximumBytes)
		}
	}
	b.weights[object] = total
	return total, nil
}

// object is an object without the objects that it refers to.
type object struct {
	// bytes is its own size.
	bytes uint64
	// references is how many objects it refers to. The first reference is at the position at.
	references, at uint64
}

// object reads an object, and refuses it if it does not fit into the list.
func (b *binaryList) object(index uint64) (object, error) {
	damaged := fmt.Errorf("a binary property list with a damaged object")
	if index >= b.objects {
		return object{}, damaged
	}
	at, found := b.number(b.table+index*b.offsetSize, b.offsetSize)
	if !found || !b.has(at, 1) {
		return object{}, damaged
	}
	kind, low := b.content[at]>>4, uint64(b.content[at]&0xF)
	at++
	switch kind {
	case kindSimple:
		return object{bytes: 1}, nil
	case kindInteger, kindReal, kindDate:
		if low > 4 || !b.has(at, 1<<low) {
			return object{}, damaged
		}
		return object{bytes: 1 << low}, nil
	case kindUID:
		if !b.has(at, low+1) {
			return object{}, damaged
		}
		return object{bytes: low + 1}, nil
	}
	count := low
	if low == 0xF { // a number follows
		marker, found := b.number(at, 1)
		if !found || marker>>4 != kindInteger || marker&0xF > 3 {
			return object{}, damaged
		}
		size := uint64(1) << (marker & 0xF)
		if count, found = b.number(at+1, size); !found {
			return object{}, damaged
		}
		at += 1 + size
	}
	if count > uint64(len(b.content)) { // from here on no product with count can overflow
		return object{}, damaged
	}
	whole := object{}
	switch kind {
	case kindData, kindASCII:
		whole.bytes = count
	case kindUTF16:
		whole.bytes = 2 * count
	case kindArray:
		whole.references, whole.bytes = count, count*b.referenceSize
	case kindDictionary:
		whole.references, whole.bytes = 2*count, 2*count*b.referenceSize
	default:
		return object{}, damaged
	}
	if whole.at = at; !b.has(at, whole.bytes) {
		return object{}, damaged
	}
	return whole, nil
}
