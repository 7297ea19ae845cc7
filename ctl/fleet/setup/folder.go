package setup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"usher.internal/internal/trust"
)

// folder is a folder for keys that is open. What becomes of its path later has no effect on what is read and written.
type folder struct {
	*os.Root
	// path is as it was given.
	path string
}

// openFolder opens the folder at path, which [trust.KeyDirectory] judges, and makes it first if that is wanted. The caller closes it.
func openFolder(path string, make bool) (folder, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return folder{}, err
	}
	if make {
		if err := trust.KeyDirectory.MakeDirectory(absolute, 0o700); err != nil {
			return folder{}, err
		}
	}
	root, err := trust.KeyDirectory.OpenRoot(absolute)
	return folder{root, path}, err
}

// at is the path of a file in the folder, for people.
func (f folder) at(name string) string { return filepath.Join(f.path, name) }

// read reads a file in the folder. A link out of it is not followed.
func (f folder) read(name string) ([]byte, error) {
	content, err := f.ReadFile(name)
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		failed.Op, failed.Path = "open", f.at(name) // os.Root says openat and the name alone
	}
	return content, err
}
