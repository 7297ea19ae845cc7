package trust_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"usher.internal/internal/asuser"
	"usher.internal/internal/trust"
)

// stranger is a user who is neither root nor the user of the tests.
const stranger = 65534

// folder is a directory of root's for one test.
func folder(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	resolved, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	return resolved
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// program writes an executable file and returns its path.
func program(t *testing.T, path string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755))
	return path
}

func link(t *testing.T, target, path string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(target, path))
	return path
}

// want fails the test unless the error is about the component and has the reason.
func want(t *testing.T, err error, component string, reason trust.Reason) {
	t.Helper()
	refused, ok := errors.AsType[*trust.Error](err)
	if !ok || !errors.Is(err, trust.ErrUntrusted) || refused.Component != component || refused.Reason != reason {
		t.Errorf("got %v, want reason %d for %s", err, reason, component)
	}
}

// A check of only the target's directories would accept each of these.
func TestEveryDirectoryOfEveryLinkIsChecked(t *testing.T) {
	for name, test := range map[string]struct {
		// lay makes files below root. It returns the path to check and the part of it that belongs to a stranger.
		lay func(t *testing.T, root string) (path, strangers string)
	}{
		"the directory of the link": {func(t *testing.T, root string) (string, string) {
			return link(t, program(t, root+"/good/jamf"), root+"/bin/jamf"), root + "/bin"
		}},
		"a directory above that of the link": {func(t *testing.T, root string) (string, string) {
			return link(t, program(t, root+"/good/jamf"), root+"/local/bin/jamf"), root + "/local"
		}},
		"the link itself": {func(t *testing.T, root string) (string, string) {
			path := link(t, program(t, root+"/good/jamf"), root+"/bin/jamf")
			return path, path
		}},
		"the directory of a second link": {func(t *testing.T, root string) (string, string) {
			second := link(t, program(t, root+"/good/jamf"), root+"/second/jamf")
			return link(t, second, root+"/bin/jamf"), root + "/second"
		}},
		"the directory of a relative link": {func(t *testing.T, root string) (string, string) {
			program(t, root+"/good/jamf")
			link(t, "../good/jamf", root+"/second/jamf")
			return link(t, "../second/jamf", root+"/bin/jamf"), root + "/second"
		}},
		"a directory that is a link": {func(t *testing.T, root string) (string, string) {
			program(t, root+"/good/bin/jamf")
			link(t, root+"/good", root+"/theirs/local")
			return root + "/theirs/local/bin/jamf", root + "/theirs"
		}},
		"a directory before ..": {func(t *testing.T, root string) (string, string) {
			program(t, root+"/jamf")
			must(t, os.Mkdir(root+"/theirs", 0o755))
			return root + "/theirs/../jamf", root + "/theirs"
		}},
		"what .. leads to after a link": {func(t *testing.T, root string) (string, string) {
			program(t, root+"/good/jamf")
			must(t, os.MkdirAll(root+"/theirs/below", 0o755))
			program(t, root+"/theirs/jamf")
			link(t, root+"/theirs/below", root+"/good/way")
			return root + "/good/way/../jamf", root + "/theirs"
		}},
		"the program": {func(t *testing.T, root string) (string, string) {
			path := program(t, root+"/good/jamf")
			return path, path
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path, strangers := test.lay(t, folder(t))
			for _, policy := range []trust.Policy{trust.Jamf, trust.Program, trust.Agent, trust.Portal} {
				if _, err := policy.Check(path); err != nil {
					t.Fatalf("%v: refused before it belongs to a stranger: %v", policy, err)
				}
			}
			must(t, os.Lchown(strangers, stranger, stranger))
			for _, policy := range []trust.Policy{trust.Jamf, trust.Program, trust.Agent, trust.Portal} {
				resolved, err := policy.Check(path)
				want(t, err, strangers, trust.Owner)
				if resolved != "" {
					t.Errorf("%v returns %s", policy, resolved)
				}
			}
		})
	}
}

// The returned path is the one that the kernel reaches, without a link.
func TestWhatIsReturnedHasNoLink(t *testing.T) {
	root := folder(t)
	target := program(t, root+"/good/bin/jamf")
	link(t, "good/bin", root+"/way")
	link(t, root+"/way/../bin/./jamf", root+"/jamf")
	got, err := trust.Jamf.Check(root + "//jamf")
	if err != nil || got != target {
		t.Errorf("%s, %v; want %s", got, err, target)
	}
	if kernel, err := filepath.EvalSymlinks(root + "/jamf"); err != nil || kernel != target {
		t.Errorf("the kernel reaches %s, %v", kernel, err)
	}
}

