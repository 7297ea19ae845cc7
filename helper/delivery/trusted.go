package delivery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrUntrusted says that others than root could have the helper run something else.
var ErrUntrusted = errors.New("executable is not trusted")

// TrustedExecutable returns the file behind path, all symbolic links resolved, if only root or our own user can put
// another one in its place: neither it nor a directory above it belongs to anybody else or can be written by others. Run what
// is returned, not path, for a link on the way (/usr/local/bin/jamf is one) may be in a directory that others can write to.
//
// Errors wrap [ErrUntrusted], or are those of the file system.
func TrustedExecutable(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%w: %q is not an absolute path", ErrUntrusted, path)
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	info, err := os.Lstat(resolved)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return "", fmt.Errorf("%w: %s is not an executable file", ErrUntrusted, resolved)
	}
	for part := resolved; ; part = filepath.Dir(part) {
		if info, err = os.Lstat(part); err != nil {
			return "", err
		}
		if reason := changeable(info); reason != "" {
			return "", fmt.Errorf("%w: %s %s, who could have root run something else; see jamf.executable", ErrUntrusted, part, reason)
		}
		if part == filepath.Dir(part) {
			return resolved, nil
		}
	}
}

// changeable says who else than root and our own user can change the file or what is in the directory; "" when nobody can.
func changeable(info fs.FileInfo) string {
	stat := info.Sys().(*syscall.Stat_t)
	if stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to uid %d", stat.Uid)
	}
	// In a sticky directory others can add files, but not replace ours.
	if info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
		return ""
	}
	switch mode := info.Mode().Perm(); {
	case mode&0o002 != 0:
		return fmt.Sprintf("can be written by everybody (mode %04o)", mode)
	case mode&0o020 != 0 && stat.Gid != 0:
		return fmt.Sprintf("can be written by group %d (mode %04o)", stat.Gid, mode)
	}
	return ""
}
