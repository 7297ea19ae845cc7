package packaging_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"usher.internal/sim/entra"
	"usher.internal/sim/filekeychain"
	"usher.internal/sim/toolbox"
)

// standIns are stand-ins for the programs of macOS that scripts/accept-mac runs. The one for security is sim/security.
// The others do nothing, unless the script looks at their effect.
var standIns = map[string]string{
	"uname": `echo Darwin`,
	"launchctl": `[ "$1" = asuser ] && { shift 2; exec "$@"; }; case "$2" in user/* | system/org.usher.useragent) ` +
		`exit 113 ;; esac; printf 'state = running\nspawn type = Aqua\n'`,
	"sudo":     `shift 2; HOME="$ACCEPT_HOME" exec "$@"`,
	"dscl":     `echo "NFSHomeDirectory: $ACCEPT_HOME"`,
	"defaults": `[ "$1" = write ] && { mkdir -p "${2%/*}"; echo "$@" >>"$2.plist"; }`,
	"sw_vers":  `echo 14.0`,
	"go":       `while [ $# -gt 0 ]; do [ "$1" = -o ] && cp "$ACCEPT_PORTAL" "$2"; shift; done`,
	"pgrep":    `exit 1`,
	"chown":    `exit 0`,
}

var silent = []string{"file", "plutil", "dseditgroup", "newsyslog", "codesign", "ioreg", "pkill", "lsappinfo", "sleep"}

// usherctlStandIn installs the files that the script looks for, and answers like a working usher.
const usherctlStandIn = `case "$1" in
install) mkdir -p "$ACCEPT_ROOT/usr/local/usher"; cp "$0" "$ACCEPT_ROOT/usr/local/usher/usherctl"; echo unchanged ;;
uninstall) rm -rf "$ACCEPT_ROOT/usr/local/usher" "$ACCEPT_ROOT/Library/Preferences/org.usher.plist" ;;
status) echo '"looked_at": "2026-12-01T00:00:00Z", "IDENTITY_STATE_REGISTERED", logged in' ;;
esac`

// acceptance is a user with a login keychain, and a Mac of stand-ins.
type acceptance struct {
	t           *testing.T
	root, tools string
	home        string
	keychain    *filekeychain.Keychain
}

func newAcceptance(t *testing.T) *acceptance {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("a Mac has the real ones")
	}
	a := &acceptance{t: t, root: t.TempDir(), tools: t.TempDir(), home: t.TempDir()}
	directory := filepath.Join(a.home, ".local/share/usher-sim/keychain")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	a.keychain = filekeychain.Open(directory)
	// The user's own items in the keychain. One of them is not UTF-8.
	a.add(filekeychain.Item{Class: filekeychain.GenericPassword, Account: "jane", Service: "Wi-Fi", Label: "home",
		Data: []byte("secret")})
	toolbox.Build(t, a.tools, "usher.internal/sim/security")
	for name, text := range standIns {
		a.script(name, text)
	}
	for _, name := range silent {
		a.script(name, "exit 0")
	}
	a.script("usherctl", usherctlStandIn)
	a.script("build", `mkdir -p "$1" && for one in usherctl usherd usher-agent; do cp "`+
		filepath.Join(a.tools, "usherctl")+`" "$1/$one"; done`)
	return a
}

func (a *acceptance) add(items ...filekeychain.Item) {
	a.t.Helper()
	for _, item := range items {
		if err := a.keychain.Add(item); err != nil {
			a.t.Fatal(err)
		}
	}
}

func (a *acceptance) script(name, text string) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.tools, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		a.t.Fatal(err)
	}
}

