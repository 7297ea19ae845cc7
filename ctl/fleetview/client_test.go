package fleetview

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/ctl/fleetsetup"
	"usher.internal/internal/fleet"
)

// written is a fleet's folder with that fleet.yaml.
func written(t *testing.T, content string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, fleetsetup.AccessFile), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestReadAccess(t *testing.T) {
	folder := written(t, "servers: [tls://nats.example.org:4222]\nca_file: ca.pem\nnkey_file: "+
		"keys/admin.nk\ncertificate_file: /etc/admin.pem\nkey_file: ../admin-key.pem\nname: jane\n")
	access, name, err := ReadAccess(folder)
	want := fleet.Access{
		Servers: []string{"tls://nats.example.org:4222"}, CAFile: filepath.Join(folder, "ca.pem"),
		NKeyFile:        filepath.Join(folder, "keys", "admin.nk"),
		CertificateFile: "/etc/admin.pem", KeyFile: filepath.Join(filepath.Dir(folder), "admin-key.pem"),
	}
	if err != nil || name != "jane" || !reflect.DeepEqual(access, want) {
		t.Errorf("%+v, %q, %v", access, name, err)
	}
	if _, name, err := ReadAccess(written(t, "servers: [tls://nats.example.org]\nnkey_file: a\n")); name !=
		fleetsetup.AdminName || err != nil {
		t.Errorf("without a name it is %q, %v", name, err)
	}
}

// The folder of `usherctl fleet init` can be used, and so can its folder admin without the rest.
func TestReadAccessOfWhatInitMade(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "fleet")
	options := fleetsetup.Options{
		Directory: folder, Organization: "Example", Servers: []string{"nats.example.org"}, Port: 4222,
		ClusterPort: 6222, StorageBytes: 1 << 30,
		InstallDirectory: "/install", StoreDirectory: "/store", AdminValid: time.Hour, CertificatesValid: time.Hour,
	}
	if _, err := fleetsetup.Write(options); err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(folder, "admin")
	for _, given := range []string{folder, inner} {
		access, name, err := ReadAccess(given)
		if err != nil || name != fleetsetup.AdminName || access.CAFile != filepath.Join(inner, "ca.pem") ||
			access.CredentialsFile != filepath.Join(inner, "admin.creds") {
			t.Errorf("%s: %+v, %q, %v", given, access, name, err)
		}
		if _, err := access.Options("usherctl", name); err != nil {
			t.Error(err)
		}
	}
	if _, name, err := ReadAccess(filepath.Join(folder, "keys", "provision")); err != nil ||
		name != fleetsetup.ProvisionName {
		t.Errorf("%q, %v", name, err)
	}
	if err := os.Chmod(filepath.Join(inner, "admin.creds"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadAccess(folder); !errors.Is(err, ErrNoAccess) || !strings.Contains(err.Error(), "admin.creds") {
		t.Error(err)
	}
}

func TestReadAccessOfWhatIsNoGood(t *testing.T) {
	unreadable := t.TempDir()
	if err := os.MkdirAll(filepath.Join(unreadable, "admin", fleetsetup.AccessFile), 0o700); err != nil {
		t.Fatal(err)
	}
	pipe := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(pipe, fleetsetup.AccessFile), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ folder, want string }{
		"missing":               {filepath.Join(t.TempDir(), "none"), "none/fleet.yaml: no such file"},
		"a folder in its place": {unreadable, "admin/fleet.yaml: it is not a file"},
		"a pipe in its place":   {pipe, "fleet.yaml: it is not a file"},
		"too large":             {written(t, strings.Repeat("#", 1<<20+1)), "larger than what is read"},
		"empty":                 {written(t, ""), "names no servers"},
		"a remark alone":        {written(t, "# nothing\n"), "names no servers"},
		"no servers":            {written(t, "servers: []\n"), "names no servers"},
		"unknown key": {written(t, "servers: [tls://a]\npassword: secret\n"),
			"fleet.yaml: line 2: there is no key password"},
		"no YAML":             {written(t, "\x00\xff"), "fleet.yaml"},
		"one server, no list": {written(t, "servers: {a: b}\n"), "fleet.yaml: line 1: it must be a list of strings"},
		"a list for a text": {written(t, "servers: [tls://a]\nname: [b]\n"),
			"fleet.yaml: line 2: it must be a string"},
		"a list of keys":         {written(t, "- servers\n"), "fleet.yaml: line 1: it must be a mapping"},
		"credentials not there":  {written(t, "servers: [tls://a]\ncredentials_file: none.creds\n"), "none.creds"},
		"credentials in /, none": {written(t, "servers: [tls://a]\ncredentials_file: /none.creds\n"), "/none.creds"},
	} {
		access, _, err := ReadAccess(test.folder)
		if !errors.Is(err, ErrNoAccess) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if len(access.Servers) != 0 {
			t.Errorf("%s: %+v", name, access)
		}
	}
}

func TestConnectTellsWhatIsWrong(t *testing.T) {
	for want, access := range map[error]fleet.Access{
		ErrNoAccess:    {Servers: []string{"tls://127.0.0.1:1"}, NKeyFile: "/none.nk"},
		ErrUnreachable: {Servers: []string{"nats://127.0.0.1:1"}},
	} {
		if _, err := Connect(t.Context(), access, fleetsetup.AdminName); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if _, err := Connect(t.Context(), fleet.Access{Servers: []string{"nats://nats.example.org"}},
		fleetsetup.AdminName); !errors.Is(err, ErrNoAccess) {
		t.Errorf("without TLS: %v", err)
	}
}
