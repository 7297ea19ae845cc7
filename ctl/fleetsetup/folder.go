package fleetsetup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"usher.internal/internal/foreign"
	"usher.internal/internal/trust"
)

// folder is an open folder for keys. A later change of its path has no effect on what is read and written.
type folder struct {
	*os.Root
	// path is as it was given.
	path string
}

// openFolder opens the folder at path after [trust.KeyDirectory] has checked it, and creates it first if make is set.
// The caller closes it.
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

// at returns the path of a file in the folder, for people.
func (f folder) at(name string) string { return filepath.Join(f.path, name) }

// longestFile is how much of a file is read, in bytes: a server's configuration is the longest.
const longestFile = 4 << 20

// read reads a file in the folder. It follows no link out of the folder, and does not wait for something that is not a
// file.
func (f folder) read(name string) ([]byte, error) {
	file, err := f.open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, longestFile+1))
	if len(content) > longestFile {
		err = fmt.Errorf("read %s: it has more than %d bytes", f.at(name), longestFile)
	}
	return content, err
}

// open opens a file in the folder as [os.Root.OpenFile] does.
func (f folder) open(name string, flags int, mode fs.FileMode) (*os.File, error) {
	file, err := f.OpenFile(name, flags|syscall.O_NONBLOCK, mode)
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		failed.Op, failed.Path = "open", f.at(name) // os.Root names only openat and the file's name
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: f.at(name), Err: foreign.ErrNotAFile}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
