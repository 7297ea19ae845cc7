package applog

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path"
	"strings"
	"sync"
)

// tar adds the logs of a tar archive. The archive is read once and its logs are kept; a packed log is kept packed.
func (f *finder) tar(ctx context.Context, log Log, source io.Reader, level int) error {
	archive := tar.NewReader(source)
	for !f.full {
		header, err := archive.Next()
		switch {
		case err == io.EOF:
			return nil
		case ended(ctx) != nil:
			return ended(ctx)
		case err != nil:
			return f.add(Log{Name: log.Name, Err: fmt.Errorf("read archive: %w", err)})
		case !f.another(log.Name):
			return nil
		case header.Typeflag != tar.TypeReg || isResource(header.Name):
			continue
		}
		entry := Log{Name: log.Name + "!" + header.Name, Modified: header.ModTime, Size: header.Size}
		if err := f.once(ctx, entry, archive, f.space, false, level+1); err != nil {
			return err
		}
	}
	return nil
}

// once adds a source that can be read only once.
func (f *finder) once(ctx context.Context, log Log, source io.Reader, space *space, named bool, level int) error {
	if file, ok := source.(*os.File); ok {
		if info, at, ok := regular(file); ok { // it can be read again
			log.Modified, log.Size = info.ModTime(), info.Size()-at
			log.open = func(ctx context.Context) (io.ReadCloser, error) {
				return newRegion(ctx, io.NewSectionReader(file, at, log.Size), log.Size, nil), nil
			}
			return f.examine(ctx, log, named, level)
		}
	}
	buffered := bufio.NewReaderSize(interruptible{ctx, source}, 64<<10)
	beginning, err := buffered.Peek(beginningSize)
	if end := ended(ctx); end != nil {
		return end
	}
	if err != nil && err != io.EOF && len(beginning) == 0 {
		log.Err = err
		return f.add(log)
	}
	pack := packingOf(beginning)
	switch {
	case pack == notPacked && isBinary(beginning):
		if named {
			log.Err = errNotText
			return f.add(log)
		}
		return nil
	case pack == notPacked:
		log.open, log.Err = space.keep(ctx, asText(buffered, beginning), true)
	case level > maximumNesting:
		log.Err = errNested
	case pack == tarred:
		return f.tar(ctx, log, buffered, level)
	default:
		log.open, log.Err = space.keep(ctx, buffered, false)
	}
	switch {
	case ended(ctx) != nil:
		return ended(ctx)
	case log.Err != nil || pack == notPacked:
		return f.add(log)
	}
	return f.examine(ctx, log, named, level)
}

// regular returns a file's info and read offset. ok is false unless the file can be read at any offset.
func regular(file *os.File) (info os.FileInfo, at int64, ok bool) {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, 0, false
	}
	at, err = file.Seek(0, io.SeekCurrent)
	return info, at, err == nil && at <= info.Size()
}

// zip adds the logs of a zip archive. Its entries are read in place, so the archive must be a file. A zip archive
// inside another archive is kept first.
func (f *finder) zip(ctx context.Context, log Log, level int) error {
	file := &shared{open: log.open}
	err := file.acquire(ctx)
	if errors.Is(err, errInOrder) {
		if file.open, err = f.unpackedZip(ctx, log.open); err == nil {
			err = file.acquire(ctx)
		}
	}
	if err == nil {
		defer file.release()
	}
	if end := ended(ctx); end != nil {
		return end
	}
	if err != nil {
		log.Err = err
		return f.add(log)
	}
	archive, err := openZip(ctx, file, file.size, f.options.MaximumEntries)
	if end := ended(ctx); end != nil {
		return end
	}
	if err != nil {
		log.Err = fmt.Errorf("read archive: %w", err)
		return f.add(log)
	}
	for _, entry := range archive.File {
		if f.full || !f.another(log.Name) {
			return nil
		}
		if !entry.Mode().IsRegular() || isResource(entry.Name) {
			continue
		}
		meter := f.allowance.meter()
		found := Log{Name: log.Name + "!" + entry.Name, Modified: entry.Modified, Size: int64(entry.UncompressedSize64)}
		found.open = func(ctx context.Context) (io.ReadCloser, error) {
			if err := file.acquire(ctx); err != nil {
				return nil, err
			}
			content, err := openEntry(ctx, entry, meter)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("open %s: %w", entry.Name, err), file.release())
			}
			return unpacked{content, file.release}, nil
		}
		if err := f.examine(ctx, found, false, level+1); err != nil {
			return err
		}
	}
	return nil
}

