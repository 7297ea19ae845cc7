// Package foreign opens, bounds and creates files where users other than the reader may write: logs in homes, property
// lists, archives that somebody sent, and files that a command was told to write.
//
// It exists because root can read and replace everything, and users choose what is in their folders. [Open] and [Read]
// open one file, [OpenFolder] a folder in which a search reads, [Create] makes a file. Their guarantees:
//
//   - Only regular files are opened. A pipe, a device or a socket is an error at once, and is never waited for.
//   - As root, no symbolic link is followed that a user made or could exchange, in any part of a path. A link is
//     followed where it belongs to root, in a folder in which only root can exchange it: macOS's /tmp and /var, for
//     example. Anyone but root has only their own rights to lose, and their links are the kernel's to follow.
//   - As root, no hard link to a third user's file is opened in a folder of another user.
//   - What was checked is what is read: checks are about open descriptors, and a path is walked folder by folder.
//   - As root, a file is created in a folder of another user, and never replaced there.
//
// It says nothing about the content, and does not judge who can change a file that root obeys.
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
	// ErrHardLink is wrapped for a file that is in a folder of another user and can be another file of somebody else.
	ErrHardLink = errors.New("it can be a hard link to a file of somebody else")
	// ErrNotAFile is wrapped for what is not a regular file.
	ErrNotAFile = errors.New("it is not a file")
	// ErrTooLarge is wrapped for a file, or a folder, that has more than is read.
	ErrTooLarge = errors.New("it is larger than what is read")
)

// Open opens a regular file for reading, and returns what it is. It does not block on what is not a file.
func Open(path string) (*os.File, fs.FileInfo, error) { return Opener{}.Open(path) }

// OpenFolder opens a folder in which a search reads.
func OpenFolder(path string) (*Folder, error) { return Opener{}.OpenFolder(path) }

// Read returns the content of a regular file; the error wraps [ErrTooLarge] where it has more than limit bytes.
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

// Opener opens files. The zero value does what the functions of the package do.
type Opener struct {
	// Below is a folder out of which nothing leads: of a path below it no link is followed that leads out of it, and as
	// root no link at all. Other paths are opened as without it.
	Below string
}

// Open is [Open].
func (o Opener) Open(path string) (*os.File, fs.FileInfo, error) { return o.open(path, false) }

// OpenFound is [Opener.Open] for a file that was found in a folder, and not named by the caller. As root it also
// refuses what other users cannot read in a folder of somebody else: the folder's owner may have made a hard link to it
// before its own name was removed.
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

// within returns what of a path is below [Opener.Below]; false for a path that is not.
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

// notAFile returns why something is not a regular file, nil for one.
func notAFile(info fs.FileInfo) error {
	switch {
	case info.Mode().IsRegular():
		return nil
	case info.IsDir():
		return fmt.Errorf("%w: %w", ErrNotAFile, syscall.EISDIR)
	}
	return ErrNotAFile
}

// isRoot reports whether the rights of this process are those of everybody.
func isRoot() bool { return os.Geteuid() == 0 }

// pathError is an error about a path, which takes the place of one that os has made.
func pathError(operation, path string, err error) error {
	if inner, ok := err.(*fs.PathError); ok { // and not one of several errors, of which the others would be lost
		err = inner.Err
	}
	return &fs.PathError{Op: operation, Path: path, Err: err}
}
