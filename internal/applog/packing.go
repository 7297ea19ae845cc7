package applog

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
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
		source = &utf16Reader{source: source}
	}
	return &textual{source: source}
}

// isUTF16 tells whether a file begins with the mark of UTF-16, as Windows' editors save it.
func isUTF16(beginning []byte) bool {
	return bytes.HasPrefix(beginning, []byte("\xff\xfe")) || bytes.HasPrefix(beginning, []byte("\xfe\xff"))
}

// utf16Reader reads UTF-16 with a byte order mark as UTF-8.
type utf16Reader struct {
	source io.Reader
	order  binary.ByteOrder
	// raw is what was read and not decoded, ready what was decoded and not handed out.
	raw, ready []byte
	err        error
}

func (r *utf16Reader) Read(p []byte) (int, error) {
	for len(r.ready) == 0 && r.err == nil {
		buffer := make([]byte, 32<<10)
		n, err := r.source.Read(buffer)
		r.raw, r.err = append(r.raw, buffer[:n]...), err
		r.decode()
	}
	if len(r.ready) == 0 {
		return 0, r.err
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

func (r *utf16Reader) decode() {
	if r.order == nil && len(r.raw) >= 2 {
		r.order = binary.LittleEndian
		if r.raw[0] == 0xfe {
			r.order = binary.BigEndian
		}
		r.raw = r.raw[2:]
	}
	r.ready = nil
	for len(r.raw) >= 2 {
		letter := rune(r.order.Uint16(r.raw))
		size := 2
		if utf16.IsSurrogate(letter) {
			if len(r.raw) < 4 && r.err == nil {
				return // its second half comes with the next bytes
			}
			if len(r.raw) >= 4 {
				if both := utf16.DecodeRune(letter, rune(r.order.Uint16(r.raw[2:]))); both != utf8.RuneError {
					letter, size = both, 4
				}
			}
		}
		r.ready = utf8.AppendRune(r.ready, letter)
		r.raw = r.raw[size:]
	}
}
