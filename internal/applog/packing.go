package applog

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/encoding/unicode"
)

// packing is how a file is packed.
type packing int

const (
	notPacked packing = iota
	gzipped
	bzipped
	zipped
	tarred
)

// magics are how packed files begin.
var magics = []struct {
	packing packing
	at      int
	bytes   string
}{
	{gzipped, 0, "\x1f\x8b\x08"},
	{bzipped, 0, "BZh"},
	{zipped, 0, "PK\x03\x04"},
	{zipped, 0, "PK\x05\x06"}, // an empty one
	{tarred, 257, "ustar"},
}

func packingOf(beginning []byte) packing {
	for _, magic := range magics {
		if len(beginning) > magic.at && bytes.HasPrefix(beginning[magic.at:], []byte(magic.bytes)) {
			return magic.packing
		}
	}
	return notPacked
}

// unpacked closes what it reads from.
type unpacked struct {
	io.Reader
	close func() error
}

// Close implements io.Closer.
func (u unpacked) Close() error { return u.close() }

// unpack reads a compressed stream as far as its meter allows. It closes the source where it is none.
func unpack(source io.ReadCloser, how packing, meter *meter) (io.ReadCloser, error) {
	packed := &counted{Reader: source}
	var stream io.Reader
	if how == bzipped {
		stream = bzip2.NewReader(packed)
	} else {
		unzipped, err := gzip.NewReader(packed)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("unpack: %w", err), source.Close())
		}
		stream = unzipped
	}
	return unpacked{&metered{unpacked: stream, packed: packed, meter: meter}, source.Close}, nil
}

// asText reads a text that begins so, from its beginning on, as UTF-8 and no further than where it turns into NUL
// bytes.
func asText(source io.Reader, beginning []byte) io.Reader {
	if isUTF16(beginning) {
		source = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Reader(source)
	}
	return &textual{source: source}
}

// isUTF16 tells whether a file begins with the mark of UTF-16, as Windows' editors save it.
func isUTF16(beginning []byte) bool {
	return bytes.HasPrefix(beginning, []byte("\xff\xfe")) || bytes.HasPrefix(beginning, []byte("\xfe\xff"))
}
