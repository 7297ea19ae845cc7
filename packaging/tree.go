package packaging

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// WriteTree writes entries below root, which must not exist yet. Modes do not depend on the umask, and every file has
// the same date. The packager sets the owners, because the builder need not be root.
func WriteTree(root string, entries []Entry, date time.Time) error {
	if err := os.Mkdir(root, 0o755); err != nil {
		return fmt.Errorf("lay out the payload: %w", err)
	}
	for _, entry := range entries {
		if err := entry.write(filepath.Join(root, entry.Path)); err != nil {
			return fmt.Errorf("lay out %s: %w", entry.Path, err)
		}
	}
	return filepath.WalkDir(root, func(path string, found fs.DirEntry, err error) error {
		if err == nil && found.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		if err == nil && found.Type() != fs.ModeSymlink {
			err = os.Chtimes(path, date, date)
		}
		return err
	})
}

func (e Entry) write(to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if e.Target != "" {
		return os.Symlink(e.Target, to)
	}
	content := e.Content
	if e.Source != "" {
		var err error
		if content, err = os.ReadFile(e.Source); err != nil {
			return err
		}
	}
	if err := os.WriteFile(to, content, e.Mode); err != nil {
		return err
	}
	return os.Chmod(to, e.Mode)
}
