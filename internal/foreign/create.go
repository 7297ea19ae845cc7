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

// Existing says what [Create] does with a file that is there already.
type Existing bool

// What [Create] does with a file that is there.
const (
	// Keep leaves it as it is, and the error wraps [fs.ErrExist].
	Keep Existing = false
	// Replace replaces it, except where root would replace what is not its own: then the error wraps [fs.ErrExist],
	// too.
	Replace Existing = true
)

// Create makes the file at path with what write writes, and that mode. The file belongs to the user who runs the
// program, also where root makes it in a folder of somebody else: what root writes there may be about other users, and
// giving it away is root's to do.
//
// A symbolic link in the place of the file is followed by the rules of [Open], and only by Replace. In a folder of its
// own, the file is whole or as it was before. In a folder where other users can write, root makes the file under its
// name, which nothing may have, since a temporary file there could be exchanged; where write fails the file is removed.
func Create(path string, mode fs.FileMode, existing Existing, write func(*os.File) error) error {
	if err := create(path, mode, existing, write); err != nil {
		return pathError("write", path, err)
	}
	return nil
}

func create(path string, mode fs.FileMode, existing Existing, write func(*os.File) error) error {
	if existing == Keep {
		if _, err := os.Lstat(path); err == nil { // a link to nowhere is something, too
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
		return fmt.Errorf("%w in a folder where other users can write, and root replaces nothing there: remove it "+
			"first, or name another file", fs.ErrExist)
	case !onlyRootChanges(place.of):
		return atomicfile.CreateInPlace(place.folder, place.name, mode, write)
	case place.entry == nil:
		existing = Keep
	}
	return atomicfile.File{Mode: mode, Keep: existing == Keep}.Write(place.folder, place.name, write)
}

// replaceable reports whether root may put a file into the place of the one that is there.
func (p *place) replaceable() bool {
	return onlyRootWrites(p.of) || onlyRootChanges(p.of) && ownerOf(p.entry) == 0
}

// Resolve returns where a path to be written leads: the name at the end of links, which has a folder, and what has that
// name, nil for nothing. It follows links by the rules of [Open].
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

// OpenWritable opens what has a name and is not a file for writing: a device, or a named pipe, whose error is
// [syscall.ENXIO] while nobody reads it. Root opens only what root has put there.
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
		return nil, errors.Join(fmt.Errorf("write %s: %w: it was exchanged", path, cmp.Or(err, ErrLink)), file.Close())
	}
	return file, nil
}

// endOfLinks follows symbolic links as the kernel does to the first name that is none, whether or not something has
// that name. The folder of that name must be there.
func endOfLinks(path string) (string, error) {
	for range maximumLinks {
		folder, name := filepath.Split(path)
		real, err := filepath.EvalSymlinks(cmp.Or(folder, ".")) // what .. is of, in a link
		if err != nil {
			return "", err
		}
		path = filepath.Join(real, name)
		next, err := os.Readlink(path)
		if err != nil {
			return path, nil // it is no link
		}
		if !filepath.IsAbs(next) {
			next = real + "/" + next
		}
		path = next
	}
	return "", &fs.PathError{Op: "readlink", Path: path, Err: syscall.ELOOP}
}
