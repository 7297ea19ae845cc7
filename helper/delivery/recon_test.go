package delivery_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/helper/delivery"
)

// jamf writes a stand-in for the jamf binary, a shell script, and returns its path.
func jamf(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jamf")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func recon(ctx context.Context, path string) error {
	return delivery.Recon(path, nil).Deliver(ctx, report("a", 501))
}

func isRefused(err error) bool {
	_, ok := errors.AsType[*delivery.RefusedError](err)
	return ok
}

func TestReconRunsInACleanEnvironment(t *testing.T) {
	t.Setenv("USHER_TEST_LEAK", "leaked")
	seen := filepath.Join(t.TempDir(), "seen")
	if err := recon(t.Context(), jamf(t, `{ echo "arguments $*"; echo "in $PWD"; cat; env; } > `+seen)); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	if lines[0] != "arguments recon" || lines[1] != "in /" {
		t.Errorf("run with %q", lines[:2])
	}
	var names []string
	for _, line := range lines[2:] {
		name, value, _ := strings.Cut(line, "=")
		names = append(names, name)
		if name == "PATH" && value != "/usr/bin:/bin:/usr/sbin:/sbin" {
			t.Errorf("PATH is %q", value)
		}
	}
	slices.Sort(names)
	if names = slices.DeleteFunc(names,
		func(name string) bool {
			return name == "_" || name == "PWD" || name == "SHLVL" ||
				name == "OLDPWD"
		}); !slices.Equal(names, []string{"HOME", "LANG", "PATH"}) {
		t.Errorf("environment: %v", names)
	}
}

func TestReconThatFailsIsTransientAndSaysItsLastLine(t *testing.T) {
	err := recon(t.Context(), jamf(t,
		`head -c 100000 /dev/zero | tr '\0' 'x'; echo; echo 'Error running recon: Connection failure: "The request `+
			`timed out."' >&2; echo; exit 3`))
	if err == nil || isRefused(err) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"run jamf recon", "exit status 3", "The request timed out."} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	if len(err.Error()) > 1000 {
		t.Errorf("%d bytes of error", len(err.Error()))
	}
}

func TestReconThatIsKilledIsTransient(t *testing.T) {
	err := recon(t.Context(), jamf(t, "kill -9 $$"))
	if err == nil || isRefused(err) || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v", err)
	}
}

func TestMissingJamfIsTransient(t *testing.T) {
	err := recon(t.Context(), "/nonexistent/jamf")
	if !errors.Is(err, fs.ErrNotExist) || isRefused(err) ||
		!strings.Contains(err.Error(), "/nonexistent/jamf is not there") {
		t.Errorf("got %v", err)
	}
}

// usherd may end because of an upgrade that jamf itself runs: jamf continues, also with its output.
func TestReconOutlivesTheHelper(t *testing.T) {
	directory := t.TempDir()
	fifo, result := filepath.Join(directory, "fifo"), filepath.Join(directory, "result")
	for _, path := range []string{fifo, result} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- recon(ctx, jamf(t, "read line < "+fifo+" && echo much to say && echo it continues > "+result))
	}()
	input, err := os.OpenFile(fifo, os.O_WRONLY, 0) // returns when jamf has opened it
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := io.WriteString(input, "go on\n"); err != nil {
		t.Fatal(err)
	}
	input.Close()
	if content, err := os.ReadFile(result); err != nil || string(content) != "it continues\n" {
		t.Errorf("%q, %v", content, err)
	}
}

// An upgrade of usher that a run of jamf started must outlive that run, and does not delay the delivery.
func TestWhatReconLeavesBehindLives(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	began := time.Now()
	if err := recon(t.Context(), jamf(t, "sleep 300 & echo $! > "+pidFile)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("took %v", took)
	}
	content, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}

func TestExecutableThatOthersCanChangeIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	ran := filepath.Join(t.TempDir(), "ran")
	cases := map[string]struct {
		spoil func(t *testing.T, path string) string
		says  string
	}{
		"somebody else's": {func(t *testing.T, path string) string { return path + must(t, os.Chown(path, 65534, 0)) },
			"belongs to uid 65534"},
		"world-writable": {func(t *testing.T, path string) string { return path + must(t, os.Chmod(path, 0o757)) },
			"written by everybody"},
		"group-writable": {func(t *testing.T, path string) string {
			return path + must(t, os.Chown(path, 0, 20)) + must(t, os.Chmod(path, 0o775))
		}, "written by group 20"},
		"in somebody else's directory": {
			func(t *testing.T, path string) string { return path + must(t, os.Chown(filepath.Dir(path), 65534, 0)) },
			"belongs to uid 65534"},
		"in a world-writable directory": {
			func(t *testing.T, path string) string { return path + must(t, os.Chmod(filepath.Dir(path), 0o777)) },
			"written by everybody"},
		"behind a link, somebody else's": {func(t *testing.T, path string) string {
			link := filepath.Join(t.TempDir(), "link")
			return link + must(t, os.Symlink(path, link)) + must(t, os.Chown(path, 65534, 0))
		}, "belongs to uid 65534"},
		"not executable": {func(t *testing.T, path string) string { return path + must(t, os.Chmod(path, 0o644)) },
			"not an executable file"},
		"directory": {func(_ *testing.T, path string) string { return filepath.Dir(path) },
			"not an executable file"},
		"relative": {func(*testing.T, string) string { return "jamf" }, "not an absolute path"},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			path := one.spoil(t, jamf(t, "touch "+ran))
			err := recon(t.Context(), path)
			if !isRefused(err) || !strings.Contains(err.Error(), one.says) ||
				!strings.Contains(err.Error(), filepath.Base(path)) &&
					!strings.Contains(err.Error(), filepath.Dir(path)) && name != "behind a link, somebody else's" {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := os.Stat(ran); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one of them was run: %v", err)
	}
}

// Jamf installs /usr/local/bin/jamf as a link. Its target is run, as long as root owns the directory of the link.
func TestLinkOfRootIsResolvedFirst(t *testing.T) {
	directory := t.TempDir()
	link := filepath.Join(directory, "jamf")
	must(t, os.Symlink(jamf(t, `case "$0" in `+directory+`*) exit 9;; esac`), link))
	if err := recon(t.Context(), link); err != nil {
		t.Error(err)
	}
}

// On some Macs a user owns the directory of the link, and can make it lead to /usr/bin/env.
func TestLinkInAForeignDirectoryIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	directory := t.TempDir()
	link := filepath.Join(directory, "jamf")
	must(t, os.Symlink("/usr/bin/env", link))
	must(t, os.Chown(directory, 65534, 65534))
	err := recon(t.Context(), link)
	for _, says := range []string{directory + " belongs to uid 65534",
		"set jamf.executable to /usr/local/jamf/bin/jamf"} {
		if !isRefused(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
}

func must(t *testing.T, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return ""
}
