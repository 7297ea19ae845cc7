package fleetsetup_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"usher.internal/ctl/fleetsetup"
	"usher.internal/internal/trust"
)

// stranger is the uid of another user; only root can give folders away.
const stranger = 65534

// Keys are written only into a folder of our own, by any path to it. Nothing is written into another folder.
func TestKeysAreNotWrittenIntoFoldersOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this needs root, to make folders of another user")
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, path string) (files string)
		refused bool
	}{
		"nothing is there": {func(_ *testing.T, path string) string { return path }, false},
		"deeper": {
			func(_ *testing.T, path string) string { return filepath.Join(path, "a", "b") }, false},
		"an empty folder":                           {folder(0, 0o700), false},
		"another user's":                            {folder(stranger, 0o755), true},
		"another user's, closed":                    {folder(stranger, 0o700), true},
		"everyone can write":                        {folder(0, 0o777), true},
		"the group can write":                       {folder(0, 0o770), true},
		"everyone, and it is sticky":                {folder(0, 0o777|fs.ModeSticky), true},
		"our link":                                  {link(0, 0), false},
		"another user's link to a folder of ours":   {link(stranger, 0), true},
		"another user's link to a folder of theirs": {link(stranger, stranger), true},
		"our link to a folder of theirs":            {link(0, stranger), true},
		"below another user's link": {func(t *testing.T, path string) string {
			return filepath.Join(link(stranger, 0)(t, path), "deeper")
		}, true},
		"a circle of links": {func(t *testing.T, path string) string {
			must(t, os.Symlink(path, path))
			return path
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			must(t, os.Chmod(directory, 0o755))
			path := test.prepare(t, filepath.Join(directory, "fleet"))
			_, err := fleetsetup.Write(fleetsetup.Options{
				Servers: []string{"nats.example.org"}, Directory: path, Organization: "Example", Port: 4222,
				ClusterPort:      6222,
				InstallDirectory: "/etc/nats", StoreDirectory: "/var/lib/nats", StorageBytes: 10 << 30,
				AdminValid: time.Hour, CertificatesValid: time.Hour,
			})
			written := 0
			must(t, filepath.WalkDir(directory, func(_ string, entry fs.DirEntry, err error) error {
				if err == nil && entry.Type().IsRegular() {
					written++
				}
				return err
			}))
			switch {
			case !test.refused && (err != nil || written < 10):
				t.Errorf("%d files, %v", written, err)
			case test.refused && (err == nil || written > 0):
				t.Errorf("%d files were written, %v", written, err)
			case test.refused && name != "a circle of links" && !errors.Is(err, trust.ErrUntrusted):
				t.Errorf("refused with %v", err)
			}
		})
	}
}

func folder(owner int, mode fs.FileMode) func(*testing.T, string) string {
	return func(t *testing.T, path string) string {
		must(t, errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode), os.Chown(path, owner, -1)))
		return path
	}
}

// link makes a user's link to a user's folder.
func link(owner, of int) func(*testing.T, string) string {
	return func(t *testing.T, path string) string {
		target := folder(of, 0o755)(t, path+"-target")
		must(t, errors.Join(os.Symlink(target, path), os.Lchown(path, owner, -1)))
		return path
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A fleet folder of somebody else is not read, and nothing in it makes root write elsewhere.
func TestFleetOfAnotherUserIsNotUsed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this needs root, to make folders of another user")
	}
	directory := t.TempDir()
	path, victim := filepath.Join(directory, "fleet"), filepath.Join(directory, "victim")
	_, err := fleetsetup.Write(fleetsetup.Options{
		Servers: []string{"nats.example.org"}, Directory: path, Organization: "Example", Port: 4222, ClusterPort: 6222,
		InstallDirectory: "/etc/nats", StoreDirectory: "/var/lib/nats", StorageBytes: 10 << 30,
		AdminValid: time.Hour, CertificatesValid: time.Hour,
	})
	must(t, err)
	issued := filepath.Join(path, "keys", "issued")
	must(t, errors.Join(os.WriteFile(victim, []byte("victim\n"), 0o600), os.MkdirAll(issued, 0o700),
		os.Symlink(victim, filepath.Join(issued, "mac-1"))))
	uses := map[string]func() error{
		"credentials": func() error {
			_, err := fleetsetup.CredentialsFor(path, []string{"mac-1"}, filepath.Join(directory, "out"), time.Hour)
			return err
		},
		"renew":  func() error { _, err := fleetsetup.Renew(path, time.Hour, time.Hour); return err },
		"revoke": func() error { _, err := fleetsetup.Revoke(path, []string{"mac-1"}, nil); return err },
	}
	// A link out of the folder is not followed, no matter who owns it.
	if err := uses["credentials"](); err == nil {
		t.Error("a link out of the folder was followed")
	}
	must(t, os.Chown(path, stranger, -1))
	for name, use := range uses {
		if err := use(); !errors.Is(err, trust.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if content, err := os.ReadFile(victim); string(content) != "victim\n" || err != nil {
		t.Errorf("the victim holds %q, %v", content, err)
	}
}
