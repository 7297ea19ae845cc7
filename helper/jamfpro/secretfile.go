package jamfpro

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"usher.internal/internal/atomicfile"
	"usher.internal/internal/privatefile"
	"usher.internal/internal/trust"
)

// keeping is held while the file of a secret is changed.
var keeping sync.Mutex

// unfinished is the suffix of a secret file that is still being written. A crash may leave such a file.
const unfinished = ".new"

// WriteClientSecret writes the secret, without one newline at its end, to the file at path. Only our own user (root,
// for the helper) can read that file. The new file replaces the old one completely or not at all, also after a power
// failure. [Client] uses it from its next call on. A missing directory is created.
//
// The error wraps [ErrSecretNotAllowed] for a text that cannot be a secret. It wraps [ErrSecretFile] for a path that
// somebody else could change: a symbolic link, or a directory that others may write to. It never contains the secret.
func WriteClientSecret(path, secret string) error {
	secret, err := usableSecret(secret)
	if err != nil {
		return err
	}
	keeping.Lock()
	defer keeping.Unlock()
	if err := writeSecret(path, secret); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSecretFile, path, privatefile.Pathless(err))
	}
	return nil
}

// RemoveClientSecret removes the file at path and reports whether there was one. [Client] drops its token with its next
// call. The error wraps [ErrSecretFile]; only a regular file is removed.
func RemoveClientSecret(path string) (removed bool, err error) {
	keeping.Lock()
	defer keeping.Unlock()
	if removed, err = removeSecret(path); err != nil {
		return removed, fmt.Errorf("%w: %s: %w", ErrSecretFile, path, privatefile.Pathless(err))
	}
	return removed, nil
}

// usableSecret returns the secret in the form in which [ReadClientSecret] reads it.
func usableSecret(secret string) (string, error) {
	secret = strings.TrimSuffix(strings.TrimSuffix(secret, "\n"), "\r")
	refuse := func(reason string) (string, error) { return "", fmt.Errorf("%w: %s", ErrSecretNotAllowed, reason) }
	switch {
	case strings.TrimSpace(secret) == "":
		return refuse("it is empty")
	case len(secret) > maximumSecretSize:
		return refuse(fmt.Sprintf("it is larger than %d bytes", maximumSecretSize))
	case !utf8.ValidString(secret) || strings.ContainsFunc(secret, unicode.IsControl):
		return refuse("it contains control characters, such as a second line; give only the secret itself")
	case strings.TrimSpace(secret) != secret:
		return refuse("it begins or ends with white space")
	}
	return secret, nil
}

func writeSecret(path, secret string) error {
	if !filepath.IsAbs(path) {
		return errors.New("it is not an absolute path")
	}
	path = filepath.Clean(path)
	directory, name := filepath.Split(path)
	directory = filepath.Clean(directory)
	if err := trust.SecretDirectory.MakeDirectory(directory, 0o700); err != nil {
		return err
	}
	// From here on, everything is done inside this one directory, even if its path changes.
	root, err := trust.SecretDirectory.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := regularOrMissing(root.Lstat(name)); err != nil {
		return err
	}
	return atomicfile.File{Temporary: name + unfinished}.Write(root, name, atomicfile.Content([]byte(secret)))
}

func removeSecret(path string) (removed bool, err error) {
	if !filepath.IsAbs(path) {
		return false, errors.New("it is not an absolute path")
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open its directory: %w", privatefile.Pathless(err))
	}
	defer root.Close()
	name := filepath.Base(path)
	info, err := root.Lstat(name)
	if err := regularOrMissing(info, err); err != nil {
		return false, err
	}
	there := err == nil
	if err := ignoreMissing(root.Remove(name + unfinished)); err != nil {
		return false, fmt.Errorf("remove what an earlier attempt left: %w", privatefile.Pathless(err))
	}
	if !there {
		return false, nil
	}
	if err := root.Remove(name); err != nil {
		return false, privatefile.Pathless(err)
	}
	return true, atomicfile.SyncDirectory(root)
}

// regularOrMissing takes the results of Lstat.
func regularOrMissing(info fs.FileInfo, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return privatefile.Pathless(err)
	case info.Mode()&fs.ModeSymlink != 0:
		return errors.New("it is a symbolic link")
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
