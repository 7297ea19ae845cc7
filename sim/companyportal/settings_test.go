package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettingsSayWhatIsWrong(t *testing.T) {
	for settings, want := range map[string]string{
		`{"exitcode": 1}`:         `unknown field "exitcode"`,
		`{"exit_code": 256}`:      "exit_code is 256",
		`{"leave": "everything"}`: `leave is "everything", and may be one of: all, copied, damaged, elliptic, expired`,
		`{"keychain": "login"}`:   `keychain is "login", and may be one of: secretservice, file`,
		`{"rotate_log": "yes"}`:   `rotate_log is "yes"`,
		`{"wait": "long"}`:        "invalid duration",
		`{`:                       "USHER_SIM_PORTAL",
	} {
		u := newUser(t)
		u.set(nil)
		u.environment = []string{"USHER_SIM_PORTAL=" + settings}
		if code, stderr := u.run("-r"); code != exitMisconfigured || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d: %s", settings, code, stderr)
		}
		if _, err := os.Stat(u.logDirectory()); err == nil {
			t.Errorf("%s: there is a log", settings)
		}
	}
}

func TestTheEnvironmentHasPrecedence(t *testing.T) {
	u := newUser(t)
	u.set(map[string]any{"exit_code": 66})
	u.environment = []string{`USHER_SIM_PORTAL={"exit_code": 68}`}
	if code, stderr := u.run("-r"); code != 68 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestANamedFileIsRead(t *testing.T) {
	u := newUser(t)
	path := filepath.Join(u.home, "other.json")
	u.environment = []string{"USHER_SIM_PORTAL_CONFIG=" + path}
	if code, stderr := u.run("-r"); code != exitMisconfigured || !strings.Contains(stderr, path) {
		t.Errorf("before there is one: exit code %d: %s", code, stderr)
	}
	if err := os.WriteFile(path, []byte(`{"exit_code": 64, "wait": "0s"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stderr := u.run("-r"); code != 64 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
