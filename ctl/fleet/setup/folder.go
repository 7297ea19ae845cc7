package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrNotOurs is wrapped when keys are to be written into a folder that belongs to somebody else, that others can write to, or that is
// reached through another user's link: that user would have the keys, or could put others in their place.
var ErrNotOurs = errors.New("not a folder for keys")

// maximumLinks is how many links a path may have: with more it is a circle.
const maximumLinks = 40

// openFolder opens the folder at path for keys to be written into it, and makes it first if that is wanted. It is judged by what was
// opened, not by its path: what becomes of the path later has no effect on where the files go. The caller closes it.
func openFolder(path string, make bool) (*os.Root, error) {
	resolved, err := ownLinks(path)
	if err != nil {
		return nil, err
	}
	if make {
		if err := os.MkdirAll(resolved, 0o700); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(resolved)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err == nil {
		err = ours(path, info)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// ours returns nil for a folder that belongs to us and that nobody else can write to.
func ours(path string, info fs.FileInfo) error {
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case owner != uint32(os.Geteuid()):
		return fmt.Errorf("%w: %s belongs to uid %d, and this is uid %d", ErrNotOurs, path, owner, os.Geteuid())
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%w: others can write to %s (%v); run `chmod go-w` on it", ErrNotOurs, path, info.Mode().Perm())
	}
	return nil
}

// ownLinks returns the absolute path of a folder without the links in it, each of which must be ours or root's. What is not there yet
// stays as it is.
func ownLinks(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	resolved, rest := "/", strings.Split(absolute, "/")
	for links := 0; len(rest) > 0; {
		next := filepath.Join(resolved, rest[0])
		info, err := os.Lstat(next)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err != nil || info.Mode().Type() != fs.ModeSymlink {
			resolved, rest = next, rest[1:]
			continue
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 && owner != uint32(os.Geteuid()) {
			return "", fmt.Errorf("%w: %s leads through %s, a link of uid %d", ErrNotOurs, path, next, owner)
		}
		if links++; links > maximumLinks {
			return "", fmt.Errorf("%s: %w", path, syscall.ELOOP)
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			resolved = "/"
		}
		rest = append(strings.Split(target, "/"), rest[1:]...)
	}
	return resolved, nil
}
