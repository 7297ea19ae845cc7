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

// magics are the beginnings of packed files.
var magics = []struct {
	packing packing
	at      int
	bytes   string
}{
	{gzipped, 0, "\x1f\x8b\x08"},
	{bzipped, 0, "BZh"},
	{zipped, 0, "PK\x03\x04"},
	{zipped, 0, "PK\x05\x06"}, // an empty archive
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

// unpacked closes its source.
type unpacked struct {
	io.Reader
	close func() error
}

// Close implements io.Closer.
func (u unpacked) Close() error { return u.close() }

// unpack reads a compressed stream as far as its meter allows. If the source is not such a stream, unpack closes it.
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

// asText reads a text with this beginning as UTF-8, up to where it turns into NUL bytes. It reads from the beginning
// on.
func asText(source io.Reader, beginning []byte) io.Reader {
	if isUTF16(beginning) {
		source = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Reader(source)
	}
	return &textual{source: source}
}

// isUTF16 reports whether a file begins with the byte order mark of UTF-16, which editors on Windows write.
func isUTF16(beginning []byte) bool {
	return bytes.HasPrefix(beginning, []byte("\xff\xfe")) || bytes.HasPrefix(beginning, []byte("\xfe\xff"))
}
