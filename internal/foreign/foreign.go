// Package foreign opens, limits and creates files where users other than the reader may write. Such files are logs in
// homes, property lists, archives that somebody sent, and the outputs that a command line names.
//
// It exists because root can read and replace everything, and users choose what is in their folders. [Open] and [Read]
// open one file, [OpenFolder] opens a folder for a search, and [Create] makes a file. Their guarantees:
//
//   - Only regular files are opened. A pipe, a device or a socket is an error at once and never blocks.
//   - Root follows no symbolic link that a user made or could exchange, in any part of a path. Root follows a link that
//     belongs to root, in a folder where only root can exchange it, such as macOS's /tmp and /var. Other users risk
//     only their own rights, so the kernel follows their links.
//   - Root opens no hard link to a third user's file in a folder of another user.
//   - The checked file is the file that is read: checks use open descriptors, and a path is walked folder by folder.
//   - Root creates files in a folder of another user, but never replaces them there.
//
// It guarantees nothing about the content. It does not judge who can change a file that root obeys.
package foreign

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

var (
	// ErrLink is wrapped for a symbolic link of another user.
	ErrLink = errors.New("a symbolic link that another user can make, which root does not follow")
	// ErrHardLink is wrapped for a file in a folder of another user that can also be a third user's file.
	ErrHardLink = errors.New("it can be a hard link to a file of somebody else")
	// ErrNotAFile is wrapped for anything that is not a regular file.
	ErrNotAFile = errors.New("it is not a file")
	// ErrTooLarge is wrapped for a file or folder that exceeds the limit.
	ErrTooLarge = errors.New("it is larger than what is read")
)

// Open opens a regular file for reading, and describes it. It does not block on anything else.
func Open(path string) (*os.File, fs.FileInfo, error) { return Opener{}.Open(path) }

// OpenFolder opens a folder for a search.
func OpenFolder(path string) (*Folder, error) { return Opener{}.OpenFolder(path) }

// Read returns the content of a regular file. The error wraps [ErrTooLarge] if it has more than limit bytes.
func Read(path string, limit int64) ([]byte, error) {
	file, _, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, pathError("read", path, err)
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("read %s: %w (%d bytes)", path, ErrTooLarge, limit)
	}
	return content, nil
}

// Opener opens files. The zero value works like the functions of the package.
type Opener struct {
	// Below is a folder that no path leads out of. A path below it follows no link that leads out of it, and for root
	// no link at all. Other paths are opened as usual.
	Below string
}

// Open is [Open].
func (o Opener) Open(path string) (*os.File, fs.FileInfo, error) { return o.open(path, false) }

// OpenFound is [Opener.Open] for a file that was found in a folder, and not named by the caller. Root also refuses a
// file in another user's folder that other users cannot read. The folder's owner may have made a hard link to it before
// its original name was removed.
func (o Opener) OpenFound(path string) (*os.File, fs.FileInfo, error) { return o.open(path, true) }

func (o Opener) open(path string, found bool) (*os.File, fs.FileInfo, error) {
	if !isRoot() {
		file, err := o.openAsUser(path)
		if err != nil {
			return nil, nil, pathError("open", path, err)
		}
		return regular(path, file)
	}
	place, err := o.walk(path)
	if err != nil {
		return nil, nil, pathError("open", path, err)
	}
	defer place.folder.Close()
	return place.open(path, found)
}

// openAsUser opens a file as the kernel does.
func (o Opener) openAsUser(path string) (*os.File, error) {
	inner, below := o.within(path)
	if !below {
		return os.OpenFile(path, readFlags, 0)
	}
	root, err := os.OpenRoot(o.Below)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenFile(inner, readFlags, 0)
}

// readFlags open a file without waiting, whatever it is.
const readFlags = os.O_RDONLY | syscall.O_NONBLOCK

// within returns the part of a path below [Opener.Below], and false for other paths.
func (o Opener) within(path string) (string, bool) {
	if o.Below == "" {
		return "", false
	}
	inner, below := strings.CutPrefix(path, strings.TrimSuffix(o.Below, "/")+"/")
	return inner, below && filepath.IsLocal(inner)
}

// regular returns an open file if it is a regular one, and closes it otherwise.
func regular(path string, file *os.File) (*os.File, fs.FileInfo, error) {
	info, err := file.Stat()
	if err == nil {
		err = notAFile(info)
	}
	if err != nil {
		file.Close()
		return nil, nil, pathError("open", path, err)
	}
	return file, info, nil
}

// notAFile returns why something is not a regular file, or nil if it is one.
func notAFile(info fs.FileInfo) error {
	switch {
	case info.Mode().IsRegular():
		return nil
	case info.IsDir():
		return fmt.Errorf("%w: %w", ErrNotAFile, syscall.EISDIR)
	}
	return ErrNotAFile
}

// isRoot reports whether this process has the rights of all users.
func isRoot() bool { return os.Geteuid() == 0 }

// pathError is an error about a path. It replaces an error of os.
func pathError(operation, path string, err error) error {
	if inner, ok := err.(*fs.PathError); ok { // not one of several joined errors, because the others would be lost
		err = inner.Err
	}
	return &fs.PathError{Op: operation, Path: path, Err: err}
}
