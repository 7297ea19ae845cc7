// Package ber reads ASN.1 in the Basic Encoding Rules of ITU-T X.690. DER, which [encoding/asn1] requires, is the
// strict part of them. openssl also reads certificates with needlessly long lengths, indefinite lengths, and strings in
// several parts.
//
// [Next] takes the first element off some bytes. Nothing here panics or recurses without a limit. Only the parts of a
// string are copied.
package ber

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"math"
)

// The errors describe the fault in the bytes; they do not quote them.
var (
	ErrTruncated  = errors.New("it is cut short")
	ErrIndefinite = errors.New("a primitive element has an indefinite length")
	ErrTooLarge   = errors.New("a tag or a length is too large")
	ErrNested     = errors.New("a string has parts in parts too deeply")
	ErrNoBits     = errors.New("not a bit string")
)

// maximumNested is how deeply the parts of a string may be nested. OpenSSL has the same limit, ASN1_MAX_STRING_NEST
// [OPENSSL].
const maximumNested = 5

// Element is one value with its tag.
type Element struct {
	// Class is one of [asn1.ClassUniversal] and so on, Tag the number in it.
	Class, Tag int
	// Constructed says that the content consists of elements.
	Constructed bool
	// Content is without the header, and without the end mark of an indefinite length. Raw is the whole element.
	Content, Raw []byte
}

// Is reports whether the element has this tag.
func (e Element) Is(class, tag int) bool { return e.Class == class && e.Tag == tag }

// isEndMark reports whether in begins with the mark that ends an element with an indefinite length.
func isEndMark(in []byte) bool { return len(in) >= 2 && in[0] == 0 && in[1] == 0 }

// Next returns the first element of in, and the bytes after it. The element shares the bytes of in.
func Next(in []byte) (element Element, rest []byte, err error) {
	element, length, indefinite, err := header(in)
	if err != nil {
		return Element{}, nil, err
	}
	start, end, after := len(element.Raw), 0, 0
	if indefinite {
		if end, err = endOf(in, start); err != nil {
			return Element{}, nil, err
		}
		after = end + 2
	} else {
		end = start + length
		after = end
	}
	element.Content, element.Raw = in[start:end:end], in[:after:after]
	return element, in[after:], nil
}

// endOf returns the position of the end mark of the content that begins at start. It skips nested elements without
// recursion, so the depth costs nothing.
func endOf(in []byte, start int) (int, error) {
	for open, at := 1, start; ; {
		if isEndMark(in[at:]) {
			if open--; open == 0 {
				return at, nil
			}
			at += 2
			continue
		}
		inner, length, indefinite, err := header(in[at:])
		if err != nil {
			return 0, err
		}
		at += len(inner.Raw)
		if indefinite {
			open++
		} else {
			at += length
		}
	}
}

// header reads tag and length; Raw of its element is the header only. A definite length fits into in.
func header(in []byte) (element Element, length int, indefinite bool, err error) {
	if len(in) < 2 {
		return element, 0, false, ErrTruncated
	}
	element = Element{Class: int(in[0] >> 6), Constructed: in[0]&0x20 != 0, Tag: int(in[0] & 0x1f)}
	at := 1
	if element.Tag == 0x1f { // the number follows, with seven bits in each byte
		element.Tag = 0
		for more := true; more; at++ {
			if at == len(in) {
				return element, 0, false, ErrTruncated
			}
			if element.Tag > math.MaxInt32>>7 {
				return element, 0, false, ErrTooLarge
			}
			element.Tag, more = element.Tag<<7|int(in[at]&0x7f), in[at]&0x80 != 0
		}
	}
	if at == len(in) {
		return element, 0, false, ErrTruncated
	}
	first := in[at]
	at++
	switch {
	case first == 0x80:
		if !element.Constructed {
			return element, 0, false, ErrIndefinite
		}
		indefinite = true
	case first&0x80 == 0:
		length = int(first)
	default:
		digits := int(first & 0x7f)
		if digits > len(in)-at {
			return element, 0, false, ErrTruncated
		}
		for _, digit := range in[at : at+digits] {
			if length > math.MaxInt32>>8 {
				return element, 0, false, ErrTooLarge
			}
			length = length<<8 | int(digit)
		}
		at += digits
	}
	if length > len(in)-at {
		return element, 0, false, ErrTruncated
	}
	element.Raw = in[:at:at]
	return element, length, indefinite, nil
}

// Bytes returns the content of a string type. A constructed string is joined from its parts, which may have any tag.
func (e Element) Bytes() ([]byte, error) { return e.join(maximumNested) }

func (e Element) join(nested int) ([]byte, error) {
	if !e.Constructed {
		return e.Content, nil
	}
	if nested == 0 {
		return nil, ErrNested
	}
	var joined []byte
	for rest := e.Content; len(rest) > 0; {
		part, after, err := Next(rest)
		if err != nil {
			return nil, err
		}
		content, err := part.join(nested - 1)
		if err != nil {
			return nil, err
		}
		joined, rest = append(joined, content...), after
	}
	return joined, nil
}

// Bits returns the content of a BIT STRING. The parts of a constructed one are joined. Only the last part can have
// unused bits.
func (e Element) Bits() (asn1.BitString, error) {
	bits, unused, err := e.bits(maximumNested)
	if err != nil {
		return asn1.BitString{}, err
	}
	if unused > 7 || unused > 8*len(bits) {
		return asn1.BitString{}, fmt.Errorf("%w: %d bits are not in use", ErrNoBits, unused)
	}
	return asn1.BitString{Bytes: bits, BitLength: 8*len(bits) - unused}, nil
}

func (e Element) bits(nested int) (bits []byte, unused int, err error) {
	if !e.Constructed {
		if len(e.Content) == 0 {
			return nil, 0, ErrNoBits
		}
		return e.Content[1:], int(e.Content[0]), nil
	}
	if nested == 0 {
		return nil, 0, ErrNested
	}
	for rest := e.Content; len(rest) > 0; {
		part, after, err := Next(rest)
		if err != nil {
			return nil, 0, err
		}
		content, partUnused, err := part.bits(nested - 1)
		if err != nil {
			return nil, 0, err
		}
		bits, unused, rest = append(bits, content...), partUnused, after
	}
	return bits, unused, nil
}
