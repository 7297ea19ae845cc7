package foreign_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"usher.internal/internal/asuser"
	"usher.internal/internal/foreign"
)

// A user's own links are followed, but no path leads out of the folder that is the border.
func TestAnyoneButRootFollowsTheirLinks(t *testing.T) {
	m := newMac(t)
	m.write(filepath.Join(m.home, "own.log"), "jane's", jane, 0o600)
	m.write(filepath.Join(m.open, "public.log"), "public", john, 0o644)
	m.link("own.log", filepath.Join(m.home, "alias.log"), jane)
	m.link(filepath.Join(m.open, "public.log"), filepath.Join(m.home, "out.log"), jane)
	m.link(m.open, filepath.Join(m.home, "out"), jane)
	m.link(m.secret, filepath.Join(m.home, "secret.log"), jane)
	m.link("made", filepath.Join(m.home, "dangling"), jane)
	asuser.Run(t, syscall.Credential{Uid: jane, Gid: jane}, "TestAsJane", m.folder)
	if info, err := os.Lstat(filepath.Join(m.home, "made")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("no file at the target of Jane's link: %v", err)
	}
}

func TestAsJane(t *testing.T) {
	folder := asuser.Folder()
	if folder == "" {
		return // it runs in the process that the test above starts
	}
	home := filepath.Join(folder, "jane")
	below := foreign.Opener{Below: home}
	for path, want := range map[string]struct{ opened, below bool }{
		"own.log": {true, true}, "alias.log": {true, true}, "out.log": {true, false}, "out/public.log": {true, false},
		"secret.log": {false, false}, "missing": {false, false},
	} {
		for _, test := range []struct {
			opener foreign.Opener
			want   bool
		}{{foreign.Opener{}, want.opened}, {below, want.below}} {
			file, _, err := test.opener.Open(filepath.Join(home, path))
			if (err == nil) != test.want {
				t.Errorf("%s, %+v: %v", path, test.opener, err)
			}
			if err == nil {
				file.Close()
			}
		}
	}
	if _, err := below.OpenFolder(home + "/out"); err == nil {
		t.Error("a link out of the folder was opened")
	}
	inner, err := foreign.OpenFolder(home + "/out")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inner.Stat("public.log"); err != nil {
		t.Error(err)
	}
	for _, existing := range []foreign.Existing{foreign.Replace, foreign.Replace} { // new, and then again
		if err := foreign.Create(home+"/dangling", 0o600, existing, page); err != nil {
			t.Error(err)
		}
	}
	if err := foreign.Create(home+"/made", 0o600, foreign.Keep, page); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	if err := errors.Join(inner.Close()); err != nil {
		t.Error(err)
	}
}
