package logfile_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"usher.internal/internal/logfile"
)

// has fails the test unless a file has that mode, and belongs to root and the group of admins.
func has(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Error(err)
		return
	}
	stat := info.Sys().(*syscall.Stat_t)
	if info.Mode().Perm() != mode || stat.Uid != 0 || int(stat.Gid) != logfile.AdminGroup(runtime.GOOS) {
		t.Errorf("%s has mode %04o and belongs to %d:%d, want %04o", path, info.Mode().Perm(), stat.Uid, stat.Gid, mode)
	}
}

// An upgrade removes others' access to files of an earlier version: the folder, the log and the rotated logs. Root
// creates new ones without that access.
func TestRootsLogIsClosedToUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	base := t.TempDir()
	folder := filepath.Join(base, "Logs", "usher")
	made := filepath.Join(folder, "usherd.log")
	open(t, made, 0)
	has(t, folder, 0o750)
	has(t, made, 0o640)

	older := filepath.Join(base, "older", "usher")
	if err := os.MkdirAll(older, 0o755); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(base, "outside")
	for _, path := range []string{"usherd.log", "usherd.log.0.bz2", "usherd.log.1.bz2", "install.log"} {
		if err := os.WriteFile(filepath.Join(older, path), []byte("x\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(older, path), 0, 4711); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(outside, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(older, "link.log")); err != nil {
		t.Fatal(err)
	}
	if why, err := logfile.Loose(older, 0); err != nil || why == "" {
		t.Errorf("no report that everybody can read it: %v", err)
	}
	log := open(t, filepath.Join(older, "usherd.log"), 0)
	for _, path := range []string{"usherd.log", "usherd.log.0.bz2", "usherd.log.1.bz2", "install.log"} {
		has(t, filepath.Join(older, path), 0o640)
	}
	has(t, older, 0o750)
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the target of a link has changed: %v, %v", info.Mode(), err)
	}
	if why, err := logfile.Loose(older, logfile.AdminGroup(runtime.GOOS)); err != nil || why != "" {
		t.Errorf("after that: %q, %v", why, err)
	}
	// An earlier configuration of newsyslog has moved it away, and created one that everybody can read.
	path := filepath.Join(older, "usherd.log")
	if err := os.Rename(path, path+".0"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, log, "one")
	has(t, path, 0o640)
}

// A folder that is not usher's remains unchanged.
func TestFolderOfOthersStaysOpen(t *testing.T) {
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(folder, "other.log")
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, filepath.Join(folder, "usherd.log"), 0)
	for path, mode := range map[string]os.FileMode{folder: 0o755, other: 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
}

// Root does not change another user's folder.
func TestFolderOfAnotherUserIsRefused(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "usher")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, 4711, 4711); err != nil {
		t.Fatal("this test needs root: ", err)
	}
	if log, err := logfile.Open(filepath.Join(folder, "usherd.log"), 0); err == nil {
		log.Close()
		t.Error("it was opened")
	}
}
