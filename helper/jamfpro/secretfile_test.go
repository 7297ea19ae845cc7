package jamfpro_test

import (
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"usher.internal/helper/jamfpro"
	sim "usher.internal/sim/jamfpro"
)

func mustHoldSecret(t *testing.T, path, want string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil || string(content) != want {
		t.Errorf("%s holds %q, %v; want %q", path, content, err, want)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; info.Mode() != 0o600 || int(owner) != os.Geteuid() {
		t.Errorf("%s has mode %v and belongs to %d", path, info.Mode(), owner)
	}
	if _, err := jamfpro.ReadClientSecret(path); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside it there is %v, %v", entries, err)
	}
}

func TestSecretIsWrittenAndRemoved(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "new")
	path := filepath.Join(directory, "secret")
	if removed, err := jamfpro.RemoveClientSecret(path); err != nil || removed {
		t.Errorf("of a directory that is missing: %t, %v", removed, err)
	}
	for _, secret := range []string{"first\n", "second\r\n", strings.Repeat("x", 4096), "with spaces within and ü"} {
		if err := jamfpro.WriteClientSecret(path, secret); err != nil {
			t.Fatal(err)
		}
		mustHoldSecret(t, path, strings.TrimRight(secret, "\r\n"))
	}
	if info, err := os.Stat(directory); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("%v, %v", info, err)
	}
	// Files that a crash left are removed, and a file that others could read does not remain readable.
	for _, leftover := range []string{path, path + ".new"} {
		if err := errors.Join(os.WriteFile(leftover, []byte("old"), 0o644), os.Chmod(leftover, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := jamfpro.WriteClientSecret(path, "third"); err != nil {
		t.Fatal(err)
	}
	mustHoldSecret(t, path, "third")
	for _, want := range []bool{true, false} {
		if err := os.WriteFile(path+".new", []byte("third"), 0o600); err != nil {
			t.Fatal(err)
		}
		if removed, err := jamfpro.RemoveClientSecret(path); err != nil || removed != want {
			t.Errorf("removed %t, %v", removed, err)
		}
		if entries, err := os.ReadDir(directory); err != nil || len(entries) != 0 {
			t.Errorf("there is still %v, %v", entries, err)
		}
	}
}

func TestTextsThatAreNoSecret(t *testing.T) {
	path := secretFile(t, "kept", 0o600)
	for name, secret := range map[string]string{
		"empty": "", "newline": "\n", "white space": "  \t\n", "too large": strings.Repeat("x", 4097),
		"two lines":    plantedSecret + "\n" + plantedSecret,
		"two newlines": plantedSecret + "\n\n", "nul": plantedSecret + "\x00", "escape": "\x1b[2J" + plantedSecret,
		"no UTF-8":     plantedSecret + "\xff",
		"space around": " " + plantedSecret, "C1 control": plantedSecret + "\u0085x",
	} {
		err := jamfpro.WriteClientSecret(path, secret)
		if !errors.Is(err, jamfpro.ErrSecretNotAllowed) || errors.Is(err, jamfpro.ErrSecretFile) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			mustNotShow(t, err.Error())
		}
	}
	mustHoldSecret(t, path, "kept")
}

func TestPathsThatSomebodyElseCouldChange(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	// made returns a directory below one of our own.
	made := func(change func(directory string) error) string {
		directory := filepath.Join(t.TempDir(), "directory")
		if err := errors.Join(os.Mkdir(directory, 0o700), change(directory)); err != nil {
			t.Fatal(err)
		}
		return directory
	}
	chmod := func(mode os.FileMode) func(string) error {
		return func(directory string) error { return os.Chmod(directory, mode) }
	}
	chown := func(directory string) error { return os.Chown(directory, 65534, 65534) }
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("victim"), 0o600); err != nil {
		t.Fatal(err)
	}
	linked := made(func(directory string) error { return os.Symlink(victim, filepath.Join(directory, "secret")) })
	dangling := made(func(directory string) error { return os.Symlink("nowhere", filepath.Join(directory, "secret")) })
	asDirectory := made(func(directory string) error { return os.Mkdir(filepath.Join(directory, "secret"), 0o700) })
	asFIFO := made(func(directory string) error { return syscall.Mkfifo(filepath.Join(directory, "secret"), 0o600) })
	good := made(chmod(0o755))
	linkTo := func(target string) string {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		return link
	}
	foreignLink := linkTo(good)
	if err := os.Lchown(foreignLink, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	theirs := func(directory string) error {
		return errors.Join(os.Chown(directory, 0, 65534), os.Chmod(directory, 0o770))
	}
	for name, test := range map[string]struct{ path, says string }{
		"relative":          {"secret", "absolute"},
		"a link":            {filepath.Join(linked, "secret"), "symbolic link"},
		"a link to nowhere": {filepath.Join(dangling, "secret"), "symbolic link"},
		"a directory":       {filepath.Join(asDirectory, "secret"), "not a regular file"},
		"a named pipe":      {filepath.Join(asFIFO, "secret"), "not a regular file"},
		"a directory for everybody": {filepath.Join(made(chmod(0o777)), "secret"),
			"can be written by everybody"},
		"a sticky directory": {filepath.Join(made(chmod(0o777|fs.ModeSticky)), "secret"),
			"can be written by everybody"},
		"a directory of a group":  {filepath.Join(made(theirs), "secret"), "can be written by group 65534"},
		"somebody's directory":    {filepath.Join(made(chown), "secret"), "belongs to uid 65534"},
		"in somebody's directory": {filepath.Join(made(chown), "new", "secret"), "belongs to uid 65534"},
		"in a directory for everybody": {filepath.Join(made(chmod(0o777)), "new", "secret"),
			"can be written by everybody"},
		"a link to a directory": {filepath.Join(linkTo(good), "secret"), "is a symbolic link"},
		"below somebody's link": {filepath.Join(foreignLink, "new", "secret"), "belongs to uid 65534"},
		"below a link to somebody's": {filepath.Join(linkTo(made(chown)), "new", "secret"),
			"belongs to uid 65534"},
		"below a file that is not a directory": {filepath.Join(victim, "secret"), "not a directory"},
	} {
		err := jamfpro.WriteClientSecret(test.path, plantedSecret)
		if !errors.Is(err, jamfpro.ErrSecretFile) || !strings.Contains(err.Error(), test.says) ||
			!strings.Contains(err.Error(), test.path) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			mustNotShow(t, err.Error())
		}
	}
	mustHoldSecret(t, victim, "victim")
	for _, path := range []string{filepath.Join(linked, "secret"), filepath.Join(asDirectory, "secret"),
		filepath.Join(asFIFO, "secret"), "secret"} {
		if removed, err := jamfpro.RemoveClientSecret(path); !errors.Is(err, jamfpro.ErrSecretFile) || removed {
			t.Errorf("%s: removed %t, %v", path, removed, err)
		}
	}
	mustHoldSecret(t, victim, "victim")
	// A link above it that nobody else can change is allowed, and so is a sticky directory above it.
	for _, path := range []string{
		filepath.Join(linkTo(good), "new", "secret"), filepath.Join(made(chmod(0o777|fs.ModeSticky)), "new", "secret"),
	} {
		if err := jamfpro.WriteClientSecret(path, "good"); err != nil {
			t.Error(err)
		}
		mustHoldSecret(t, path, "good")
	}
}

