// Package privatefile reads the files that hold secrets, and refuses those that are none: what others can read, or have put there.
package privatefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Read returns the content of the file at path, without the white space around it, and what the file was when it was read. It must be
// a regular file of root's or of our own user's that nobody else can read (mode 0600 or 0400), not empty and at most limit bytes long.
// An error says what is wrong and never holds the content. It leaves the path to the caller: only a command that mends the file names
// it, quoted for a shell, so that an admin can copy it.
func Read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	// Without O_NONBLOCK a named pipe at that path would hold the helper for ever.
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, Pathless(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, Pathless(err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("it is not a regular file")
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner != 0 && int(owner) != os.Geteuid() {
		return nil, nil, fmt.Errorf("it belongs to uid %d; make it root's: chown root %s", owner, quoted(path))
	}
	if mode := info.Mode().Perm(); mode&^0o600 != 0 {
		return nil, nil, fmt.Errorf("its mode is %04o, so others than its owner may use it; run: chmod 600 %s", mode, quoted(path))
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, nil, Pathless(err)
	}
	if int64(len(content)) > limit {
		return nil, nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	if content = bytes.TrimSpace(content); len(content) == 0 {
		return nil, nil, errors.New("it is empty")
	}
	return content, info, nil
}

// quoted is a path as one word of a shell.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// Pathless takes the path off an error that would otherwise name it twice.
func Pathless(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
