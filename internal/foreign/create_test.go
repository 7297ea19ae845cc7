package foreign_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"usher.internal/internal/foreign"
)

func page(file *os.File) error {
	_, err := file.WriteString("page")
	return err
}

func TestRootReplacesNothingInAFolderOfAnotherUser(t *testing.T) {
	m := newMac(t)
	at := func(names ...string) string { return filepath.Join(m.folder, filepath.Join(names...)) }
	m.write(at("jane", "there"), "jane's", jane, 0o600)
	m.write(at("shared", "jane"), "jane's", jane, 0o600)
	m.write(at("shared", "root"), "old", 0, 0o600)
	m.write(at("open", "root"), "old", 0, 0o600)
	m.write(at("old"), "old", 0, 0o600)
	m.link(m.secret, at("jane", "link"), jane)
	m.link(at("new-1"), at("jane", "dangling"), jane)
	m.link(m.folder, at("jane", "out"), jane)
	m.link("old", at("link"), 0)
	m.link("new-2", at("dangling"), 0)
	m.link("jane", at("home"), 0)
	m.must(syscall.Mkfifo(at("jane", "pipe"), 0o666), os.Chown(at("jane", "pipe"), jane, jane))

	for _, test := range []struct {
		path string
		// replaced and kept are Create's errors with Replace and, before it, with Keep.
		replaced, kept error
		// made is the path that has the content then.
		made string
	}{
		{"jane/new", fs.ErrExist, nil, "jane/new"},
		{"home/new-3", fs.ErrExist, nil, "jane/new-3"},
		{"jane/there", fs.ErrExist, fs.ErrExist, ""},
		{"jane/pipe", fs.ErrExist, fs.ErrExist, ""},
		{"jane/link", foreign.ErrLink, fs.ErrExist, ""},
		{"jane/dangling", foreign.ErrLink, fs.ErrExist, ""},
		{"jane/out/old", foreign.ErrLink, fs.ErrExist, ""},
		{"jane/out/new", foreign.ErrLink, foreign.ErrLink, ""},
		{"shared/new", nil, nil, "shared/new"},
		{"shared/jane", fs.ErrExist, fs.ErrExist, ""},
		{"shared/root", nil, fs.ErrExist, "shared/root"},
		{"open/new", fs.ErrExist, nil, "open/new"},
		{"open/root", fs.ErrExist, fs.ErrExist, ""},
		{"old", nil, fs.ErrExist, "old"},
		{"link", nil, fs.ErrExist, "old"},
		{"dangling", nil, fs.ErrExist, "new-2"},
		{"shared", syscall.EISDIR, fs.ErrExist, ""},
		{"missing/new", fs.ErrNotExist, fs.ErrNotExist, ""},
	} {
		if err := foreign.Create(at(test.path), 0o640, foreign.Keep, page); !errors.Is(err, test.kept) {
			t.Errorf("%s, kept: %v", test.path, err)
		}
		if err := foreign.Create(at(test.path), 0o640, foreign.Replace, page); !errors.Is(err, test.replaced) {
			t.Errorf("%s, replaced: %v", test.path, err)
		}
		if test.made == "" {
			continue
		}
		content, err := os.ReadFile(at(test.made))
		m.must(err)
		info, err := os.Lstat(at(test.made))
		m.must(err)
		if string(content) != "page" || info.Mode() != 0o640 || info.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Errorf("%s: %q, %s of uid %d", test.path, content, info.Mode(), info.Sys().(*syscall.Stat_t).Uid)
		}
	}
	for path, want := range map[string]string{"secret": "root's secret", "jane/there": "jane's",
		"shared/jane": "jane's", "open/root": "old"} {
		if got, err := os.ReadFile(at(path)); string(got) != want || err != nil {
			t.Errorf("%s has %q, %v", path, got, err)
		}
	}
	if _, err := os.Lstat(at("new-1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link of another user created a new file: %v", err)
	}
	m.nothingUnfinished()
}

// nothingUnfinished fails the test if a temporary file remains.
func (m *mac) nothingUnfinished() {
	m.t.Helper()
	m.must(filepath.WalkDir(m.folder, func(path string, entry fs.DirEntry, err error) error {
		if strings.HasPrefix(entry.Name(), ".") {
			m.t.Errorf("%s remains", path)
		}
		return err
	}))
}

func TestWhatCannotBeWrittenIsNotThere(t *testing.T) {
	m := newMac(t)
	full := errors.New("no space")
	for _, folder := range []string{m.folder, m.home, m.shared, m.open} {
		path := filepath.Join(folder, "page")
		err := foreign.Create(path, 0o600, foreign.Replace, func(file *os.File) error {
			return errors.Join(page(file), full)
		})
		if !errors.Is(err, full) {
			t.Errorf("%s: %v", folder, err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s exists: %v", path, err)
		}
	}
	m.nothingUnfinished()
}

func TestResolve(t *testing.T) {
	m := newMac(t)
	m.link("jane", filepath.Join(m.folder, "home"), 0)
	m.link(m.secret, filepath.Join(m.home, "link"), jane)
	if end, there, err := foreign.Resolve(m.folder + "/home/new"); end != m.home+"/new" || there != nil || err != nil {
		t.Errorf("a new file: %s, %v, %v", end, there, err)
	}
	if end, there, err := foreign.Resolve(m.folder + "/home"); end != m.home || there == nil || !there.IsDir() ||
		err != nil {
		t.Errorf("a folder: %s, %v, %v", end, there, err)
	}
	if _, _, err := foreign.Resolve(m.home + "/link"); !errors.Is(err, foreign.ErrLink) {
		t.Errorf("a link: %v", err)
	}
}

// Root writes into no pipe or device that a user has put somewhere.
func TestOpenWritable(t *testing.T) {
	m := newMac(t)
	for _, folder := range []string{m.folder, m.home} {
		m.must(syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600))
	}
	m.link("/dev/full", filepath.Join(m.home, "device"), jane)
	m.link("/dev/full", filepath.Join(m.folder, "device"), 0)
	for path, want := range map[string]error{
		"pipe": syscall.ENXIO, "device": nil, "jane/pipe": fs.ErrExist, "jane/device": foreign.ErrLink, "secret": nil,
		"missing": fs.ErrNotExist,
	} {
		file, err := foreign.OpenWritable(filepath.Join(m.folder, path))
		if path == "secret" {
			if err == nil {
				t.Error("a file was opened")
			}
			continue
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil {
			file.Close()
		}
	}
}
