package applog

import (
	"bytes"
	"fmt"
	"io"
)

// maximumNULs is how many NUL bytes in a row end a log. A crash leaves blocks of them, up to some hundred kilobytes,
// and text may follow. Beyond the longest line that is kept, none of them would be kept anyway. A sparse file can claim
// terabytes of them and take no space.
const maximumNULs = maximumLine

// textual is a text that ends when it turns into NUL bytes. Its error says where.
type textual struct {
	source io.Reader
	// read is the number of bytes so far, row how many of the last ones are NUL.
	read, row int64
}

// Read implements io.Reader.
func (t *textual) Read(p []byte) (int, error) {
	if t.row >= maximumNULs {
		return 0, fmt.Errorf("%w from byte %d on: the rest was not read", errTurnsBinary, t.read-t.row)
	}
	n, err := t.source.Read(p)
	t.read += int64(n)
	t.row = nulsAtEnd(p[:n], t.row)
	return n, err
}

// nulsAtEnd returns how many NUL bytes are at the end of data, with the NUL bytes before data if all of data is NUL.
// Only the row at the end matters: a row within data is shorter than a block.
func nulsAtEnd(data []byte, before int64) int64 {
	rest := bytes.TrimRight(data, "\x00")
	if len(rest) == 0 {
		return before + int64(len(data))
	}
	return int64(len(data) - len(rest))
}
