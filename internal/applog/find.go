package applog

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Log is a log that [Find] found: a file, or a file in an archive.
type Log struct {
	// Name is the path; that inside an archive stands behind a "!".
	Name string
	// Modified is when it was last written.
	Modified time.Time
	// Size is how many bytes it has, unpacked; -1 where that is not known.
	Size int64
	// Err says why the log cannot be read.
	Err error

	open func() (io.ReadCloser, error)
}

// Open opens the log for reading from its beginning, unpacked.
func (l Log) Open() (io.ReadCloser, error) {
	if l.Err != nil {
		return nil, l.Err
	}
	return l.open()
}

// FindOptions bound what is looked at; the zero value has the defaults.
type FindOptions struct {
	// MaximumLogs is how many logs are found at most, 0 means 5000.
	MaximumLogs int
	// MaximumSize is how many bytes are read of one log at most when it is unpacked, 0 means 16 GiB.
	MaximumSize int64
}

// maximumDepth is how deep folders are looked into, maximumNesting how many packings may be around a log: a compressed tar in
// a zip has three.
const (
	maximumDepth   = 16
	maximumNesting = 3
)

// The reasons why a file in a folder or archive is no log.
var (
	errNotText    = errors.New("not a log: it holds binary data")
	errLogArchive = errors.New("a log archive of macOS cannot be read here: run `log show --archive FILE --style ndjson > unified.ndjson` on a Mac, and read that")
	errNested     = errors.New("it is packed too many times")
	errTooLarge   = errors.New("unpacked it is larger than what is read")
	// errTooMany ends a search.
	errTooMany = errors.New("there are too many files to look at all of them")
)

// Find returns the logs in files, folders and archives: plain text, gzip, bzip2, zip, tar, and archives in those. What a
// file is, its content tells. Folders are looked through without following symbolic links, and what is no text there is
// left out; a file that cannot be read is returned with its Err. A file that is reached twice is returned once.
//
// The error is that of a path that does not exist.
func Find(paths []string, options FindOptions) ([]Log, error) {
	if options.MaximumLogs == 0 {
		options.MaximumLogs = 5000
	}
	if options.MaximumSize == 0 {
		options.MaximumSize = 16 << 30
	}
	f := &finder{options: options, seen: map[identity]bool{}}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("find logs: %w", err)
		}
		if strings.HasSuffix(filepath.Clean(path), ".logarchive") {
			f.add(Log{Name: path, Err: errLogArchive})
			continue
		}
		if info.IsDir() {
			f.folder(path, 0)
		} else {
			f.file(path, true)
		}
	}
	return f.logs, nil
}

// finder gathers logs.
type finder struct {
	options FindOptions
	logs    []Log
	seen    map[identity]bool
	full    bool
}

// identity is what a file is known by.
type identity struct{ device, inode uint64 }

func (f *finder) add(log Log) {
	switch {
	case len(f.logs) < f.options.MaximumLogs:
		f.logs = append(f.logs, log)
	case !f.full:
		f.full = true
		f.logs = append(f.logs, Log{Name: log.Name, Err: errTooMany})
	}
}

func (f *finder) folder(folder string, depth int) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		f.add(Log{Name: folder, Err: fmt.Errorf("read folder: %w", err)})
	}
	for _, entry := range entries {
		name := filepath.Join(folder, entry.Name())
		switch {
		case f.full:
			return
		case entry.IsDir() && strings.HasSuffix(entry.Name(), ".logarchive"):
			f.add(Log{Name: name, Err: errLogArchive})
		case entry.IsDir() && depth < maximumDepth:
			f.folder(name, depth+1)
		case entry.Type().IsRegular():
			f.file(name, false)
		}
	}
}

// file adds a file, or what an archive holds. One that was named is a log whatever it holds.
func (f *finder) file(name string, named bool) {
	file, info, err := openLog(name)
	if err != nil {
		f.add(Log{Name: name, Err: err})
		return
	}
	defer file.Close()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		id := identity{uint64(stat.Dev), stat.Ino}
		if f.seen[id] {
			return
		}
		f.seen[id] = true
	}
	log := Log{Name: name, Modified: info.ModTime(), Size: info.Size(), open: func() (io.ReadCloser, error) {
		file, _, err := openLog(name)
		return file, err
	}}
	f.examine(log, named, 0)
}

