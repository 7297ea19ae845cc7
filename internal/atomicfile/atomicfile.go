// Package atomicfile writes files atomically: at any time, a name leads to the old content or to the complete new
// content. This is also true after the process or the power ends at any moment. [Write] is for a path, [File] for
// everything else. The caller checks whether the directory can be trusted: see package trust.
//
// A process that is killed may leave a file next to the one that it wrote. Its name is the name of the file, then
// [Mark], then random characters.
package atomicfile

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

// Mark follows the name of a file in its temporary name, which it has until it is complete.
const Mark = ".new-"

// Directory is where a file is written: an [os.Root], or a [Path]. Names in it may have directories.
type Directory interface {
	OpenFile(name string, flags int, mode fs.FileMode) (*os.File, error)
	Lstat(name string) (fs.FileInfo, error)
	Link(name, second string) error
	Rename(from, to string) error
	Remove(name string) error
}

// File says how a file is written. The zero value replaces any existing file by one with mode 0600.
type File struct {
	// Mode is the mode of the file, independent of the umask; 0 means 0600.
	Mode fs.FileMode
	// Keep leaves an existing file unchanged. The error then wraps [fs.ErrExist].
	Keep bool
	// Temporary is the name that the file has until it is complete. A file that a killed process left there is removed.
	// Only one caller at a time may use it. Empty means a random name; then any number of callers may write at the same
	// time.
	Temporary string
	// Unsynced lets the system decide when the file is written to the disk: a power failure may restore the previous
	// file.
	Unsynced bool
}

// Write replaces the file at path. Its directory must exist.
func Write(path string, content []byte, mode fs.FileMode) error {
	return File{Mode: mode}.Write(Path(filepath.Dir(path)), filepath.Base(path), Content(content))
}

// Content returns a function that writes content into a file, for [File.Write].
func Content(content []byte) func(*os.File) error {
	return func(file *os.File) error { _, err := file.Write(content); return err }
}

// Write writes the file with this name in a directory: fill writes its content. After an error the directory is
// unchanged, unless the error is from the sync of the directory.
func (f File) Write(in Directory, name string, fill func(*os.File) error) error {
	temporary := f.Temporary
	if temporary == "" {
		temporary = temporaryName(name)
	} else if err := removeIfThere(in, temporary); err != nil {
		return fmt.Errorf("remove the file of an earlier attempt: %w", err)
	}
	file, err := in.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(fill(file), file.Chmod(cmp.Or(f.Mode, 0o600)), f.sync(file), file.Close()); err == nil {
		err = f.place(in, temporary, name)
	}
	if err != nil || f.Unsynced {
		return errors.Join(err, removeIfThere(in, temporary))
	}
	return errors.Join(removeIfThere(in, temporary), syncDirectory(in, filepath.Dir(name)))
}

func (f File) sync(file *os.File) error {
	if f.Unsynced {
		return nil
	}
	return file.Sync()
}

// place gives a complete file its name.
func (f File) place(in Directory, temporary, name string) error {
	if f.Keep {
		if err := in.Link(temporary, name); err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		if _, err := in.Lstat(name); err == nil { // this file system has no hard links
			return fs.ErrExist
		}
	}
	return in.Rename(temporary, name)
}

func temporaryName(name string) string {
	directory, base := filepath.Split(name)
	const longest = 200 // of the 255 bytes that a name may have
	return directory + strings.ToValidUTF8(base[:min(len(base), longest)], "") + Mark + rand.Text()
}

func removeIfThere(in Directory, name string) error {
	if err := in.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// CreateInPlace creates a file under its own name, which must not exist. It is for a directory in which other users
// could replace a temporary file. A reader may see the beginning of the file. If fill fails, the file is removed.
func CreateInPlace(in Directory, name string, mode fs.FileMode, fill func(*os.File) error) error {
	file, err := in.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, mode)
	if err != nil {
		return err
	}
	info, statErr := file.Stat()
	err = errors.Join(statErr, fill(file), file.Chmod(mode), file.Sync(), file.Close())
	if err == nil {
		return nil
	}
	if now, gone := in.Lstat(name); gone == nil && info != nil && os.SameFile(now, info) {
		err = errors.Join(err, in.Remove(name))
	}
	return err
}

// Rename renames a file within its directory. It returns when the new name is on the disk.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDirectory(Path(filepath.Dir(to)))
}

// SyncDirectory returns when the names in a directory are on the disk. Some file systems cannot report when that is,
// and some directories may be written but not read. Neither is an error, since the names are correct.
func SyncDirectory(in Directory) error { return syncDirectory(in, ".") }

func syncDirectory(in Directory, name string) error {
	directory, err := in.OpenFile(name, os.O_RDONLY, 0)
	if err == nil {
		err = errors.Join(directory.Sync(), directory.Close())
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}