func TestLinksWithoutEnd(t *testing.T) {
	root := folder(t)
	link(t, "b", root+"/a")
	link(t, "a", root+"/b")
	if _, err := trust.Jamf.Check(root + "/a"); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("got %v", err)
	}
	if err := trust.State.TakeDirectory(root+"/a/state", 0o700); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("got %v", err)
	}
}

// A sticky directory prevents others from replacing root's files. It does not prevent them from making missing ones.
func TestStickyDirectories(t *testing.T) {
	root := folder(t)
	open := root + "/tmp"
	must(t, os.Mkdir(open, 0o755), os.Chmod(open, 0o777|fs.ModeSticky))
	good := program(t, root+"/good/jamf")
	if _, err := trust.Jamf.Check(program(t, open+"/jamf")); err != nil {
		t.Error(err)
	}
	if _, err := trust.Jamf.Check(link(t, good, open+"/ours")); err != nil {
		t.Error(err)
	}
	theirs := link(t, good, open+"/theirs")
	must(t, os.Lchown(theirs, stranger, stranger))
	_, err := trust.Jamf.Check(theirs)
	want(t, err, theirs, trust.Owner)
	_, err = trust.Jamf.Check(open + "/missing")
	want(t, err, open+"/missing", trust.Missing)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not say that the file is missing", err)
	}
	// Without the sticky bit it protects nothing.
	must(t, os.Chmod(open, 0o777))
	_, err = trust.Jamf.Check(open + "/jamf")
	want(t, err, open, trust.Everybody)
}

func TestWhatIsMissing(t *testing.T) {
	root := folder(t)
	for _, path := range []string{root + "/missing", root + "/missing/jamf", link(t, "nowhere", root+"/link")} {
		if _, err := trust.Jamf.Check(path); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, trust.ErrUntrusted) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := trust.Jamf.Check(program(t, root+"/jamf") + "/below"); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("got %v", err)
	}
	if _, err := trust.Jamf.Check("jamf"); !errors.Is(err, trust.ErrUntrusted) {
		t.Errorf("a relative path: %v", err)
	}
}

func TestErrorsNameTheFix(t *testing.T) {
	root := folder(t)
	path := link(t, program(t, root+"/good/jamf"), root+"/it's bin/jamf")
	must(t, os.Chown(root+"/it's bin", stranger, 0))
	_, err := trust.Jamf.Check(path)
	for _, text := range []string{root + "/it's bin belongs to uid 65534", "root run another program",
		"set jamf.executable to /usr/local/jamf/bin/jamf"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v does not say %q", err, text)
		}
	}
	_, err = trust.Program.Check(path)
	if want := `chown root '` + root + `/it'\''s bin'`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %s", err, want)
	}
	must(t, os.Chown(root+"/it's bin", 0, 20), os.Chmod(root+"/it's bin", 0o775))
	_, err = trust.Program.Check(path)
	if err == nil || !strings.Contains(err.Error(), "can be written by group 20 (mode 0775)") ||
		!strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("got %v", err)
	}
}

func TestDirectoriesAreMadeAndTaken(t *testing.T) {
	for name, policy := range map[string]trust.Policy{"sockets": trust.Sockets, "state": trust.State} {
		t.Run(name, func(t *testing.T) {
			root := folder(t)
			open := root + "/tmp"
			must(t, os.Mkdir(open, 0o755), os.Chmod(open, 0o777|fs.ModeSticky))
			for _, path := range []string{root + "/var/new/usher", open + "/usher",
				link(t, root+"/var", root+"/way") + "/usher"} {
				for range 2 {
					must(t, policy.TakeDirectory(path, 0o700))
					if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeDir|0o700 {
						t.Errorf("%s: %v, %v", path, info, err)
					}
				}
			}
			wide := root + "/wide"
			must(t, os.Mkdir(wide, 0o755), os.Chmod(wide, 0o777))
			must(t, policy.TakeDirectory(wide, 0o755))
			if info, err := os.Lstat(wide); err != nil || info.Mode() != fs.ModeDir|0o755 {
				t.Errorf("%v, %v", info, err)
			}

			victim := root + "/victim"
			must(t, os.Mkdir(victim, 0o755))
			theirs := open + "/theirs"
			must(t, os.Mkdir(theirs, 0o755), os.Chown(theirs, stranger, stranger))
			below := root + "/below"
			must(t, os.Mkdir(below, 0o755), os.Chown(below, stranger, stranger))
			file := program(t, root+"/file")
			for path, why := range map[string]struct {
				component string
				reason    trust.Reason
			}{
				theirs:                            {theirs, trust.Owner},
				below + "/usher":                  {below, trust.Owner},
				link(t, victim, root+"/link"):     {root + "/link", trust.Link},
				link(t, root+"/no", root+"/dark"): {root + "/dark", trust.Link},
				file:                              {file, trust.Kind},
			} {
				err := policy.TakeDirectory(path, 0o700)
				want(t, err, why.component, why.reason)
			}
			if info, err := os.Lstat(victim); err != nil || info.Mode() != fs.ModeDir|0o755 {
				t.Errorf("behind the link: %v, %v", info, err)
			}
		})
	}
}

