package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Check returns path without symbolic links. It succeeds if only root and our own user can change the file, and the
// file is of the policy's kind. Use the returned path. The error is an [*Error] or comes from the file system:
// [fs.ErrNotExist], or syscall.ELOOP after [MaximumLinks] links.
func (p Policy) Check(path string) (resolved string, err error) {
	found, err := p.find(path)
	return found.path, err
}

func (p Policy) find(path string) (place, error) {
	found, err := p.walk(path)
	if err != nil {
		return place{}, err
	}
	if found.info == nil {
		return place{}, &fs.PathError{Op: "lstat", Path: found.path, Err: syscall.ENOENT}
	}
	if err := p.fits(path, found); err != nil {
		return place{}, err
	}
	return found, nil
}

// Open opens for reading a file that [Policy.Check] accepts, and describes it as it was when it was opened. It does not
// open a pipe or a device. The caller closes the file.
func (p Policy) Open(path string) (*os.File, fs.FileInfo, error) {
	found, err := p.find(path)
	if err != nil {
		return nil, nil, err
	}
	file, err := os.OpenFile(found.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case !os.SameFile(info, found.info): // root, or we ourselves, have replaced it
		err = p.refuse(path, found.path, Replaced, info)
	default:
		err = p.fits(path, place{path: found.path, info: info})
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}

// OpenRoot opens a directory that [Policy.Check] accepts. Later changes of its path have no effect on reading and
// writing in it. The caller closes it.
func (p Policy) OpenRoot(path string) (*os.Root, error) {
	found, err := p.find(path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(found.path)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	switch {
	case err != nil:
	case !os.SameFile(info, found.info):
		err = p.refuse(path, found.path, Replaced, info)
	default:
		err = p.fits(path, place{path: found.path, info: info})
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// Read returns the content of a file that [Policy.Open] opens. More than limit bytes are an error. A relative path
// begins in the working directory.
func (p Policy) Read(path string, limit int64) ([]byte, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	file, _, err := p.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("read %s: it is larger than %d bytes", path, limit)
	}
	return content, err
}

// MakeDirectory makes the directory with that mode if it does not exist, with its parents (mode 0755). It checks an
// existing directory as [Policy.Check] does. It checks new directories in the same way, in case somebody else was
// quicker to make them.
func (p Policy) MakeDirectory(path string, mode fs.FileMode) error {
	_, err := p.make(path, mode)
	return err
}

// TakeDirectory is [Policy.MakeDirectory] for a directory of usher's own. It gives an existing directory this mode: a
// mode that is too wide is corrected, not refused. It refuses a directory of another user, and a link if the policy
// allows none.
func (p Policy) TakeDirectory(path string, mode fs.FileMode) error {
	p.corrects = true
	found, err := p.make(path, mode)
	if err != nil || found.info.Mode()&(fs.ModePerm|fs.ModeSticky) == mode {
		return err
	}
	if err := os.Chmod(found.path, mode); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	return nil
}

func (p Policy) make(path string, mode fs.FileMode) (place, error) {
	for {
		found, err := p.walk(path)
		switch {
		case found.path == "":
			return place{}, fmt.Errorf("make directory: %w", err)
		case found.info != nil:
			if err := p.fits(path, found); err != nil {
				return place{}, fmt.Errorf("make directory: %w", err)
			}
			return found, nil
		}
		// The directory does not exist. In a sticky directory somebody else may make it first; the next round checks
		// its owner.
		bits := fs.FileMode(0o755)
		if found.last {
			bits = mode
		}
		if err := os.Mkdir(found.path, bits); err != nil && !errors.Is(err, fs.ErrExist) {
			return place{}, fmt.Errorf("make directory: %w", err)
		}
	}
}
