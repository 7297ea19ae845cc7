//go:build linux

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// storyWithin limits the whole story, including two boots of the computer.
const storyWithin = 6 * time.Minute

// exitReboot is the exit code of systemd-nspawn --keep-unit when the computer is to reboot.
const exitReboot = 133

// TestLifeCycle boots a computer that plays the story; each reboot interrupts it.
func TestLifeCycle(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test boots systemd and needs root; `sudo make test` runs it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), storyWithin)
	defer cancel()
	programs, out := t.TempDir(), t.TempDir()
	build(ctx, t, programs)
	buildDebian(ctx, t, filepath.Join(programs, "debian"))
	root, written := overlay(t)
	layOut(t, root)
	for starts := 1; ; starts++ {
		exitCode := boot(ctx, t, root, programs, out)
		if exitCode != exitReboot || starts > 5 {
			break
		}
	}
	log, _ := os.ReadFile(filepath.Join(out, "log.txt"))
	result, err := os.ReadFile(filepath.Join(out, "result.txt"))
	if string(result) != "it all went well\n" {
		console, _ := os.ReadFile(filepath.Join(out, "console.log"))
		t.Fatalf("the story did not end well: %s (%v)\nits log:\n%s\nthe end of the console:\n%s", result, err, log,
			end(console))
	}
	t.Logf("the story:\n%s", log)
	for _, path := range added(t, written) {
		t.Errorf("usher has left %s", path)
	}
}

// notUshers are paths that the people, the stand-ins and the system have created meanwhile, as prefixes; "*" is one
// name.
var notUshers = []string{
	"/home/*/.config", "/home/*/.local/share/keyrings", "/home/*/Library/Logs/Company Portal", "/home/*/.cache",
	"/home/*/portal-runs", "/home/*/sign-in",
	"/home/*/.bash", "/home/*/.profile", "/opt/companyportal", "/usr/local/jamf", "/var/lib/jamf-received",
	"/etc/systemd/system/story.service", "/etc/systemd/system/multi-user.target.wants/story.service",
	"/etc/systemd/system/default.target",
	"/var/log", "/var/lib", "/var/cache", "/var/tmp/systemd-private", "/tmp", "/out", "/programs", "/root", "/etc",
}

// added returns the new files, without those that are not usher's. Of the system's own directories, where much changes,
// it returns files that are named for usher.
func added(t *testing.T, written string) (paths []string) {
	t.Helper()
	must(t, filepath.WalkDir(written, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		there := "/" + strings.TrimPrefix(strings.TrimPrefix(path, written), "/")
		if entry.Type()&fs.ModeCharDevice != 0 { // a character device in overlayfs is a removed file
			return nil
		}
		if _, err := os.Lstat(there); err == nil && !strings.Contains(filepath.Base(there), "usher") {
			return nil
		}
		if !strings.Contains(strings.ToLower(there), "usher") &&
			slices.ContainsFunc(notUshers, func(beginning string) bool { return within(there, beginning) }) {
			return nil
		}
		if entry.IsDir() && strings.HasPrefix(there, "/home/") && !strings.Contains(there, "usher") {
			return nil // each entry in it is compared
		}
		paths = append(paths, there)
		return nil
	}))
	return slices.DeleteFunc(paths, func(path string) bool { return within(path, "/home/*/.config/usher-sim") })
}

// within reports whether a path begins like that, with "*" as any one name.
func within(path, beginning string) bool {
	names, wanted := strings.Split(path, "/"), strings.Split(beginning, "/")
	if len(names) < len(wanted) {
		return false
	}
	for i, name := range wanted {
		if name != "*" && name != names[i] && !(i == len(wanted)-1 && strings.HasPrefix(names[i], name)) {
			return false
		}
	}
	return true
}

func end(text []byte) string { return string(text[max(0, len(text)-4000):]) }

// build builds the programs in two versions, the stand-ins, and the story.
func build(ctx context.Context, t *testing.T, directory string) {
	t.Helper()
	version := func(version string) []string {
		return []string{"-ldflags", "-X usher.internal/internal/version.number=" + version}
	}
	for _, one := range []struct {
		output, path string
		flags        []string
	}{
		{"v1/usherd", "cmd/usherd", version("1.0.0")}, {"v1/usher-agent", "cmd/usher-agent", version("1.0.0")},
		{"v1/usherctl", "cmd/usherctl", version("1.0.0")},
		{"v2/usherd", "cmd/usherd", version("2.0.0")}, {"v2/usher-agent", "cmd/usher-agent", version("2.0.0")},
		{"v2/usherctl", "cmd/usherctl", version("2.0.0")},
		{"companyportal", "sim/companyportal", nil}, {"story", "e2e/lifecycle/story", nil},
	} {
		arguments := append([]string{"build", "-trimpath", "-tags", "grpcnotrace", "-o",
			filepath.Join(directory, one.output)}, one.flags...)
		command := exec.CommandContext(ctx, "go", append(arguments, "usher.internal/"+one.path)...)
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", one.output, err, output)
		}
	}
}

