package config_test

import (
	"errors"
	"flag"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"howett.net/plist"

	"usher.internal/internal/config"
	"usher.internal/internal/trust"
)

var update = flag.Bool("update", false, "write golden files and generated documentation")

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, places config.Places) *config.Loaded {
	t.Helper()
	loaded, err := places.Load()
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func valueOf(t *testing.T, loaded *config.Loaded, key string) config.Value {
	t.Helper()
	for _, value := range loaded.Values() {
		if value.Key == key {
			return value
		}
	}
	t.Fatalf("Values has no %s", key)
	return config.Value{}
}

const full = `
socket_directory: /tmp/usher sockets/
log_level: debug
tenant:
  id: 9A1F7C44-0B5E-4D1F-8C1D-3B1C5D0E2F11
registration.sign_in_timeout: 45m
registration:
  session_timeout: 90s
preflight:
  endpoints: [one.example:443, "[::1]:8443"]
  jamf_preferences: ""
delivery:
  mode: api
  api: {url: "https://example.jamfcloud.com/", client_id: abc, client_secret_file: /etc/usher/secret}
jamf.gather_after_portal: true
development:
  helper_uid: 1000
`

func TestFileFillsTheConfiguration(t *testing.T) {
	path := write(t, "config.yaml", full)
	loaded := load(t, config.Places{Local: path})
	want := config.Default()
	want.SocketDirectory = "/tmp/usher sockets"
	want.LogLevel = slog.LevelDebug
	want.Tenant.ID = "9a1f7c44-0b5e-4d1f-8c1d-3b1c5d0e2f11"
	want.Registration.SignInTimeout = 45 * time.Minute
	want.Registration.SessionTimeout = 90 * time.Second
	want.Preflight.Endpoints = []string{"one.example:443", "[::1]:8443"}
	want.Preflight.JamfPreferences = ""
	want.Delivery.Mode = config.DeliverByAPI
	want.Delivery.API.URL = "https://example.jamfcloud.com"
	want.Delivery.API.ClientID = "abc"
	want.Delivery.API.ClientSecretFile = "/etc/usher/secret"
	want.Jamf.GatherAfterPortal = config.GatherAlways
	want.Development.HelperUID = 1000
	if !reflect.DeepEqual(loaded.Config, want) {
		t.Errorf("got  %+v\nwant %+v", loaded.Config, want)
	}
	if got := valueOf(t, loaded, "registration.sign_in_timeout"); got.Value != "45m" || got.Default != "30m" ||
		got.Origin != "local ("+path+")" {
		t.Errorf("sign_in_timeout: %+v", got)
	}
	if got := valueOf(t, loaded, "admin_group"); got.Origin != "default" || got.Value != want.AdminGroup {
		t.Errorf("admin_group: %+v", got)
	}
	if got := want.HelperSocket(); got != "/tmp/usher sockets/helper.sock" {
		t.Errorf("HelperSocket: %s", got)
	}
}

func TestPropertyListsInBothFormatsAndShapes(t *testing.T) {
	content := map[string]any{
		"PayloadUUID": "C7A0E0B2-0000-4000-8000-000000000000", "PayloadVersion": 1, "_manualProfile": true,
		"log_level":   "warn",
		"jamf":        map[string]any{"gather_after_portal": true},
		"preflight":   map[string]any{"endpoints": []any{"one.example:443"}},
		"development": map[string]any{"helper_uid": 501},

		"registration.sign_in_timeout": "1h",
	}
	for name, format := range map[string]int{"binary": plist.BinaryFormat, "XML": plist.XMLFormat} {
		t.Run(name, func(t *testing.T) {
			encoded, err := plist.Marshal(content, format)
			if err != nil {
				t.Fatal(err)
			}
			loaded := load(t, config.Places{Local: write(t, "org.usher.plist", string(encoded))})
			if loaded.LogLevel != slog.LevelWarn || loaded.Jamf.GatherAfterPortal != config.GatherAlways ||
				loaded.Development.HelperUID != 501 ||
				loaded.Registration.SignInTimeout != time.Hour ||
				!reflect.DeepEqual(loaded.Preflight.Endpoints, []string{"one.example:443"}) {
				t.Errorf("got %+v", loaded.Config)
			}
		})
	}
}

// `defaults write org.usher KEY VALUE` makes a string of everything.
func TestStringsReplaceTheOtherTypes(t *testing.T) {
	loaded := load(t, config.Places{Local: write(t, "config.yaml", `
jamf.gather_after_portal: "true"
development.helper_uid: "501"
preflight.endpoints: "one.example:443,two.example:444"
`)})
	if loaded.Jamf.GatherAfterPortal != config.GatherAlways || loaded.Development.HelperUID != 501 ||
		len(loaded.Preflight.Endpoints) != 2 {
		t.Errorf("got %+v", loaded.Config)
	}
	if off := load(t, config.Places{Local: write(t, "config.yaml", `preflight.endpoints: ""`)}); len(
		off.Preflight.Endpoints) != 0 {
		t.Errorf("endpoints with an empty text: %v", off.Preflight.Endpoints)
	}
}

func TestManagedValueCannotBeOverridden(t *testing.T) {
	managed := write(t, "managed.plist",
		`<?xml version="1.0"?><plist version="1.0"><dict><key>log_level</key><string>error</string></dict></plist>`)
	local := write(t, "local.yaml", "log_level: debug\nadmin_group: wheel\n")
	loaded := load(t, config.Places{Managed: managed, Local: local})
	if loaded.LogLevel != slog.LevelError || loaded.AdminGroup != "wheel" {
		t.Errorf("got %+v", loaded.Config)
	}
	got := valueOf(t, loaded, "log_level")
	if got.Layer != config.LayerManaged || got.Origin != "managed ("+managed+")" {
		t.Errorf("log_level: %+v", got)
	}
	if !reflect.DeepEqual(loaded.Files, []string{managed, local}) {
		t.Errorf("files: %v", loaded.Files)
	}
}

// The form that builds a profile writes every key, including keys that nobody has filled in.
func TestEmptyManagedValueIsTheDefault(t *testing.T) {
	keys := config.Keys("linux")
	for name, empty := range map[string]any{"text": "", "blank": " \t", "array": []any{},
		"array of an empty text": []any{"", " "}, "dictionary": map[string]any{}} {
		t.Run(name, func(t *testing.T) {
			content := map[string]any{}
			for _, key := range keys {
				content[key.Name] = empty
			}
			encoded, err := plist.Marshal(content, plist.XMLFormat)
			if err != nil {
				t.Fatal(err)
			}
			managed, local := write(t, "org.usher.plist", string(encoded)), write(t, "config.yaml", yamlOf(other))
			loaded := load(t, config.Places{Managed: managed, Local: local})
			if !reflect.DeepEqual(loaded.Config, config.Default()) {
				t.Errorf("got %+v", loaded.Config)
			}
			for _, value := range loaded.Values() {
				if value.Value != value.Default || value.Origin != "managed ("+managed+")" {
					t.Errorf("%s is %+v", value.Key, value)
				}
			}
		})
	}
	loaded := load(t, config.Places{
		Managed: write(t, "managed.yaml",
			"log_level:\nfleet.servers: ['', 'tls://nats.example.org:4222']\nfleet.credentials_file: /etc/c\n")})
	if loaded.LogLevel != slog.LevelInfo ||
		!reflect.DeepEqual(loaded.Fleet.Servers, []string{"tls://nats.example.org:4222"}) {
		t.Errorf("got %+v", loaded.Config)
	}
}

// A key with a default that may also be empty has a word for the empty value, because an empty value in a profile means
// the default.
func TestNoneIsTheEmptyValue(t *testing.T) {
	found := 0
	for _, key := range config.Keys("darwin") {
		local := write(t, "config.yaml", key.Name+": ''\n")
		loaded, err := config.Places{Local: local}.Load()
		if err != nil || key.Default == "" {
			continue
		}
		found++
		for _, text := range []string{"none", "[none]", "[' none ']"} {
			if strings.HasPrefix(text, "[") && !strings.HasPrefix(key.Type, "list") {
				continue
			}
			same := load(t, config.Places{Managed: write(t, "managed.yaml", key.Name+": "+text+"\n")})
			if !reflect.DeepEqual(same.Config, loaded.Config) || valueOf(t, same, key.Name).Value != "none" {
				t.Errorf("%s: %s is %q", key.Name, text, valueOf(t, same, key.Name).Value)
			}
		}
	}
	if found == 0 {
		t.Error("there is no such key")
	}
	if _, err := (config.Places{Local: write(t, "config.yaml", "preflight.endpoints: [none, 'one.example:443']\n")}).
		Load(); err == nil {
		t.Error("none is accepted together with an endpoint")
	}
}

// In a local file an empty value means empty.
func TestEmptyLocalValueIsChecked(t *testing.T) {
	for _, key := range []string{"admin_group", "jamf.executable", "registration.sign_in_timeout", "log_level",
		"portal.activate"} {
		_, err := config.Places{Local: write(t, "config.yaml", key+": ''\n")}.Load()
		if problem, ok := errors.AsType[*config.KeyError](err); !ok || problem.Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestOverriddenValueIsCheckedAllTheSame(t *testing.T) {
	managed := write(t, "managed.yaml", "log_level: error\n")
	local := write(t, "local.yaml", "log_level: loud\n")
	_, err := config.Places{Managed: managed, Local: local}.Load()
	problem, ok := errors.AsType[*config.KeyError](err)
	if !ok || problem.File != local || problem.Value != "loud" {
		t.Errorf("got %v", err)
	}
}

func TestProblemsOfAllFilesAreReportedAtOnce(t *testing.T) {
	managed := write(t, "managed.yaml", "log_level: loud\n")
	_, err := config.Places{Managed: managed, Local: t.TempDir()}.Load()
	problem, ok := errors.AsType[*config.KeyError](err)
	if !ok || problem.File != managed || !errors.Is(err, config.ErrNotAFile) {
		t.Errorf("got %v", err)
	}
}

func TestMissingFiles(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	loaded := load(t, config.Places{Managed: missing, Local: missing})
	if !reflect.DeepEqual(loaded.Config, config.Default()) || len(loaded.Files) != 0 {
		t.Errorf("got %+v", loaded)
	}
	if _, err := config.Load(missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("a missing file that was asked for by name: %v", err)
	}
}

func TestEmptyFilesAreFine(t *testing.T) {
	for _, content := range []string{"", "# nothing\n", "---\n", "delivery:\n", "delivery: {}\n",
		"\xef\xbb\xbf# with a byte order mark\n"} {
		if loaded := load(t, config.Places{Local: write(t, "config.yaml", content)}); !reflect.DeepEqual(loaded.Config,
			config.Default()) {
			t.Errorf("%q: %+v", content, loaded.Config)
		}
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(pipe); !errors.Is(err, config.ErrNotAFile) {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := config.Load(write(t, "large.yaml", strings.Repeat("#", 1<<20+1))); !errors.Is(err,
		config.ErrTooLarge) {
		t.Errorf("a large file: %v", err)
	}
}

// This test needs root, which the helper also has.
func TestRootRefusesWhatOthersCanWrite(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: run `make test` as root")
	}
	for name, spoil := range map[string]func(string) error{
		"group":         func(path string) error { return os.Chmod(path, 0o664) },
		"world":         func(path string) error { return os.Chmod(path, 0o646) },
		"other owner":   func(path string) error { return os.Chown(path, 65534, 0) },
		"the directory": func(path string) error { return os.Chown(filepath.Dir(path), 65534, 0) },
		"a link in another user's directory": func(path string) error {
			theirs := filepath.Join(t.TempDir(), "theirs")
			return errors.Join(os.Mkdir(theirs, 0o755), os.Rename(path, path+".real"),
				os.Symlink(path+".real", theirs+"/link"),
				os.Symlink(theirs+"/link", path), os.Chown(theirs, 65534, 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "config.yaml", "log_level: debug\n")
			if _, err := config.Load(path); err != nil {
				t.Fatal(err)
			}
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(path)
			if !errors.Is(err, config.ErrNotTrusted) || !errors.Is(err, trust.ErrUntrusted) ||
				!strings.Contains(err.Error(), path) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFileGivenByNameReplacesTheLocalOne(t *testing.T) {
	path := write(t, "config.yaml", "log_level: debug\n")
	loaded, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.LogLevel != slog.LevelDebug || !reflect.DeepEqual(loaded.Files, []string{path}) {
		t.Errorf("got %v from %v", loaded.LogLevel, loaded.Files)
	}
}

// Jamf Pro and people leave spaces around the values in a profile.
func TestComputerIDIsTakenWithoutTheSpacesAroundIt(t *testing.T) {
	for text, want := range map[string]string{`" 42 "`: "42", `"42"`: "42", `" "`: "", "42": "42"} {
		loaded, err := config.Places{Local: write(t, "config.yaml", "delivery.api.computer_id: "+text+"\n")}.Load()
		if err != nil || loaded.Delivery.API.ComputerID != want {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// The keys that select a Jamf Pro behind the gateway of Jamf's Platform API belong to the gateway's address, and to no
// other.
func TestGatewayOfJamfIsConfiguredTogether(t *testing.T) {
	for text, want := range map[string]string{
		"delivery.api.url: https://eu.api.jamfcloud.com": "delivery.api.environment_id",
		"delivery.api.url: https://eu.api.jamfcloud.com.\n" +
			"delivery.api.tenant_id: t-1": "",
		"delivery.api.url: https://eu.api.jamfcloud.com\n" +
			"delivery.api.environment_id: e-1": "",
		"delivery.api.url: https://eu.api.jamfcloud.com\ndelivery.api.environment_id: " +
			"e-1\ndelivery.api.tenant_id: t-1": "delivery.api.tenant_id",
		"delivery.api.url: https://eu.api.jamfcloud.com/x\n" +
			"delivery.api.environment_id: e-1": "delivery.api.url",
		"delivery.api.url: https://example.jamfcloud.com\n" +
			"delivery.api.environment_id: e-1": "delivery.api.environment_id",
		"delivery.api.url: https://example.jamfcloud.com\n" +
			"delivery.api.tenant_id: t-1": "delivery.api.tenant_id",
		"delivery.api.url: http://127.0.0.1:9\ndelivery.api.tenant_id: " +
			"t-1": "",
		"delivery.api.url: https://example.jamfcloud.com\n" +
			"delivery.api.computer_id: $JSSID": "delivery.api.computer_id",
		"delivery.api.url: https://example.jamfcloud.com\n" +
			"delivery.api.computer_id: 42": "",
		"delivery.api.url: https://eu.api.jamfcloud.com\ndelivery.api.environment_id: \"a " +
			"b\"\ndelivery.api.client_id: client-of-usher": "delivery.api.environment_id",
	} {
		_, err := config.Places{Local: write(t, "config.yaml", text+"\n")}.Load()
		problem, refused := errors.AsType[*config.KeyError](err)
		if refused != (want != "") || refused && problem.Key != want {
			t.Errorf("%s:\n%v, want %q", text, err, want)
		}
		if refused && (problem.File == "" || problem.Line == 0) {
			t.Errorf("%s:\n%v, want the file and the line", text, err)
		}
	}
}
