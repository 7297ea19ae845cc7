package wpj

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
)

// The value of FL-S1, as in the certificate of a real Mac.
var realDeviceID = []byte{0x04, 0x81, 0x10, 0x9a, 0xba, 0xb1, 0x34, 0x2d, 0x3b, 0x6c, 0x4c, 0xab, 0x4b, 0x61, 0x5f,
	0x4b, 0x14, 0x3e, 0xab}

func TestDecodeGUID(t *testing.T) {
	const want = "34b1ba9a-3b2d-4c6c-ab4b-615f4b143eab"
	content := realDeviceID[3:]
	for name, value := range map[string][]byte{
		"long form":   realDeviceID,
		"short":       append([]byte{0x04, 0x10}, content...),
		"three bytes": append([]byte{0x04, 0x83, 0x00, 0x00, 0x10}, content...),
		"in parts": append(append([]byte{0x24, 0x80, 0x04, 0x08}, content[:8]...),
			append([]byte{0x04, 0x08}, append(content[8:16:16], 0, 0)...)...),
		"two bytes": append([]byte{0x04, 0x82, 0x00, 0x10}, content...),
		"bare":      content,
	} {
		if got, err := decodeGUID(value); got != want || err != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	// Bare, and by chance like the beginning of an OCTET STRING of 14 bytes.
	if got, err := decodeGUID(append([]byte{0x04, 0x0e}, content[:14]...)); got !=
		"ba9a0e04-34b1-3b2d-6c4c-ab4b615f4b14" || err != nil {
		t.Errorf("bare GUID that begins with 04 0e: %s, %v", got, err)
	}
}

func TestOctetStringRefuses(t *testing.T) {
	for _, value := range [][]byte{
		nil, {}, {0x04}, {0x30, 0x00}, {0x04, 0x80}, {0x04, 0x81}, {0x04, 0x82, 0x00}, {0x04, 0x83, 0, 0, 2, 'x'},
		{0x04, 0x01}, {0x04, 0x01, 'x', 'y'}, {0x04, 0x81, 0xff, 'x'}, {0x04, 0xff, 'x'},
	} {
		if content, err := octetString(value); err == nil {
			t.Errorf("% x: read as % x", value, content)
		}
	}
}

func FuzzExtension(f *testing.F) {
	f.Add(realDeviceID)
	f.Add([]byte{0x04, 0x81, 0x01, '1'})
	f.Add([]byte{0x04, 0x02, 'N', 'A'})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		if guid, err := decodeGUID(value); err == nil {
			if parsed, err := parseGUID(guid); err != nil || parsed != guid {
				t.Errorf("% x: %q is not a GUID in its usual form", value, guid)
			}
		}
		if text := decodeText(value); len(text) > min(len(value), maximumText) ||
			strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("% x: read as the text %q", value, text)
		}
		if !bytes.Equal(before, value) {
			t.Error("the input was changed")
		}
		// Whatever the content, each way of wrapping it reads the same.
		if len(value) < 0x80 {
			long, errLong := octetString(append([]byte{0x04, 0x81, byte(len(value))}, value...))
			short, errShort := octetString(append([]byte{0x04, byte(len(value))}, value...))
			if errLong != nil || errShort != nil || !bytes.Equal(long, value) || !bytes.Equal(short, value) {
				t.Errorf("% x: read as % x (%v) and % x (%v)", value, long, errLong, short, errShort)
			}
		}
	})
}
