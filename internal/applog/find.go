package applog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"usher.internal/internal/foreign"
)

// Log is a log that [Find] found: a file, or a file in an archive.
type Log struct {
	// Name is the path. A "!" comes before the path inside an archive.
	Name string
	// Modified is when the log was last written.
	Modified time.Time
	// Size is the number of bytes, unpacked, or -1 if it is not known.
	Size int64
	// Err says why the log cannot be read.
	Err error

	open opener
}

// opener opens something for reading from its beginning. The reader that it returns ends with the context.
type opener func(ctx context.Context) (io.ReadCloser, error)

// Open opens the log for reading from its beginning, unpacked. The reader ends with an error when ctx ends, when the
// log turns into NUL bytes, and when a limit of [FindOptions] is reached.
func (l Log) Open(ctx context.Context) (io.ReadCloser, error) {
	if l.Err != nil {
		return nil, l.Err
	}
	if err := ended(ctx); err != nil {
		return nil, err
	}
	return l.open(ctx)
}

// FindOptions limit a search; the zero value has the defaults.
type FindOptions struct {
	// Input is read for the path "-"; nil means a file of that name. A regular file is read in place and must remain
	// open while the logs are used. Anything else is read to its end. Up to 1 GiB of it is kept, and text is kept
	// compressed.
	Input io.Reader
	// MaximumLogs is how many logs are found at most, 0 means 5000.
	MaximumLogs int
	// MaximumEntries is how many entries of folders and archives a search examines, 0 means 50,000.
	MaximumEntries int
	// MaximumSize is how many bytes all archives and compressed files of a search may unpack to, 0 means 16 GiB.
	MaximumSize int64
	// MaximumSpace is how many bytes of temporary files a search may have, apart from those of Input; 0 means 64 MiB.
	MaximumSpace int64
	// Below is a folder that the search never leaves: below it, links that lead out of it are not followed. As root, no
	// link below it is followed.
	Below string
	// Optional says that the paths need not exist: a user may remove theirs at any time.
	Optional bool
}

const defaultEntries = 50_000

// maximumDepth is how deep folders are searched. maximumNesting is how many times a log may be packed: a log in a
// compressed tar in a zip is packed three times.
const (
	maximumDepth   = 16
	maximumNesting = 3
)

// inputName is the name of the logs of [FindOptions.Input].
const inputName = "standard input"

// Find returns the logs in files, folders and archives: plain text, gzip, bzip2, zip, tar, and archives in those. The
// content of a file decides what it is. Symbolic links in folders are not followed, and files in them that are not text
// are left out. A file that cannot be read is returned with its Err, and so is a file that a limit leaves out. A file
// that is reached twice is returned once.
//
// An archive is read once. Logs that can only be read in order are kept in temporary files without a name. These end
// with the process, or when none of the logs is in use.
//
// The error is that of ctx, or of a path that does not exist, unless paths are optional.
func Find(ctx context.Context, paths []string, options FindOptions) ([]Log, error) {
	options = options.withDefaults()
	f := &finder{options: options, opener: foreign.Opener{Below: options.Below}, seen: map[identity]bool{},
		allowance: newAllowance(options.MaximumSize),
		space:     &space{limit: options.MaximumSpace}, input: &space{limit: inputSpace}}
	for _, path := range paths {
		if err := f.path(ctx, path); err != nil {
			f.space.discard()
			f.input.discard()
			return nil, fmt.Errorf("find logs: %w", err)
		}
	}
	return f.logs, nil
}

func (o FindOptions) withDefaults() FindOptions {
	if o.MaximumLogs == 0 {
		o.MaximumLogs = 5000
	}
	if o.MaximumEntries == 0 {
		o.MaximumEntries = defaultEntries
	}
	if o.MaximumSize == 0 {
		o.MaximumSize = 16 << 30
	}
	if o.MaximumSpace == 0 {
		o.MaximumSpace = maximumSpace
	}
	return o
}

// finder collects logs. Its methods return only the error of their context.
type finder struct {
	options   FindOptions
	opener    foreign.Opener
	logs      []Log
	seen      map[identity]bool
	full      bool
	entries   int
	allowance *allowance
	// space keeps the content of archives, input that of [FindOptions.Input].
	space, input *space
}

// identity identifies a file.
type identity struct{ device, inode uint64 }

// add adds a log, or a note that there are too many. It returns nil, so that callers can return its result.
func (f *finder) add(log Log) error {
	switch {
	case f.full:
	case len(f.logs) < f.options.MaximumLogs:
		f.logs = append(f.logs, log)
	default:
		f.full = true
		f.logs = append(f.logs, Log{Name: log.Name,
			Err: fmt.Errorf("%w: more than %d", errTooMany, f.options.MaximumLogs)})
	}
	return nil
}

// another reports whether one more entry of a folder or archive may be looked at. If not, the search has ended.
func (f *finder) another(of string) bool {
	if f.entries++; f.entries <= f.options.MaximumEntries {
		return true
	}
	if !f.full {
		f.full = true
		f.logs = append(f.logs, Log{Name: of,
			Err: fmt.Errorf("%w: a search examines %d", errTooManyEntries, f.options.MaximumEntries)})
	}
	return false
}

