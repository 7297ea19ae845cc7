package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"usher.internal/internal/shell"
)

// MaximumLinks is how many symbolic links are followed on the way, as on Linux. macOS follows 32.
const MaximumLinks = 40

// place is where a path leads.
type place struct {
	// path has no symbolic link in it. Info is nil where nothing is there; then above is the directory that the first
	// missing name is looked up in, and last is true if nothing but that name is missing.
	path, above string
	info        fs.FileInfo
	last        bool
}

// walk follows a path as the kernel does, and checks each directory before it looks up a name in it.
func (p Policy) walk(path string) (place, error) {
	if !filepath.IsAbs(path) {
		return place{}, &Error{Path: path, Component: path, Reason: NotAbsolute, policy: p}
	}
	at := "/"
	info, err := os.Lstat(at)
	if err != nil {
		return place{}, err
	}
	names := split(path)
	for links := 0; len(names) > 0; {
		if !info.IsDir() {
			return place{}, &fs.PathError{Op: "lstat", Path: at, Err: syscall.ENOTDIR}
		}
		open, err := p.leads(path, at, info)
		if err != nil {
			return place{}, err
		}
		name := names[0]
		names = names[1:]
		next := filepath.Join(at, name) // also for "." and "..": there is no link in at
		found, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			missing := place{path: next, above: at, last: len(names) == 0}
			if open {
				return missing, p.refuse(path, next, Missing, info)
			}
			return missing, nil
		}
		if err != nil {
			return place{}, err
		}
		if found.Mode()&fs.ModeSymlink == 0 {
			at, info = next, found
			continue
		}
		if p.noLink && len(names) == 0 {
			return place{}, p.refuse(path, next, Link, found)
		}
		if reason, ok := judge(found, nil); !ok {
			return place{}, p.refuse(path, next, reason, found)
		}
		if links++; links > MaximumLinks {
			return place{}, &fs.PathError{Op: "lstat", Path: path, Err: syscall.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return place{}, err
		}
		if filepath.IsAbs(target) {
			at = "/"
			if info, err = os.Lstat(at); err != nil {
				return place{}, err
			}
		}
		names = append(split(target), names...)
	}
	return place{path: at, info: info, last: true}, nil
}

// split returns the names of a path. Unlike [filepath.Clean] it leaves "..", which after a link is not the directory
// before it.
func split(path string) []string {
	var names []string
	for name := range strings.SplitSeq(path, "/") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// leads returns an error unless a name in the directory leads only where root and our own user want it to. The
// directory is open if others can add names to it, which they cannot replace: it is sticky.
func (p Policy) leads(path, directory string, info fs.FileInfo) (open bool, err error) {
	reason, ok := judge(info, p.above)
	switch {
	case ok:
		return false, nil
	case reason != Owner && info.Mode()&fs.ModeSticky != 0:
		return true, nil
	}
	return false, p.refuse(path, directory, reason, info)
}

// fits returns an error unless the file itself is as the policy wants it.
func (p Policy) fits(path string, found place) error {
	mode := found.info.Mode()
	is := map[kind]bool{
		regularFile: mode.IsRegular(),
		program:     mode.IsRegular() && mode.Perm()&0o111 != 0,
		directory:   mode.IsDir(),
	}
	if !is[p.kind] {
		return p.refuse(path, found.path, Kind, found.info)
	}
	reason, ok := judge(found.info, p.writers)
	if p.corrects && reason != Owner {
		return nil
	}
	if (ok || reason != Owner) && p.private && mode.Perm()&^0o600 != 0 {
		reason, ok = Shared, false
	}
	if !ok {
		return p.refuse(path, found.path, reason, found.info)
	}
	return nil
}

// refuse is the error of a component, with its fix.
func (p Policy) refuse(path, component string, reason Reason, info fs.FileInfo) *Error {
	stat := info.Sys().(*syscall.Stat_t)
	refused := &Error{Path: path, Component: component, Reason: reason, UID: stat.Uid, GID: stat.Gid, Mode: info.Mode(),
		policy: p}
	word := shell.Quote(component)
	switch {
	case p.elsewhere != "" && path != p.elsewhere:
		refused.Fix = fmt.Sprintf("set %s to %s", p.key, p.elsewhere)
	case reason == Owner && os.Geteuid() != 0: // only root can change the owner
	case reason == Owner && info.Mode()&fs.ModeSymlink != 0:
		refused.Fix = "make it root's: chown -h root " + word
	case reason == Owner:
		refused.Fix = "make it root's: chown root " + word
	case reason == Everybody, reason == Group:
		refused.Fix = "run: chmod go-w " + word
	case reason == Shared:
		refused.Fix = "run: chmod 600 " + word
	case reason == Link && p.key != "":
		refused.Fix = fmt.Sprintf("set %s to the path that it leads to, or remove it", p.key)
	case reason == Missing:
		refused.Fix = "use a directory that only root can write to"
	}
	return refused
}
