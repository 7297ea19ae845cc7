package foreign

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
		return createWhole(byPath(filepath.Dir(end)), filepath.Base(end), mode, existing, write)
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
		return createDirectly(place.folder, place.name, mode, write)
	case place.entry == nil:
		existing = Keep
	}
	return createWhole(place.folder, place.name, mode, existing, write)
}

// replaceable reports whether root may put a file into the place of the one that is there.
func (p *place) replaceable() bool {
	return onlyRootWrites(p.of) || onlyRootChanges(p.of) && ownerOf(p.entry) == 0
}

// directory is a folder in which files are made: [os.Root], or a path.
type directory interface {
	OpenFile(name string, flags int, mode fs.FileMode) (*os.File, error)
	Lstat(name string) (fs.FileInfo, error)
	Link(name, second string) error
	Rename(from, to string) error
	Remove(name string) error
}

// byPath is a folder that need not be readable.
type byPath string

func (d byPath) OpenFile(name string, flags int, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(filepath.Join(string(d), name), flags, mode)
}
func (d byPath) Lstat(name string) (fs.FileInfo, error) {
	return os.Lstat(filepath.Join(string(d), name))
}
func (d byPath) Link(name, second string) error {
	return os.Link(filepath.Join(string(d), name), filepath.Join(string(d), second))
}
func (d byPath) Rename(from, to string) error {
	return os.Rename(filepath.Join(string(d), from), filepath.Join(string(d), to))
}
func (d byPath) Remove(name string) error { return os.Remove(filepath.Join(string(d), name)) }

const createFlags = os.O_WRONLY | os.O_CREATE | os.O_EXCL | syscall.O_NOFOLLOW

// createDirectly makes a file that nothing is in the place of.
func createDirectly(in directory, name string, mode fs.FileMode, write func(*os.File) error) error {
	file, err := in.OpenFile(name, createFlags, mode)
	if err != nil {
		return err
	}
	info, statErr := file.Stat()
	err = errors.Join(statErr, write(file), file.Chmod(mode), file.Close())
	if err == nil {
		return nil
	}
	if now, gone := in.Lstat(name); gone == nil && info != nil && os.SameFile(now, info) {
		err = errors.Join(err, in.Remove(name))
	}
	return err
}

// createWhole makes a file under another name first.
func createWhole(in directory, name string, mode fs.FileMode, existing Existing, write func(*os.File) error) error {
	unfinished := "." + strings.TrimPrefix(name, ".") + "." + rand.Text()
	if len(unfinished) > 255 { // as long as a name may be
		unfinished = "." + rand.Text()
	}
	file, err := in.OpenFile(unfinished, createFlags, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Chmod(mode), file.Close()); err != nil {
		return errors.Join(err, in.Remove(unfinished))
	}
	if existing == Replace {
		if err := in.Rename(unfinished, name); err != nil {
			return errors.Join(err, in.Remove(unfinished))
		}
		return nil
	}
	err = in.Link(unfinished, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return errors.Join(err, in.Remove(unfinished))
	}
	// This file system knows no second names.
	if _, err := in.Lstat(name); err == nil {
		return errors.Join(fs.ErrExist, in.Remove(unfinished))
	}
	if err := in.Rename(unfinished, name); err != nil {
		return errors.Join(err, in.Remove(unfinished))
	}
	return nil
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
