package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"usher.internal/internal/trust"
)

// maximumFile is far more than a configuration needs, and small enough to read at every start.
const maximumFile = 1 << 20

// maximumDepth is how deeply sections may be nested; keys have three parts.
const maximumDepth = 8

// entry is one key of a file, with its value.
type entry struct {
	key  string
	line int
	// problem says why the value cannot be used, if it is not empty.
	problem string
	value
	// empty marks a key without a value ("delivery:"), which is allowed for a section.
	empty bool
}

// readFile returns the entries of a file in their order. For a file that does not exist the error wraps
// [fs.ErrNotExist].
func readFile(path string) ([]entry, error) {
	content, err := readTrusted(path)
	if err != nil {
		return nil, err
	}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if isPropertyList(content) {
		return parsePropertyList(path, content)
	}
	return parseYAML(path, content)
}

// isPropertyList decides by the first bytes. YAML cannot begin with any of them.
func isPropertyList(content []byte) bool {
	if bytes.HasPrefix(content, []byte("bplist")) {
		return true
	}
	return bytes.HasPrefix(bytes.TrimLeft(content, " \t\r\n"), []byte("<"))
}

// readTrusted reads a regular file. For root it refuses a file that another user can change or replace
// ([trust.Configuration]). That user could become root through it (delivery.api.url, jamf.executable).
func readTrusted(path string) ([]byte, error) {
	file, err := open(path)
	if refused, ok := errors.AsType[*trust.Error](err); errors.Is(err, ErrNotAFile) ||
		ok && refused.Reason == trust.Kind {
		return nil, fmt.Errorf("read configuration %s: %w", path, ErrNotAFile)
	}
	if errors.Is(err, trust.ErrUntrusted) {
		return nil, fmt.Errorf("read configuration %s: %w: %w", path, ErrNotTrusted, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maximumFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(content) > maximumFile {
		return nil, fmt.Errorf("read configuration %s: %w (%d bytes)", path, ErrTooLarge, maximumFile)
	}
	return content, nil
}

// open opens the file. A caller who is not root risks only their own rights.
func open(path string) (*os.File, error) {
	if os.Geteuid() == 0 {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		file, _, err := trust.Configuration.Open(path)
		return file, err
	}
	// O_NONBLOCK, so that a pipe in the file's place cannot block the start.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotAFile
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
