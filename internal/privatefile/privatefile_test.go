package privatefile_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"usher.internal/internal/privatefile"
)

const limit = 64

// file writes a file with that mode.
func file(t *testing.T, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func owned(t *testing.T, path string, uid int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	if err := os.Chown(path, uid, 0); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesThatAreRead(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(file(t, "secret", 0o600), link); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, want string }{
		"mode 0600":            {file(t, "secret", 0o600), "secret"},
		"mode 0400":            {file(t, "secret", 0o400), "secret"},
		"by a link":            {link, "secret"},
		"with white space":     {file(t, " \n two\nlines \r\n", 0o600), "two\nlines"},
		"exactly at the limit": {file(t, strings.Repeat("x", limit), 0o600), strings.Repeat("x", limit)},
	} {
		content, info, err := privatefile.Read(test.path, limit)
		if err != nil || string(content) != test.want {
			t.Errorf("%s: %q, %v", name, content, err)
			continue
		}
		if is, err := os.Stat(test.path); err != nil || !os.SameFile(info, is) {
			t.Errorf("%s: of another file: %v, %v", name, info, err)
		}
	}
}

// Root's file is not safe in a directory that another user can change, or behind a link that they can change.
func TestFilesThatSomebodyElseCanReplaceAreRefused(t *testing.T) {
	theirs := filepath.Dir(owned(t, file(t, "secret", 0o600), 0))
	link := filepath.Join(t.TempDir(), "link")
	if err := errors.Join(os.Symlink(file(t, "secret", 0o600), link), os.Chown(filepath.Dir(link), 65534, 0)); err !=
		nil {
		t.Fatal(err)
	}
	owned(t, theirs, 65534)
	for name, path := range map[string]string{"in somebody's directory": filepath.Join(theirs, "file"),
		"behind a link in one": link} {
		content, _, err := privatefile.Read(path, limit)
		if err == nil || content != nil || !strings.Contains(err.Error(), filepath.Dir(path)+" belongs to uid 65534") ||
			strings.Contains(err.Error(), path) {
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, says string }{
		"missing":           {filepath.Join(t.TempDir(), "missing"), "no such file"},
		"a link to nowhere": {dangling, "no such file"},
		"below a file":      {filepath.Join(file(t, "secret", 0o600), "below"), "not a directory"},
		"a directory":       {t.TempDir(), "not a regular file"},
		"a pipe":            {pipe, "not a regular file"},
		"a device":          {"/dev/zero", "not a regular file"},
		"somebody else's":   {owned(t, file(t, "secret", 0o600), 65534), "belongs to uid 65534; make it root's"},
		"readable by its group": {file(t, "secret", 0o640),
			"mode is 0640, so others than its owner may use it; run: chmod 600"},
		"readable by everybody": {file(t, "secret", 0o644), "mode is 0644"},
		"writable by everybody": {file(t, "secret", 0o602), "mode is 0602"},
		"to be run":             {file(t, "secret", 0o700), "mode is 0700"},
		"empty":                 {file(t, "", 0o600), "empty"},
		"only white space":      {file(t, " \n\t\r\n", 0o600), "empty"},
		"too large":             {file(t, "secret"+strings.Repeat("x", limit), 0o600), "larger than 64 bytes"},
		// A part within the limit must not pass for the whole.
		"too large by white space": {file(t, strings.Repeat(" ", limit)+"secret", 0o600), "larger than 64 bytes"},
		"cut where there is white space": {file(t, "secret"+strings.Repeat(" ", limit)+"secret", 0o600),
			"larger than 64 bytes"},
	} {
		content, info, err := privatefile.Read(test.path, limit)
		if err == nil || !strings.Contains(err.Error(), test.says) || content != nil || info != nil {
			t.Errorf("%s: %q, %v, %v", name, content, info, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the content is in the error %v", name, err)
		}
		// Only a command that fixes the file names it.
		if strings.Contains(strings.ReplaceAll(err.Error(), "'"+test.path+"'", ""), test.path) {
			t.Errorf("%s: the path is in the error %v", name, err)
		}
	}
}

// The command can be copied, even if the path contains characters that a shell treats specially.
func TestCommandThatFixesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "it's $HOME; file")
	if err := errors.Join(os.WriteFile(path, []byte("secret"), 0o600), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	_, _, err := privatefile.Read(path, limit)
	if err == nil {
		t.Fatal("the file was read")
	}
	_, command, found := strings.Cut(err.Error(), "run: ")
	if !found {
		t.Fatalf("no command: %v", err)
	}
	if output, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, output)
	}
	if content, _, err := privatefile.Read(path, limit); err != nil || string(content) != "secret" {
		t.Errorf("after %s: %q, %v", command, content, err)
	}
}

func TestPathless(t *testing.T) {
	other := errors.New("something else")
	if got := privatefile.Pathless(&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}); got != fs.ErrNotExist {
		t.Errorf("got %v", got)
	}
	if got := privatefile.Pathless(other); got != other {
		t.Errorf("got %v", got)
	}
}
