package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"usher.internal/internal/atomicfile"
	"usher.internal/internal/logfile"
)

// rooted returns the location of a path of the layout. In a test, it is below the directory that takes the place of the
// computer's root.
func (i *Installer) rooted(path string) string {
	if i.Root == "" {
		return path
	}
	return filepath.Join(i.Root, path)
}

// logDirectory is the step that creates the directory of root's logs, which root and admins read. An earlier version
// created it for everybody: the step closes it, with the logs in it.
func (i *Installer) logDirectory(path string) step {
	place, group := i.rooted(path), logfile.AdminGroup(i.Layout.System)
	made := i.directory(path)
	return step{
		what: made.what,
		needed: func(ctx context.Context) (string, error) {
			if info, err := os.Lstat(place); err != nil || !info.IsDir() {
				return made.needed(ctx)
			}
			return logfile.Loose(place, group)
		},
		do: func(context.Context) (string, error) {
			if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
				return "", err
			}
			if err := os.Mkdir(place, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
				return "", err
			}
			return "", logfile.Tighten(place, group)
		},
	}
}

// directory is the step that creates a directory that belongs to root and that others cannot write to.
func (i *Installer) directory(path string) step {
	place := i.rooted(path)
	return step{
		what: "make " + path,
		needed: func(context.Context) (string, error) {
			info, err := os.Lstat(place)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return "it is not there", nil
			case err != nil:
				return "", err
			case !info.IsDir():
				return "", fmt.Errorf("%s is there and is not a directory: move it away", path)
			case info.Mode().Perm() != 0o755 || !i.ours(info):
				return fmt.Sprintf("it has mode %04o or another owner", info.Mode().Perm()), nil
			}
			return "", nil
		},
		do: func(context.Context) (string, error) {
			if err := os.MkdirAll(place, 0o755); err != nil {
				return "", err
			}
			return "", errors.Join(i.own(place), os.Chmod(place, 0o755))
		},
	}
}

// ours reports whether a file belongs to root; in a test, to the user who runs it. It only says whether a step is done.
// internal/trust decides who else can change the file, when the file is used.
func (i *Installer) ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// own gives a file to root. Root's own group is 0 on either platform (root, wheel).
func (i *Installer) own(place string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(place, 0, 0)
}

// file is the step that gives a path exactly this content. It calls changed if the content differs.
func (i *Installer) file(path string, mode fs.FileMode, open func() (io.ReadCloser, error), changed func()) step {
	place := i.rooted(path)
	return step{
		what: "write " + path,
		needed: func(context.Context) (string, error) {
			why, err := i.differs(place, mode, open)
			if why != "" {
				changed()
			}
			return why, err
		},
		do: func(context.Context) (string, error) {
			source, err := open()
			if err != nil {
				return "", err
			}
			defer source.Close()
			return "", i.replace(place, mode, source)
		},
	}
}

func (i *Installer) differs(place string, mode fs.FileMode, open func() (io.ReadCloser, error)) (why string,
	err error) {
	info, err := os.Lstat(place)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it is not there", nil
	case err != nil:
		return "", err
	case info.IsDir():
		return "", fmt.Errorf("%s is a directory: move it away", place)
	case !info.Mode().IsRegular():
		return "it is not a regular file", nil
	case info.Mode().Perm() != mode || !i.ours(info):
		return fmt.Sprintf("it has mode %04o or another owner", info.Mode().Perm()), nil
	}
	wanted, err := open()
	if err != nil {
		return "", err
	}
	defer wanted.Close()
	present, err := os.Open(place)
	if err != nil {
		return "", err
	}
	defer present.Close()
	same, err := equal(wanted, present)
	if err != nil || same {
		return "", err
	}
	return "its content differs", nil
}

// equal compares two streams.
func equal(a, b io.Reader) (bool, error) {
	const chunk = 64 << 10
	first, second := make([]byte, chunk), make([]byte, chunk)
	for {
		n, errA := io.ReadFull(a, first)
		m, errB := io.ReadFull(b, second)
		if n != m || !bytes.Equal(first[:n], second[:m]) {
			return false, nil
		}
		atEnd := func(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
		switch {
		case atEnd(errA) && atEnd(errB):
			return true, nil
		case errA != nil:
			return false, errA
		case errB != nil:
			return false, errB
		}
	}
}

// replace replaces a file in one step. A running program keeps the file that it was started from. A reader finds the
// old file or the new one, never a mixture.
func (i *Installer) replace(place string, mode fs.FileMode, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	return atomicfile.File{Mode: mode}.Write(atomicfile.Path(filepath.Dir(place)), filepath.Base(place),
		func(file *os.File) error {
			_, err := io.Copy(file, content)
			return errors.Join(err, i.own(file.Name()))
		})
}

// link is the step that points a symbolic link to a target.
func (i *Installer) link(path, target string) step {
	place := i.rooted(path)
	return step{
		what: "link " + path,
		needed: func(context.Context) (string, error) {
			leads, err := os.Readlink(place)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return "it is not there", nil
			case errors.Is(err, syscall.EINVAL):
				return "", fmt.Errorf("%s is there and is not usher's: move it away", path)
			case err != nil:
				return "", err
			case leads != target:
				return "it leads to " + leads, nil
			}
			return "", nil
		},
		do: func(context.Context) (string, error) {
			if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
				return "", err
			}
			new := filepath.Join(filepath.Dir(place), ".usher-new-link")
			if err := os.Remove(new); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
			if err := os.Symlink(target, new); err != nil {
				return "", err
			}
			return "", atomicfile.Rename(new, place)
		},
	}
}

// removal is the step that removes a file, or a directory with its content.
func (i *Installer) removal(path string) step {
	place := i.rooted(path)
	return step{
		what: "remove " + path, continues: true,
		needed: func(context.Context) (string, error) {
			if _, err := os.Lstat(place); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
				return "", nil
			} else if err != nil {
				return "", err
			}
			return "it is there", nil
		},
		do: func(context.Context) (string, error) { return "", os.RemoveAll(place) },
	}
}

// emptied is the step that removes a directory if it is empty.
func (i *Installer) emptied(path string) step {
	one := i.removal(path)
	place := i.rooted(path)
	one.do = func(context.Context) (string, error) {
		if err := os.Remove(place); err != nil {
			return "", fmt.Errorf("it contains something that is not usher's: %w", err)
		}
		return "", nil
	}
	return one
}
