package foreign

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// maximumEntries is how many entries of a folder are listed.
const maximumEntries = 50_000

// Folder is an open folder. It reads only in that folder, even if the folder's path leads elsewhere later. It must be
// closed.
type Folder struct {
	root *os.Root
	info fs.FileInfo
	path string
}

// OpenFolder opens a folder.
func (o Opener) OpenFolder(path string) (*Folder, error) {
	root, err := o.folder(path)
	if err != nil {
		return nil, pathError("open folder", path, err)
	}
	return newFolder(root, path)
}

func newFolder(root *os.Root, path string) (*Folder, error) {
	info, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(pathError("open folder", path, err), root.Close())
	}
	return &Folder{root, info, path}, nil
}

func (o Opener) folder(path string) (*os.Root, error) {
	if !isRoot() {
		inner, below := o.within(path)
		if !below {
			return os.OpenRoot(path)
		}
		root, err := os.OpenRoot(o.Below)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		return root.OpenRoot(inner)
	}
	if path == "" {
		return nil, syscall.ENOENT
	}
	place, err := o.walk(path + "/.")
	if err != nil {
		return nil, err
	}
	return place.folder, nil
}

// Close closes it.
func (f *Folder) Close() error { return f.root.Close() }

// Entries returns the entries of the folder, sorted by name. Only use Name, IsDir and Type of an entry. If the error
// wraps [ErrTooLarge], it returns the entries up to the limit.
func (f *Folder) Entries() ([]fs.DirEntry, error) {
	folder, err := f.root.Open(".")
	if err != nil {
		return nil, pathError("read folder", f.path, err)
	}
	defer folder.Close()
	entries, err := folder.ReadDir(maximumEntries)
	switch {
	case errors.Is(err, io.EOF):
		err = nil
	case err != nil:
		err = pathError("read folder", f.path, err)
	case len(entries) == maximumEntries:
		err = fmt.Errorf("read folder %s: %w (%d entries)", f.path, ErrTooLarge, maximumEntries)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// Open opens a regular file in the folder, by the rules of [Opener.OpenFound].
func (f *Folder) Open(name string) (*os.File, fs.FileInfo, error) {
	path := join(f.path, name)
	if !isRoot() {
		file, err := f.root.OpenFile(name, readFlags, 0)
		if err != nil {
			return nil, nil, pathError("open", path, err)
		}
		return regular(path, file)
	}
	entry, err := f.root.Lstat(name)
	if err != nil {
		return nil, nil, pathError("open", path, err)
	}
	return (&place{f.root, f.info, name, entry, path}).open(path, true)
}

// Stat describes a regular file in the folder that [Folder.Open] would open.
func (f *Folder) Stat(name string) (fs.FileInfo, error) {
	path := join(f.path, name)
	info, err := f.root.Stat(name)
	if isRoot() {
		info, err = f.root.Lstat(name)
	}
	switch {
	case err != nil:
	case isRoot():
		err = (&place{f.root, f.info, name, info, path}).judge(true)
	default:
		err = notAFile(info)
	}
	if err != nil {
		return nil, pathError("look at", path, err)
	}
	return info, nil
}

// Folder opens a folder in the folder. It follows no link.
func (f *Folder) Folder(name string) (*Folder, error) {
	path := join(f.path, name)
	info, err := f.root.Lstat(name)
	if err != nil {
		return nil, pathError("open folder", path, err)
	}
	inner, err := enter(f.root, name, info)
	if err != nil {
		return nil, pathError("open folder", path, err)
	}
	return newFolder(inner, path)
}