// examine adds a log by what its beginning tells. level counts the archives around it.
func (f *finder) examine(log Log, named bool, level int) {
	source, err := log.open()
	if err != nil {
		log.Err = err
		f.add(log)
		return
	}
	beginning, err := readBeginning(source)
	source.Close()
	if err != nil && len(beginning) == 0 {
		log.Err = err
		f.add(log)
		return
	}
	pack := packingOf(beginning)
	switch {
	case pack == notPacked && isBinary(beginning):
		if named {
			log.Err = errNotText
			f.add(log)
		}
	case pack == notPacked:
		inner := log.open
		if isUTF16(beginning) {
			log.open = func() (io.ReadCloser, error) { return decodeUTF16(inner()) }
		}
		f.add(log)
	case level > maximumNesting:
		log.Err = errNested
		f.add(log)
	case pack == gzipped || pack == bzipped:
		inner := log.open
		limit := f.options.MaximumSize
		log.open = func() (io.ReadCloser, error) { return unpack(pack, limit)(inner()) }
		log.Size = -1
		f.examine(log, named, level+1) // a tar, perhaps
	case pack == zipped:
		f.zip(log, level)
	case pack == tarred:
		f.tar(log, level)
	}
}

// beginningSize is how much of a file tells what it is: the magic number of tar stands at 257.
const beginningSize = 4 << 10

func readBeginning(source io.Reader) ([]byte, error) {
	beginning := make([]byte, beginningSize)
	n, err := io.ReadFull(source, beginning)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return beginning[:n], err
}

// isBinary tells whether a file that begins so is no text.
func isBinary(beginning []byte) bool {
	return bytes.IndexByte(beginning, 0) >= 0 && !isUTF16(beginning) || bytes.HasPrefix(beginning, []byte("bplist00"))
}

// zip adds what a zip archive holds. One that is itself in an archive is unpacked into a file without a name first.
func (f *finder) zip(log Log, level int) {
	archive, closeArchive, err := openZip(log, f.options.MaximumSize)
	if err != nil {
		log.Err = err
		f.add(log)
		return
	}
	defer closeArchive()
	for _, entry := range archive.File {
		if f.full {
			return
		}
		if !entry.Mode().IsRegular() || isResource(entry.Name) {
			continue
		}
		name := entry.Name
		f.examine(Log{Name: log.Name + "!" + name, Modified: entry.Modified, Size: int64(entry.UncompressedSize64), open: func() (io.ReadCloser, error) {
			archive, closeArchive, err := openZip(log, f.options.MaximumSize)
			if err != nil {
				return nil, err
			}
			for _, entry := range archive.File {
				if entry.Name != name {
					continue
				}
				content, err := entry.Open()
				if err != nil {
					return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), closeArchive())
				}
				return &unpacked{Reader: &limited{content, f.options.MaximumSize}, close: func() error { return errors.Join(content.Close(), closeArchive()) }}, nil
			}
			return nil, errors.Join(fmt.Errorf("open %s: %w", name, fs.ErrNotExist), closeArchive())
		}}, false, level+1)
	}
}

// isResource tells the files that macOS adds to archives for itself.
func isResource(name string) bool {
	return strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(path.Base(name), "._") || path.Base(name) == ".DS_Store"
}

func openZip(log Log, limit int64) (*zip.Reader, func() error, error) {
	source, err := log.open()
	if err != nil {
		return nil, nil, err
	}
	file, isFile := source.(*os.File)
	if !isFile {
		file, err = spool(source, limit)
		source.Close()
		if err != nil {
			return nil, nil, err
		}
	}
	info, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	archive, err := zip.NewReader(file, info.Size())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read archive: %w", err), file.Close())
	}
	return archive, file.Close, nil
}

// spool copies what cannot be read at any place into a file that has no name any more.
func spool(source io.Reader, limit int64) (*os.File, error) {
	file, err := os.CreateTemp("", "usher-archive-")
	if err != nil {
		return nil, fmt.Errorf("unpack archive: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unpack archive: %w", err), file.Close())
	}
	if _, err := io.Copy(file, &limited{source, limit}); err != nil {
		return nil, errors.Join(fmt.Errorf("unpack archive: %w", err), file.Close())
	}
	return file, nil
}

// tar adds what a tar archive holds. To open one of its files the archive is read up to it.
func (f *finder) tar(log Log, level int) {
	source, err := log.open()
	if err != nil {
		log.Err = err
		f.add(log)
		return
	}
	defer source.Close()
	archive := tar.NewReader(source)
	for index := 0; !f.full; index++ {
		header, err := archive.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			f.add(Log{Name: log.Name, Err: fmt.Errorf("read archive: %w", err)})
			return
		}
		if header.Typeflag != tar.TypeReg || isResource(header.Name) {
			continue
		}
		f.examine(Log{Name: log.Name + "!" + header.Name, Modified: header.ModTime, Size: header.Size, open: func() (io.ReadCloser, error) {
			return openTarred(log, index)
		}}, false, level+1)
	}
}

func openTarred(log Log, index int) (io.ReadCloser, error) {
	source, err := log.open()
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(source)
	for range index + 1 {
		if _, err := archive.Next(); err != nil {
			return nil, errors.Join(fmt.Errorf("read archive: %w", err), source.Close())
		}
	}
	return &unpacked{Reader: archive, close: source.Close}, nil
}