// path adds the file or folder that the caller named.
func (f *finder) path(ctx context.Context, path string) error {
	if path == "-" && f.options.Input != nil {
		return f.once(ctx, Log{Name: inputName, Size: -1}, f.options.Input, f.input, true, 0)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.options.Optional:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil: // for example, a user's links form a circle
		return f.add(Log{Name: path, Err: err})
	case strings.HasSuffix(filepath.Clean(path), ".logarchive"):
		return f.add(Log{Name: path, Err: errLogArchive})
	case !info.IsDir():
		return f.file(ctx, path, true, func() (*os.File, fs.FileInfo, error) { return f.opener.Open(path) })
	}
	folder, err := f.opener.OpenFolder(path)
	if err != nil {
		return f.add(Log{Name: path, Err: err})
	}
	return f.folder(ctx, folder, path, 0)
}

// folder adds the content of an open folder, and closes the folder.
func (f *finder) folder(ctx context.Context, folder *foreign.Folder, path string, depth int) error {
	defer folder.Close()
	entries, err := folder.Entries()
	if err != nil {
		_ = f.add(Log{Name: path, Err: err})
	}
	for _, entry := range entries {
		name := filepath.Join(path, entry.Name())
		var err error
		switch {
		case ended(ctx) != nil:
			return ended(ctx)
		case f.full || !f.another(path):
			return nil
		case entry.IsDir() && strings.HasSuffix(entry.Name(), ".logarchive"):
			err = f.add(Log{Name: name, Err: errLogArchive})
		case entry.IsDir() && depth < maximumDepth:
			inner, openErr := folder.Folder(entry.Name())
			if openErr != nil {
				err = f.add(Log{Name: name, Err: openErr})
				break
			}
			err = f.folder(ctx, inner, name, depth+1)
		case entry.Type().IsRegular():
			err = f.file(ctx, name, false, func() (*os.File, fs.FileInfo, error) { return folder.Open(entry.Name()) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file adds a file, or the content of an archive. A file that the caller named is a log, whatever its content. It is
// opened again, by its path and the same rules, when it is read.
func (f *finder) file(ctx context.Context, name string, named bool, open func() (*os.File, fs.FileInfo, error)) error {
	file, info, err := open()
	if err != nil {
		return f.add(Log{Name: name, Err: err})
	}
	defer file.Close()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		id := identity{uint64(stat.Dev), stat.Ino}
		if f.seen[id] {
			return nil
		}
		f.seen[id] = true
	}
	again := f.opener.OpenFound
	if named {
		again = f.opener.Open
	}
	log := Log{Name: name, Modified: info.ModTime(), Size: info.Size(),
		open: func(ctx context.Context) (io.ReadCloser, error) {
			file, info, err := again(name)
			if err != nil {
				return nil, err
			}
			opened := newRegion(ctx, file, info.Size(), file.Close)
			opened.info = info
			return opened, nil
		}}
	return f.examine(ctx, log, named, 0)
}

// examine adds a log according to its beginning. level counts the archives around it.
func (f *finder) examine(ctx context.Context, log Log, named bool, level int) error {
	source, err := log.open(ctx)
	if err != nil {
		log.Err = err
		return f.add(log)
	}
	beginning, err := readBeginning(source)
	source.Close()
	if end := ended(ctx); end != nil {
		return end
	}
	if err != nil && len(beginning) == 0 {
		log.Err = err
		return f.add(log)
	}
	inner := log.open
	pack := packingOf(beginning)
	switch {
	case pack == notPacked && isBinary(beginning):
		if !named {
			return nil
		}
		log.Err = errNotText
	case pack == notPacked:
		log.open = func(ctx context.Context) (io.ReadCloser, error) {
			source, err := inner(ctx)
			if err != nil {
				return nil, err
			}
			return unpacked{asText(source, beginning), source.Close}, nil
		}
	case level > maximumNesting:
		log.Err = errNested
	case pack == gzipped || pack == bzipped:
		meter := f.allowance.meter()
		log.open = func(ctx context.Context) (io.ReadCloser, error) {
			source, err := inner(ctx)
			if err != nil {
				return nil, err
			}
			return unpack(source, pack, meter)
		}
		log.Size = -1
		return f.examine(ctx, log, named, level+1) // a tar, perhaps
	case pack == zipped:
		return f.zip(ctx, log, level)
	case pack == tarred:
		source, err := inner(ctx)
		if err != nil {
			log.Err = err
			break
		}
		defer source.Close()
		return f.tar(ctx, log, source, level)
	}
	return f.add(log)
}

// beginningSize is how many bytes are needed to recognise a file: the magic number of tar is at offset 257.
const beginningSize = 4 << 10

func readBeginning(source io.Reader) ([]byte, error) {
	beginning := make([]byte, beginningSize)
	n, err := io.ReadFull(source, beginning)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return beginning[:n], err
}

// isBinary reports whether a file with this beginning is not text.
func isBinary(beginning []byte) bool {
	return bytes.IndexByte(beginning, 0) >= 0 && !isUTF16(beginning) || bytes.HasPrefix(beginning, []byte("bplist00"))
}
