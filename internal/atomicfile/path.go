package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Path is the directory at a path. Unlike an [os.Root], it need not be readable.
type Path string

// OpenFile is [os.OpenFile] in the directory.
func (p Path) OpenFile(name string, flags int, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(filepath.Join(string(p), name), flags, mode)
}

// Lstat is [os.Lstat] in the directory.
func (p Path) Lstat(name string) (fs.FileInfo, error) {
	return os.Lstat(filepath.Join(string(p), name))
}

// Link is [os.Link] in the directory.
func (p Path) Link(name, second string) error {
	return os.Link(filepath.Join(string(p), name), filepath.Join(string(p), second))
}

// Rename is [os.Rename] in the directory.
func (p Path) Rename(from, to string) error {
	return os.Rename(filepath.Join(string(p), from), filepath.Join(string(p), to))
}

// Remove is [os.Remove] in the directory.
func (p Path) Remove(name string) error { return os.Remove(filepath.Join(string(p), name)) }
