package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maximumFile is far more than a configuration has, and little enough to read at every start.
const maximumFile = 1 << 20

// maximumDepth is how deeply sections may be nested; keys have three parts.
const maximumDepth = 8

// entry is one key of a file with what stood there.
type entry struct {
	key  string
	line int
	// problem, when not empty, says why the value is none.
	problem string
	value
	// empty marks a key without a value ("delivery:"), which is fine for a section.
	empty bool
}

// readFile returns the entries of a file in their order. A file that does not exist wraps [fs.ErrNotExist].
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

// isPropertyList tells by the first bytes. YAML cannot begin with any of them.
func isPropertyList(content []byte) bool {
	if bytes.HasPrefix(content, []byte("bplist")) {
		return true
	}
	return bytes.HasPrefix(bytes.TrimLeft(content, " \t\r\n"), []byte("<"))
}

// readTrusted reads a regular file. As root it refuses one that another user owns or can write, for he would be
// root through it (delivery.api.url, jamf.executable).
func readTrusted(path string) ([]byte, error) {
	// O_NONBLOCK so that a pipe in the file's place cannot hold the start up.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer file.Close()
	info, err := file.Stat() // of the open file, so that nobody can exchange it in between
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read configuration %s: %w", path, ErrNotAFile)
	}
	if os.Geteuid() == 0 {
		if err := checkTrusted(path, info); err != nil {
			return nil, err
		}
	}
	content, err := io.ReadAll(io.LimitReader(file, maximumFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(content) > maximumFile {
		return nil, fmt.Errorf("read configuration %s: %w (%d bytes)", path, ErrTooLarge, maximumFile)
	}
	return content, nil
}

func checkTrusted(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("read owner of %s: %w", path, errors.ErrUnsupported)
	}
	if stat.Uid != 0 {
		return fmt.Errorf("read configuration %s: %w: it belongs to uid %d and root would obey it; `sudo chown root %q` when it is yours to trust", path, ErrNotTrusted, stat.Uid, path)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("read configuration %s: %w: others than its owner may write it (mode %04o); `sudo chmod go-w %q`", path, ErrNotTrusted, mode, path)
	}
	return nil
}