// buildDebian builds the Debian package of two versions.
func buildDebian(ctx context.Context, t *testing.T, directory string) {
	t.Helper()
	must(t, os.MkdirAll(directory, 0o755))
	for _, version := range []string{"3.0.0", "4.0.0"} {
		output := filepath.Join(t.TempDir(), "dist")
		dist := exec.CommandContext(ctx, "../../scripts/dist", output)
		dist.Env = append(os.Environ(), "USHER_TARGETS=linux/amd64", "USHER_VERSION="+version)
		if text, err := dist.CombinedOutput(); err != nil {
			t.Fatalf("build the Debian package: %v\n%s", err, text)
		}
		name := "usher_" + version + "_amd64.deb"
		must(t, os.Rename(filepath.Join(output, name), filepath.Join(directory, name)))
	}
}

// overlay lays a file system over the machine's own. Writes go into memory, where the directory written holds them.
func overlay(t *testing.T) (root, written string) {
	t.Helper()
	base := t.TempDir()
	memory := filepath.Join(base, "memory")
	root = filepath.Join(base, "root")
	mount := func(source, target, kind, options string) {
		if err := unix.Mount(source, target, kind, 0, options); err != nil {
			t.Fatalf("mount %s on %s: %v", kind, target, err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
				t.Errorf("unmount %s: %v", target, err)
			}
		})
	}
	must(t, os.Mkdir(memory, 0o755), os.Mkdir(root, 0o755))
	mount("usher-e2e", memory, "tmpfs", "mode=0755")
	upper, work := filepath.Join(memory, "upper"), filepath.Join(memory, "work")
	must(t, os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755))
	mount("overlay", root, "overlay", fmt.Sprintf("lowerdir=/,upperdir=%s,workdir=%s", upper, work))
	return root, upper
}

// storyUnit has systemd run the story after the start.
const storyUnit = `[Unit]
After=basic.target dbus.service systemd-logind.service
[Service]
Type=oneshot
ExecStart=/programs/story
ExecStopPost=/bin/sh -c 'test -e /run/story-reboots || systemctl poweroff --no-block'
TimeoutStartSec=infinity
`

// layOut makes a computer of the root that boots into the story.
func layOut(t *testing.T, root string) {
	t.Helper()
	units := filepath.Join(root, "etc/systemd/system")
	// This machine can have its own.
	for _, path := range []string{"var/log/journal", "var/lib/usher", "etc/usher", "usr/libexec/usher"} {
		must(t, os.RemoveAll(filepath.Join(root, path)))
	}
	must(t,
		os.MkdirAll(filepath.Join(units, "multi-user.target.wants"), 0o755),
		os.WriteFile(filepath.Join(units, "story.service"), []byte(storyUnit), 0o644),
		symlink("../story.service", filepath.Join(units, "multi-user.target.wants/story.service")),
		symlink("/lib/systemd/system/multi-user.target", filepath.Join(units, "default.target")))
}

func symlink(target, path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(target, path)
}

// boot boots the computer and returns systemd-nspawn's exit code.
func boot(ctx context.Context, t *testing.T, root, programs, out string) (exitCode int) {
	t.Helper()
	console, err := os.OpenFile(filepath.Join(out, "console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(t, err)
	defer console.Close()
	nspawn := exec.CommandContext(ctx, "systemd-nspawn", "--quiet", "--directory", root, "--register=no", "--keep-unit",
		"--private-network",
		"--machine=usher-e2e", "--bind-ro="+programs+":/programs", "--bind="+out+":/out", "--boot")
	nspawn.Stdout, nspawn.Stderr = console, console
	nspawn.Cancel = func() error { return nspawn.Process.Signal(unix.SIGTERM) }
	nspawn.WaitDelay = 20 * time.Second
	err = nspawn.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	must(t, err)
	return 0
}

func must(t *testing.T, problems ...error) {
	t.Helper()
	if err := errors.Join(problems...); err != nil {
		t.Fatal(strings.TrimSpace(err.Error()))
	}
}
