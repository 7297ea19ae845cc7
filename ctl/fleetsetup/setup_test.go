package fleetsetup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func options(directory string) Options {
	return Options{
		Directory: directory, Organization: "Example", Servers: []string{"nats.example.org"}, Port: 4222,
		ClusterPort: 6222, StorageBytes: 1 << 30,
		InstallDirectory: "/install", StoreDirectory: "/store", AdminValid: time.Hour, CertificatesValid: time.Hour,
	}
}

// Values are written into YAML and nats-server's configuration, and name folders. None of them can mean anything else
// there.
func TestOptionsThatAreNoGood(t *testing.T) {
	for _, server := range []string{"", ".", "..", "a/b", "-a", "a.", "a b", "a:1", `a"`, "a\nb", "a#", "$a", "größe",
		"*", "[::1]", "nats://a"} {
		o := options("none")
		o.Servers = []string{server}
		if err := o.Check(); err == nil || !strings.HasPrefix(err.Error(), "--server ") {
			t.Errorf("the server %q: %v", server, err)
		}
	}
	for _, server := range []string{"a", "nats-1.example.org", "127.0.0.1", "::1", "2001:db8::3"} {
		o := options("none")
		o.Servers = []string{server}
		if err := o.Check(); err != nil {
			t.Errorf("the server %q: %v", server, err)
		}
	}
	for name, change := range map[string]func(*Options){
		"organization": func(o *Options) { o.Organization = "Example\nservers: [nats://evil]" },
		"port":         func(o *Options) { o.Port = -1 },
		"storage":      func(o *Options) { o.StorageBytes = 1 << 20 },
		"install":      func(o *Options) { o.InstallDirectory = `/etc/"nats` },
		"store":        func(o *Options) { o.StoreDirectory = "nats" },
		"admin":        func(o *Options) { o.AdminValid = 0 },
		"certificates": func(o *Options) { o.CertificatesValid = -time.Hour },
	} {
		o := options(filepath.Join(t.TempDir(), "fleet"))
		change(&o)
		if _, err := Write(o); err == nil {
			t.Errorf("%s is taken", name)
		}
		if _, err := os.Stat(o.Directory); err == nil {
			t.Errorf("%s: something was written", name)
		}
	}
}

// Either all credentials are made, or none: an existing file may be on a Mac.
func TestCredentialsAreNotOverwritten(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "fleet")
	if _, err := Write(options(folder)); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(folder, "macs")
	if made, err := CredentialsFor(folder, []string{"MAC-7"}, output, time.Hour); err != nil || len(made) != 1 ||
		made[0].Path != filepath.Join(output, "MAC-7.creds") {
		t.Fatalf("%v, %v", made, err)
	}
	before, err := os.ReadFile(filepath.Join(output, "MAC-7.creds"))
	if err != nil {
		t.Fatal(err)
	}
	if made, err := CredentialsFor(folder, []string{"MAC-8", "MAC-7"}, output, time.Hour); err == nil ||
		len(made) != 0 {
		t.Errorf("%v, %v", made, err)
	}
	if after, err := os.ReadFile(filepath.Join(output, "MAC-7.creds")); err != nil || string(after) != string(before) {
		t.Errorf("the credentials are others, %v", err)
	}
	if _, err := os.Stat(filepath.Join(output, "MAC-8.creds")); err == nil {
		t.Error("the first of two was made")
	}
	for _, macs := range [][]string{{"a.b"}, {"a", "a"}, {"../a"}, {"all"}} {
		if made, err := CredentialsFor(folder, macs, output, time.Hour); err == nil || len(made) != 0 {
			t.Errorf("%q: %v, %v", macs, made, err)
		}
	}
}
