package foreign

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"usher.internal/internal/atomicfile"
)

// Existing says what [Create] does with an existing file.
type Existing bool

// What [Create] does with an existing file.
const (
	// Keep does not change it. The error wraps [fs.ErrExist].
	Keep Existing = false
	// Replace replaces it. Root does not replace a file of another user; then the error also wraps [fs.ErrExist].
	Replace Existing = true
)

// Create makes the file at path with that mode, and with the content that write writes. The file belongs to the user
// who runs the program, even if root makes it in another user's folder. Its content may be about other users, so only
// root can decide to give it away.
//
// A symbolic link at path is followed by the rules of [Open], and only with Replace. In a folder of the caller's own,
// the file is complete or unchanged. In a folder where other users can write, root makes the file directly under its
// name, which must be free. A temporary file there could be exchanged. If write fails, the file is removed.
func Create(path string, mode fs.FileMode, existing Existing, write func(*os.File) error) error {
	if err := create(path, mode, existing, write); err != nil {
		return pathError("write", path, err)
	}
	return nil
}

func create(path string, mode fs.FileMode, existing Existing, write func(*os.File) error) error {
	if existing == Keep {
		if _, err := os.Lstat(path); err == nil { // a dangling link exists, too
			return fs.ErrExist
		}
	}
	if !isRoot() {
		end, err := endOfLinks(path)
		if err != nil {
			return err
		}
		return atomicfile.File{Mode: mode, Keep: existing == Keep}.Write(atomicfile.Path(filepath.Dir(end)),
			filepath.Base(end), write)
	}
	place, err := Opener{}.walk(path)
	if err != nil {
		return err
	}
	defer place.folder.Close()
	switch {
	case place.name == "." || place.entry != nil && place.entry.IsDir():
		return syscall.EISDIR
	case place.entry != nil && !place.replaceable():
		return fmt.Errorf("%w in a folder where other users can write, where root replaces nothing: remove it "+
			"first, or name another file", fs.ErrExist)
	case !onlyRootChanges(place.of):
		return atomicfile.CreateInPlace(place.folder, place.name, mode, write)
	case place.entry == nil:
		existing = Keep
	}
	return atomicfile.File{Mode: mode, Keep: existing == Keep}.Write(place.folder, place.name, write)
}

// replaceable reports whether root may replace the existing file.
func (p *place) replaceable() bool {
	return onlyRootWrites(p.of) || onlyRootChanges(p.of) && ownerOf(p.entry) == 0
}

// Resolve returns where a path to be written leads: the name at the end of all links, whose folder exists, and the file
// with that name, or nil. It follows links by the rules of [Open].
func Resolve(path string) (end string, there fs.FileInfo, err error) {
	if isRoot() {
		place, err := Opener{}.walk(path)
		if err != nil {
			return "", nil, pathError("write", path, err)
		}
		defer place.folder.Close()
		return place.path, place.entry, nil
	}
	if end, err = endOfLinks(path); err != nil {
		return "", nil, err
	}
	there, err = os.Lstat(end)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return end, there, err
}

// OpenWritable opens for writing what has a name and is not a file: a device or a named pipe. The error for a pipe that
// nobody reads is [syscall.ENXIO]. Root opens only what root has put there.
func OpenWritable(path string) (*os.File, error) {
	const flags = os.O_WRONLY | syscall.O_NONBLOCK
	if !isRoot() {
		return os.OpenFile(path, flags|os.O_TRUNC, 0)
	}
	place, err := Opener{}.walk(path)
	if err != nil {
		return nil, pathError("write", path, err)
	}
	defer place.folder.Close()
	switch {
	case place.entry == nil:
		return nil, pathError("write", path, syscall.ENOENT)
	case !place.replaceable() || place.entry.Mode().IsRegular():
		return nil, fmt.Errorf("write %s: %w in a folder where other users can write", path, fs.ErrExist)
	}
	file, err := place.folder.OpenFile(place.name, flags, 0)
	if err != nil {
		return nil, pathError("write", path, err)
	}
	if info, err := file.Stat(); err != nil || !os.SameFile(info, place.entry) {
		return nil, errors.Join(fmt.Errorf("write %s: %w: it has been exchanged", path, cmp.Or(err, ErrLink)),
			file.Close())
	}
	return file, nil
}

// endOfLinks follows symbolic links as the kernel does, up to the first name that is not a link. That name need not
// exist, but its folder must.
func endOfLinks(path string) (string, error) {
	for range maximumLinks {
		folder, name := filepath.Split(path)
		real, err := filepath.EvalSymlinks(cmp.Or(folder, ".")) // .. in a link refers to the real folder
		if err != nil {
			return "", err
		}
		path = filepath.Join(real, name)
		next, err := os.Readlink(path)
		if err != nil {
			return path, nil // it is not a link
		}
		if !filepath.IsAbs(next) {
			next = real + "/" + next
		}
		path = next
	}
	return "", &fs.PathError{Op: "readlink", Path: path, Err: syscall.ELOOP}
}