// A directory that is not usher's own keeps its mode, and is refused if its mode is too wide.
func TestMakeDirectoryCorrectsNothing(t *testing.T) {
	root := folder(t)
	must(t, trust.LogDirectory.MakeDirectory(root+"/new/logs", 0o755))
	must(t, os.Chmod(root+"/new/logs", 0o711), trust.LogDirectory.MakeDirectory(root+"/new/logs", 0o755))
	if info, err := os.Lstat(root + "/new/logs"); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("%v, %v", info, err)
	}
	for _, mode := range []fs.FileMode{0o777, 0o777 | fs.ModeSticky} {
		must(t, os.Chmod(root+"/new/logs", mode))
		err := trust.LogDirectory.MakeDirectory(root+"/new/logs", 0o755)
		want(t, err, root+"/new/logs", trust.Everybody)
	}
}

func TestOpen(t *testing.T) {
	root := folder(t)
	path := root + "/etc/usher.yaml"
	must(t, os.Mkdir(root+"/etc", 0o755), os.WriteFile(path, []byte("x"), 0o644))
	for _, good := range []string{path, link(t, path, root+"/link")} {
		file, info, err := trust.Configuration.Open(good)
		if err != nil || info.Size() != 1 {
			t.Fatalf("%v, %v", info, err)
		}
		must(t, file.Close())
	}
	must(t, syscall.Mkfifo(root+"/pipe", 0o600))
	_, _, err := trust.Configuration.Open(root + "/pipe")
	want(t, err, root+"/pipe", trust.Kind)
	must(t, os.Chown(root+"/etc", stranger, stranger))
	_, _, err = trust.Configuration.Open(root + "/link")
	want(t, err, root+"/etc", trust.Owner)
}

func TestRead(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "ca.pem")
	if err := os.WriteFile(file, []byte("four"), 0o644); err != nil {
		t.Fatal(err)
	}
	if content, err := trust.Certificates.Read(file, 4); string(content) != "four" || err != nil {
		t.Errorf("%q, %v", content, err)
	}
	if _, err := trust.Certificates.Read(file, 3); err == nil || !strings.Contains(err.Error(), "larger than 3 bytes") {
		t.Errorf("a larger one: %v", err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := trust.Certificates.Read(file, 4); !errors.Is(err, trust.ErrUntrusted) {
		t.Errorf("one that everybody can write: %v", err)
	}
}

// Debian gives each user a group that may write to what the user makes. macOS does not.
func TestTheGroupOfAUserIsTheUser(t *testing.T) {
	const jane, staff = 4242, 4243
	top := folder(t)
	for name, gid := range map[string]int{"own": jane, "shared": staff} {
		directory := filepath.Join(top, name)
		must(t, os.Mkdir(directory, 0o775), os.Chmod(directory, 0o775), os.Chown(directory, jane, gid))
		for file, mode := range map[string]fs.FileMode{"key": 0o600, "certificate": 0o664} {
			file = filepath.Join(directory, file)
			must(t, os.WriteFile(file, []byte("text"), 0o600), os.Chmod(file, mode), os.Chown(file, jane, gid))
		}
	}
	asuser.Run(t, syscall.Credential{Uid: jane, Gid: jane, Groups: []uint32{jane, staff}}, "TestAsAUser", top)
	// For this user root is another user.
	_, err := trust.KeyDirectory.Check(filepath.Join(top, "own"))
	want(t, err, filepath.Join(top, "own"), trust.Owner)
}

func TestAsAUser(t *testing.T) {
	top := asuser.Folder()
	if top == "" {
		return // it runs in the process that the test above starts
	}
	own, shared := filepath.Join(top, "own"), filepath.Join(top, "shared")
	for path, policy := range map[string]trust.Policy{"": trust.KeyDirectory, "key": trust.Secret,
		"certificate": trust.Certificates} {
		_, err := policy.Check(filepath.Join(own, path))
		switch {
		case runtime.GOOS != "linux": // has no such groups
			want(t, err, own, trust.Group)
		case err != nil:
			t.Errorf("own: %v", err)
		}
		_, err = policy.Check(filepath.Join(shared, path))
		want(t, err, shared, trust.Group)
	}
	made := filepath.Join(own, "fleet")
	if err := trust.KeyDirectory.MakeDirectory(made, 0o700); (err == nil) != (runtime.GOOS == "linux") {
		t.Error(err)
	}
}