// unpackedZip keeps a zip archive that can only be read in order.
func (f *finder) unpackedZip(ctx context.Context, open opener) (opener, error) {
	source, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	return f.space.keep(ctx, source, false)
}

// isResource reports whether macOS added the file to the archive for its own use.
func isResource(name string) bool {
	return strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(path.Base(name), "._") ||
		path.Base(name) == ".DS_Store"
}

// shared is the file of an archive. It is open only while one of its entries is open, because a search may find more
// archives than a process may have open files.
type shared struct {
	open opener
	// size is the size of the file, known since it was first opened.
	size int64

	mu    sync.Mutex
	users int
	file  randomAccess
	// first identifies the file that was opened first.
	first os.FileInfo
}

// randomAccess is what reading a zip archive requires.
type randomAccess interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// acquire opens the file unless it is open. It fails with errInOrder if the source has no random access. It fails too
// if another file has its name now.
func (s *shared) acquire(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		// The file may outlive the context with which it is opened. Each reader of an entry ends with its own context.
		source, err := s.open(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		file, ok := source.(randomAccess)
		if !ok {
			return errors.Join(errInOrder, source.Close())
		}
		if s.first == nil {
			s.size = file.Size()
		}
		if of, ok := file.(*region); ok && of.info != nil {
			if s.first != nil && !os.SameFile(s.first, of.info) {
				return errors.Join(errReplaced, source.Close())
			}
			s.first = of.info
		}
		s.file = file
	}
	s.users++
	return nil
}

func (s *shared) release() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users > 0 {
		return nil
	}
	file := s.file
	s.file = nil
	return file.Close()
}

// ReadAt implements io.ReaderAt. The caller must have acquired the file.
func (s *shared) ReadAt(p []byte, at int64) (int, error) {
	s.mu.Lock()
	file := s.file
	s.mu.Unlock()
	return file.ReadAt(p, at)
}

// openEntry opens an entry of a zip archive. [zip.File.Open] takes no context and could not end the reading of a stream
// that unpacks to nothing.
func openEntry(ctx context.Context, entry *zip.File, meter *meter) (io.Reader, error) {
	raw, err := entry.OpenRaw()
	if err != nil {
		return nil, err
	}
	packed := &counted{Reader: interruptible{ctx, raw}}
	var content io.Reader = packed
	switch entry.Method {
	case zip.Store:
	case zip.Deflate:
		content = flate.NewReader(bufio.NewReader(packed))
	default:
		return nil, zip.ErrAlgorithm
	}
	return &checked{Reader: &metered{unpacked: content, packed: packed, meter: meter}, sum: crc32.NewIEEE(),
		entry: entry}, nil
}

// checked compares an entry with the size and checksum in the archive, like [zip.File.Open].
type checked struct {
	io.Reader
	sum   hash.Hash32
	bytes uint64
	entry *zip.File
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.sum.Write(p[:n])
	c.bytes += uint64(n)
	switch {
	case err != io.EOF:
	case c.bytes != c.entry.UncompressedSize64:
		return n, io.ErrUnexpectedEOF
	case c.entry.CRC32 != 0 && c.sum.Sum32() != c.entry.CRC32:
		return n, zip.ErrChecksum
	}
	return n, err
}