func TestTokenIsDroppedWithItsSecret(t *testing.T) {
	server, _ := simulator(t, sim.Options{})
	path := filepath.Join(t.TempDir(), "secret")
	serving := httptest.NewServer(server)
	t.Cleanup(serving.Close)
	config := jamfpro.Config{URL: serving.URL, ClientID: sim.DefaultClientID, ClientSecretFile: path}
	setup := jamfpro.NewSetup(config, nil)
	client, err := jamfpro.New(config)
	if err != nil {
		t.Fatal(err)
	}
	find := func() error { _, err := client.FindComputer(t.Context(), this); return err }
	if err := find(); !errors.Is(err, jamfpro.ErrSecretFile) {
		t.Errorf("without a secret: %v", err)
	}
	for _, step := range []struct {
		name, secret string
		works        bool
	}{
		{"the right one", sim.DefaultClientSecret, true},
		{"a wrong one, while the token of the right one would live for minutes", "wrong", false},
		{"the right one again", sim.DefaultClientSecret, true},
	} {
		if _, err := setup.SetClientSecret(step.secret); err != nil {
			t.Fatal(err)
		}
		if err := find(); (err == nil) != step.works || err != nil && !errors.Is(err, jamfpro.ErrRefused) {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	if _, removed, err := setup.RemoveClientSecret(); err != nil || !removed {
		t.Errorf("removed %t, %v", removed, err)
	}
	if err := find(); !errors.Is(err, jamfpro.ErrSecretFile) {
		t.Errorf("after it was removed: %v", err)
	}
}

func TestSetupNamesTheKeysThatAreMissing(t *testing.T) {
	for _, test := range []struct {
		config  jamfpro.Config
		missing []string
	}{
		{jamfpro.Config{}, []string{"delivery.api.url", "delivery.api.client_id", "delivery.api.client_secret_file"}},
		{jamfpro.Config{URL: "https://example.jamfcloud.com", ClientSecretFile: "/x"},
			[]string{"delivery.api.client_id"}},
		{jamfpro.Config{URL: "http://example.jamfcloud.com", ClientID: "x", ClientSecretFile: "/x"},
			[]string{"use https"}},
	} {
		setup := jamfpro.NewSetup(test.config, nil)
		_, checked := setup.CheckPrivileges(t.Context())
		_, _, provisioned := setup.Provision(t.Context(), wanted, jamfpro.Provisioning{DryRun: true})
		for _, err := range []error{checked, provisioned} {
			if !errors.Is(err, jamfpro.ErrNotConfigured) {
				t.Errorf("got %v", err)
				continue
			}
			for _, key := range []string{"delivery.api.url", "delivery.api.client_id",
				"delivery.api.client_secret_file", "use https"} {
				if strings.Contains(err.Error(), key) != slices.Contains(test.missing, key) {
					t.Errorf("%q in %v", key, err)
				}
			}
		}
	}
	setup := jamfpro.NewSetup(jamfpro.Config{}, nil)
	_, set := setup.SetClientSecret(plantedSecret)
	_, _, removed := setup.RemoveClientSecret()
	for _, err := range []error{set, removed} {
		if !errors.Is(err, jamfpro.ErrNotConfigured) ||
			!strings.Contains(err.Error(), "delivery.api.client_secret_file") {
			t.Errorf("got %v", err)
		}
		mustNotShow(t, err.Error())
	}
}
