package applog

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
)

// maximumDirectory is how many bytes of a zip archive's directory are read; an entry has at least 46.
const maximumDirectory = 8 << 20

// OpenZip reads the directory of a zip archive that others have created. [zip.NewReader] trusts the archive: it
// allocates memory for as many entries as it claims, and reads a directory of any size.
func OpenZip(ctx context.Context, archive io.ReaderAt, size int64) (*zip.Reader, error) {
	return openZip(ctx, archive, size, defaultEntries)
}

func openZip(ctx context.Context, archive io.ReaderAt, size int64, maximum int) (*zip.Reader, error) {
	directory := &directoryReader{ctx: ctx, archive: archive, left: maximumDirectory}
	claimed, err := entriesClaimed(directory, size)
	if err != nil {
		return nil, err
	}
	if claimed > uint64(maximum) {
		return nil, fmt.Errorf("%w: it has %d, and a search examines %d", errTooManyEntries, claimed, maximum)
	}
	reader, err := zip.NewReader(directory, size)
	if err != nil {
		return nil, err
	}
	directory.done = true
	var packed uint64
	for _, entry := range reader.File {
		if entry.CompressedSize64 > uint64(size) {
			return nil, fmt.Errorf("%w: %s has more bytes than the archive", errOverlap, entry.Name)
		}
		packed += entry.CompressedSize64
	}
	if packed > uint64(size) {
		return nil, errOverlap
	}
	return reader, nil
}

// directoryReader limits the bytes that are read for the directory. So an archive that claims few entries and has many
// is refused too.
type directoryReader struct {
	ctx     context.Context
	archive io.ReaderAt
	left    int64
	done    bool
}

// ReadAt implements io.ReaderAt.
func (d *directoryReader) ReadAt(p []byte, at int64) (int, error) {
	if d.done {
		return d.archive.ReadAt(p, at)
	}
	if err := ended(d.ctx); err != nil {
		return 0, err
	}
	if d.left -= int64(len(p)); d.left < 0 {
		return 0, fmt.Errorf("%w: its directory has more than %d MiB", errTooManyEntries, maximumDirectory>>20)
	}
	return d.archive.ReadAt(p, at)
}

// entriesClaimed returns how many entries a zip archive claims. If it finds no claim, [zip.NewReader] finds no entries
// either, because it looks in the same places [APPNOTE.TXT 4.3.14 to 4.3.16].
func entriesClaimed(archive io.ReaderAt, size int64) (uint64, error) {
	const (
		endLength, locatorLength, end64Length = 22, 20, 56
	)
	tail := make([]byte, min(size, 65<<10))
	if n, err := archive.ReadAt(tail, size-int64(len(tail))); err != nil && (err != io.EOF || n < len(tail)) {
		return 0, err
	}
	var claimed uint64
	for i := len(tail) - endLength; i >= 0; i-- {
		if !bytes.HasPrefix(tail[i:], []byte("PK\x05\x06")) {
			continue
		}
		claimed = max(claimed, uint64(binary.LittleEndian.Uint16(tail[i+10:])))
		at := size - int64(len(tail)) + int64(i) - locatorLength
		locator := make([]byte, locatorLength)
		if at < 0 {
			continue
		}
		if _, err := archive.ReadAt(locator, at); err != nil {
			return 0, err
		}
		if !bytes.HasPrefix(locator, []byte("PK\x06\x07")) {
			continue
		}
		end64 := make([]byte, end64Length)
		at = int64(binary.LittleEndian.Uint64(locator[8:]))
		if at < 0 || at > size-end64Length {
			continue
		}
		if _, err := archive.ReadAt(end64, at); err != nil {
			return 0, err
		}
		claimed = max(claimed, binary.LittleEndian.Uint64(end64[32:]))
	}
	return claimed, nil
}