// registration makes the stand-in for Company Portal put a registration into the keychain through security, as the real
// stand-in does on a Mac. It ends with that code.
func (a *acceptance) registration(exitCode string) {
	a.t.Helper()
	ca, err := entra.NewCA()
	if err != nil {
		a.t.Fatal(err)
	}
	issued, err := ca.Issue(entra.Device{})
	if err != nil {
		a.t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(issued.Device.Key)
	if err != nil {
		a.t.Fatal(err)
	}
	text := ""
	for _, one := range []struct {
		kind    string
		content []byte
	}{{"PRIVATE KEY", key}, {"CERTIFICATE", issued.DER}} {
		file := filepath.Join(a.tools, strings.Fields(one.kind)[0]+".pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: one.kind, Bytes: one.content}), 0o644); err !=
			nil {
			a.t.Fatal(err)
		}
		text += "security import " + file + " || exit 1\n"
	}
	for _, account := range []string{"registeredUserPrincipalName", "registeredTenantIdentifier", "thumbprint",
		"cloudEnvironment"} {
		text += "security add-generic-password -U -A -a com.microsoft.workplacejoin." + account +
			" -s com.microsoft.workplacejoin -l x -w x || exit 1\n"
	}
	a.script("portal", text+"exit "+exitCode)
}

// run runs the script.
func (a *acceptance) run(arguments ...string) (exitCode int, said string) {
	a.t.Helper()
	report := filepath.Join(a.t.TempDir(), "report")
	command := exec.CommandContext(a.t.Context(), "../scripts/accept-mac",
		append(arguments, "--user", "nobody", report)...)
	command.Env = []string{
		"PATH=" + a.tools + ":/usr/bin:/bin", "ACCEPT_HOME=" + a.home, "ACCEPT_ROOT=" + a.root,
		"ACCEPT_PORTAL=" + filepath.Join(a.tools, "portal"),
		"USHER_ACCEPT_ROOT=" + a.root, "USHER_ACCEPT_BUILD=" + filepath.Join(a.tools, "build"), "USHER_VERSION=1.2.3",
	}
	output, err := command.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		a.t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(output)
}

// held returns the content of the keychain.
func (a *acceptance) held() []string {
	a.t.Helper()
	var held []string
	for _, class := range []filekeychain.Class{filekeychain.GenericPassword, filekeychain.Certificate,
		filekeychain.Key} {
		items, err := a.keychain.Items(class)
		if err != nil {
			a.t.Fatal(err)
		}
		for _, item := range items {
			held = append(held, string(class)+" "+item.Account+" "+item.Label+" "+item.ApplicationLabel)
		}
	}
	slices.Sort(held)
	return held
}

// After any result of the acceptance, the user's login keychain has its earlier content, and no key of a registration.
func TestAcceptanceLeavesTheLoginKeychainAsItWas(t *testing.T) {
	for name, exitCode := range map[string]string{"registers": "0", "the stand-in fails after it": "67"} {
		t.Run(name, func(t *testing.T) {
			a := newAcceptance(t)
			a.registration(exitCode)
			before := a.held()
			_, said := a.run()
			if after := a.held(); !slices.Equal(before, after) {
				t.Errorf("the keychain held %q, and holds %q:\n%s", before, after, said)
			}
			for _, want := range []string{"PASS  keychain-restored", "PASS  keychain-odd", "PASS  session-type",
				"PASS  upgrades", "PASS  uninstall"} {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
			if !strings.Contains(said, map[string]string{"0": "PASS  registers", "67": "FAIL  registers"}[exitCode]) {
				t.Errorf("of the registration it says:\n%s", said)
			}
			if _, err := os.Stat(filepath.Join(a.root, "usr/local/usher")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("usher is left: %v", err)
			}
		})
	}
}

// A registered user has items of the same names: they are not touched, and nothing starts.
func TestAcceptanceRefusesAUserWhoIsRegistered(t *testing.T) {
	a := newAcceptance(t)
	a.registration("0")
	a.add(filekeychain.Item{Class: filekeychain.GenericPassword, Account: "com.microsoft.workplacejoin.thumbprint",
		Service: "real"})
	before := a.held()
	code, said := a.run()
	if after := a.held(); code != 2 || !slices.Equal(before, after) || !strings.Contains(said, "is registered") {
		t.Errorf("it ended with %d, and the keychain holds %q: %s", code, after, said)
	}
	if _, err := os.Stat(filepath.Join(a.root, "usr/local")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it has begun: %v", err)
	}
}

// An acceptance that could not restore the keychain says so.
func TestAcceptanceReportsThatTheKeychainIsNotRestored(t *testing.T) {
	a := newAcceptance(t)
	a.registration("0")
	real := filepath.Join(a.tools, "security")
	if err := os.Rename(real, real+".real"); err != nil {
		t.Fatal(err)
	}
	a.script("security", `case "$1" in delete-identity | delete-certificate) exit 1 ;; esac; exec "$0.real" "$@"`)
	code, said := a.run()
	if code != 1 || !strings.Contains(said, "FAIL  keychain-restored") {
		t.Errorf("it ended with %d: %s", code, said)
	}
}
