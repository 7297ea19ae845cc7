package foreign_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"usher.internal/internal/foreign"
)

// actsAsJane is set to the Mac's folder in the process that runs as Jane.
const actsAsJane = "FOREIGN_TEST_FOLDER"

// A user's own links lead where they lead; out of a folder that was named as the border, nothing does.
func TestAnyoneButRootFollowsTheirLinks(t *testing.T) {
	m := newMac(t)
	m.write(filepath.Join(m.home, "own.log"), "jane's", jane, 0o600)
	m.write(filepath.Join(m.open, "public.log"), "public", john, 0o644)
	m.link("own.log", filepath.Join(m.home, "alias.log"), jane)
	m.link(filepath.Join(m.open, "public.log"), filepath.Join(m.home, "out.log"), jane)
	m.link(m.open, filepath.Join(m.home, "out"), jane)
	m.link(m.secret, filepath.Join(m.home, "secret.log"), jane)
	m.link("made", filepath.Join(m.home, "dangling"), jane)
	// The program of the test is where only root can read it.
	program := filepath.Join(m.folder, "test")
	self, err := os.Executable()
	m.must(err)
	content, err := os.ReadFile(self)
	m.must(err, os.WriteFile(program, content, 0o755))
	m.must(os.Chmod(filepath.Dir(m.folder), 0o755)) // which is only its maker's
	command := exec.CommandContext(t.Context(), program, "-test.run=^TestAsJane$", "-test.v")
	command.Env = []string{actsAsJane + "=" + m.folder, "GORACE=" + os.Getenv("GORACE")}
	command.Dir = m.folder
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: jane, Gid: jane}}
	said, err := command.CombinedOutput()
	if err != nil || !bytes.Contains(said, []byte("--- PASS: TestAsJane")) {
		t.Fatalf("%v: %s", err, said)
	}
	if info, err := os.Lstat(filepath.Join(m.home, "made")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("what Jane's link leads to was not made: %v", err)
	}
}

func TestAsJane(t *testing.T) {
	folder := os.Getenv(actsAsJane)
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
