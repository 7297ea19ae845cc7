package applog

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"syscall"
)

// tail reads the new content of one file. The file remains open once it has been read. So lines that are written after
// it is renamed are read too.
type tail struct {
	name    string
	inode   uint64
	file    *os.File
	offset  int64
	reader  *reader
	options Options
	// before are the last bytes before offset. Until the file is first opened, only their checksum is known.
	before []byte
	check  Place
	// nuls is how many of the last bytes are NUL.
	nuls int64
}

func newTail(place Place, options Options) *tail {
	t := &tail{name: place.File, inode: place.Inode, offset: place.Offset, check: place, options: options,
		reader: newReader(options)}
	t.reader.splitter.offset = place.Offset
	return t
}

// read hands out the new content of the file. It reads up to the size that the file has when read is called, so it ends
// however fast somebody writes. It passes a file that it opens to opened first. gone is true if the file has been
// deleted and was read to its end.
func (t *tail) read(ctx context.Context, directory string, buffer []byte, opened func(*os.File),
	emit func(*Record) error) (gone bool, err error) {
	emit = t.named(emit)
	if t.file == nil {
		if err := t.open(directory); err != nil || t.file == nil {
			return t.file == nil && err == nil, err
		}
		opened(t.file)
	}
	info, err := t.file.Stat()
	if err != nil {
		return false, fmt.Errorf("follow log %s: %w", t.name, err)
	}
	size := info.Size()
	same := size >= t.offset
	if same && size > t.offset {
		now, err := bytesBefore(t.file, t.offset)
		if err != nil {
			return false, err
		}
		same = bytes.Equal(now, t.before)
	}
	if !same { // truncated, and perhaps written again since
		if err := t.reader.flush(emit); err != nil {
			return false, err
		}
		t.restart()
	}
	for t.offset < size {
		if err := ended(ctx); err != nil {
			return false, err
		}
		if t.nuls >= maximumNULs {
			if err := t.skip(size, emit); err != nil {
				return false, err
			}
			break
		}
		n, err := t.file.ReadAt(buffer[:min(int64(len(buffer)), size-t.offset)], t.offset)
		if n > 0 {
			t.offset += int64(n)
			t.remember(buffer[:n])
			t.nuls = nulsAtEnd(buffer[:n], t.nuls)
			if err := t.reader.write(buffer[:n], emit); err != nil {
				return false, err
			}
		}
		if err == io.EOF || n == 0 {
			break // truncated again: the next look will show it
		}
		if err != nil {
			return false, fmt.Errorf("follow log %s: %w", t.name, err)
		}
	}
	return info.Sys().(*syscall.Stat_t).Nlink == 0, t.reader.parser.settle(emit)
}

// open opens the file. If it no longer exists, or another file has its name, the tail remains closed.
func (t *tail) open(directory string) error {
	file, info, err := openLog(directory, t.name)
	if isNoLog(err) || err == nil && inodeOf(info) != t.inode {
		if file != nil {
			file.Close()
		}
		return nil
	}
	if err != nil {
		return err
	}
	t.file = file
	if t.offset > info.Size() {
		return nil // truncated: read will see it
	}
	before, err := bytesBefore(file, t.offset)
	if err != nil {
		return err
	}
	t.before = before
	from := max(0, len(before)-t.check.Checked)
	if crc32.ChecksumIEEE(before[from:]) != t.check.Check {
		t.restart()
	}
	return nil
}

// skip skips the rest of a file that turned into NUL bytes and reports it as cut: a sparse file has terabytes of them.
func (t *tail) skip(to int64, emit func(*Record) error) error {
	before, err := bytesBefore(t.file, to)
	if err != nil {
		return err
	}
	t.reader.splitter.cut += to - t.offset
	t.offset, t.before, t.nuls = to, before, 0
	return t.reader.flush(emit)
}

func (t *tail) restart() {
	t.offset, t.before, t.nuls, t.reader = 0, nil, 0, newReader(t.options)
}

func (t *tail) remember(data []byte) {
	t.before = append(t.before, data[max(0, len(data)-checkedBytes):]...)
	t.before = append([]byte(nil), t.before[max(0, len(t.before)-checkedBytes):]...)
}

// place is where following may continue later: after the last record that was handed out.
func (t *tail) place() (Place, error) {
	place := Place{File: t.name, Inode: t.inode, Offset: t.reader.settled()}
	if t.file == nil {
		return t.check, nil
	}
	before, err := bytesBefore(t.file, place.Offset)
	if err != nil {
		return Place{}, err
	}
	place.Check, place.Checked = crc32.ChecksumIEEE(before), len(before)
	return place, nil
}

func (t *tail) named(emit func(*Record) error) func(*Record) error {
	return func(record *Record) error {
		record.File = t.name
		return emit(record)
	}
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
	}
}
