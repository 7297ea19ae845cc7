package ber_test

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"slices"
	"testing"

	"usher.internal/internal/ber"
)

func TestNext(t *testing.T) {
	for _, test := range []struct {
		name    string
		in      []byte
		tag     int
		content []byte
		rest    []byte
	}{
		{"short length", []byte{0x04, 2, 'a', 'b', 'x'}, asn1.TagOctetString, []byte("ab"), []byte("x")},
		{"empty", []byte{0x05, 0}, asn1.TagNull, nil, nil},
		{"long length that a short one would do for", []byte{0x04, 0x81, 2, 'a', 'b'}, asn1.TagOctetString,
			[]byte("ab"), nil},
		{"length with leading zeros", []byte{0x04, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'a'}, asn1.TagOctetString,
			[]byte("a"), nil},
		{"long length of nothing", []byte{0x04, 0x82, 0, 0}, asn1.TagOctetString, nil, nil},
		{"indefinite", []byte{0x30, 0x80, 0x05, 0, 0, 0, 'x'}, asn1.TagSequence, []byte{0x05, 0}, []byte("x")},
		{"indefinite in indefinite", []byte{0x30, 0x80, 0x30, 0x80, 0, 0, 0x04, 2, 0, 0, 0, 0}, asn1.TagSequence,
			[]byte{0x30, 0x80, 0, 0, 0x04, 2, 0, 0}, nil},
		{"small tag in the long form", []byte{0x3f, 0x10, 0}, asn1.TagSequence, nil, nil},
		{"large tag", []byte{0x1f, 0x81, 0x01, 0}, 129, nil, nil},
	} {
		element, rest, err := ber.Next(test.in)
		if err != nil || !element.Is(asn1.ClassUniversal, test.tag) || !bytes.Equal(element.Content, test.content) ||
			!bytes.Equal(rest, test.rest) {
			t.Errorf("%s: %+v, rest % x, %v", test.name, element, rest, err)
		}
		if !bytes.Equal(slices.Concat(element.Raw, rest), test.in) {
			t.Errorf("%s: raw is % x", test.name, element.Raw)
		}
	}
}

func TestNextRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		in   []byte
		want error
	}{
		"nothing":               {nil, ber.ErrTruncated},
		"tag only":              {[]byte{0x30}, ber.ErrTruncated},
		"tag that has no end":   {[]byte{0x1f, 0x81}, ber.ErrTruncated},
		"tag without a length":  {[]byte{0x1f, 0x01}, ber.ErrTruncated},
		"tag too large":         {[]byte{0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0}, ber.ErrTooLarge},
		"length that is cut":    {[]byte{0x30, 0x82, 1}, ber.ErrTruncated},
		"length beyond the end": {[]byte{0x30, 3, 'a', 'b'}, ber.ErrTruncated},
		"length beyond all": {[]byte{0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			ber.ErrTooLarge},
		"length in 127 digits": {append([]byte{0x30, 0xff}, bytes.Repeat([]byte{1}, 200)...),
			ber.ErrTooLarge},
		"indefinite primitive":                {[]byte{0x04, 0x80, 0, 0}, ber.ErrIndefinite},
		"indefinite without end":              {[]byte{0x30, 0x80, 0x05, 0}, ber.ErrTruncated},
		"indefinite with a cut element":       {[]byte{0x30, 0x80, 0x04, 9, 0, 0}, ber.ErrTruncated},
		"many indefinite ones without an end": {bytes.Repeat([]byte{0x30, 0x80}, 1<<16), ber.ErrTruncated},
	} {
		if element, _, err := ber.Next(test.in); !errors.Is(err, test.want) {
			t.Errorf("%s: %+v, %v", name, element, err)
		}
	}
}

func next(t *testing.T, in []byte) ber.Element {
	t.Helper()
	element, _, err := ber.Next(in)
	if err != nil {
		t.Fatal(err)
	}
	return element
}

func TestStringsInParts(t *testing.T) {
	parts := next(t, []byte{0x24, 0x80, 0x04, 1, 'a', 0x24, 3, 0x04, 1, 'b', 0x04, 0, 0, 0})
	if content, err := parts.Bytes(); string(content) != "ab" || err != nil {
		t.Errorf("octets %q, %v", content, err)
	}
	bits := next(t, []byte{0x23, 7, 0x03, 2, 0, 0xff, 0x03, 2, 4, 0xf0})
	// The last part is cut: nine bytes of content are needed.
	if got, err := bits.Bits(); err == nil {
		t.Errorf("a cut bit string is %v", got)
	}
	bits = next(t, []byte{0x23, 8, 0x03, 2, 0, 0xff, 0x03, 2, 4, 0xf0})
	if got, err := bits.Bits(); err != nil || got.BitLength != 12 || !bytes.Equal(got.Bytes, []byte{0xff, 0xf0}) {
		t.Errorf("bits %v, %v", got, err)
	}
	for _, in := range [][]byte{{0x03, 0}, {0x03, 1, 1}, {0x03, 2, 8, 0}} {
		if got, err := next(t, in).Bits(); !errors.Is(err, ber.ErrNoBits) {
			t.Errorf("% x: bits %v, %v", in, got, err)
		}
	}
	deep := []byte{0x04, 1, 'a'}
	for range 6 {
		deep = append([]byte{0x24, byte(len(deep))}, deep...)
	}
	if _, err := next(t, deep).Bytes(); !errors.Is(err, ber.ErrNested) {
		t.Errorf("six times nested: %v", err)
	}
	if _, err := next(t, deep).Bits(); !errors.Is(err, ber.ErrNested) {
		t.Errorf("six times nested, as bits: %v", err)
	}
}

// This package reads all DER that encoding/asn1 reads, with the same result.
func FuzzNext(f *testing.F) {
	f.Add([]byte{0x30, 3, 2, 1, 5})
	f.Add([]byte{0x30, 0x80, 0x24, 0x80, 0x04, 1, 'a', 0, 0, 0, 0})
	f.Add([]byte{0x1f, 0x81, 0x01, 0x81, 0x01, 'a'})
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		element, rest, err := ber.Next(in)
		var strict asn1.RawValue
		if after, strictErr := asn1.Unmarshal(in, &strict); strictErr == nil {
			if err != nil || element.Class != strict.Class || element.Tag != strict.Tag ||
				element.Constructed != strict.IsCompound ||
				!bytes.Equal(element.Content, strict.Bytes) || !bytes.Equal(rest, after) {
				t.Errorf("% x: %+v and % x (%v), encoding/asn1 has %+v and % x", in, element, rest, err, strict, after)
			}
		}
		if err == nil {
			if len(element.Raw)+len(rest) != len(in) || len(element.Content) > len(element.Raw) {
				t.Errorf("% x: %+v and % x", in, element, rest)
			}
			if content, err := element.Bytes(); err == nil && len(content) > len(in) {
				t.Errorf("% x: a string of %d bytes", in, len(content))
			}
			element.Bits()
		}
		if !bytes.Equal(before, in) {
			t.Error("the bytes were changed")
		}
	})
}
