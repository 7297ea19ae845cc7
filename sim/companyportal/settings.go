package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"usher.internal/internal/wpj"
)

// Settings control a run. The zero value of every field is the behaviour of the real program in a successful run.
type Settings struct {
	// ExitCode is the exit code of the run; the log has matching events.
	ExitCode wpj.ExitCode `json:"exit_code"`
	// Wait is the time until the user signs in, 300ms unless set.
	Wait duration `json:"wait"`
	// Hang makes the user never sign in.
	Hang bool `json:"hang"`
	// SignInPipe is a named pipe: the user signs in when somebody has opened it for writing, and closed it.
	SignInPipe string `json:"sign_in_pipe"`
	// IgnoreSIGTERM makes a portal that only SIGKILL ends.
	IgnoreSIGTERM bool `json:"ignore_sigterm"`
	// KillSelf is the signal that ends the portal after the sign-in, before it leaves anything in the keychain; 0 for
	// none.
	KillSelf int `json:"kill_self"`
	// Leave names the items that the run leaves in the keychain, a name of leavings. Unless set, it is "all" for a
	// successful run and "nothing" for others.
	Leave string `json:"leave"`
	// TenantID is the tenant of the user, and UPN the user's name in it. They are made up unless set.
	TenantID string `json:"tenant_id"`
	UPN      string `json:"upn"`
	// Keychain is "secretservice", "file" for that of sim/filekeychain in KeychainDirectory, or "macos_login" for a
	// Mac's own. Unless set, it is the first on Linux and the second elsewhere. KeychainDirectory is USHER_SIM_KEYCHAIN
	// or ~/.local/share/usher-sim/keychain unless set.
	Keychain          string `json:"keychain"`
	KeychainDirectory string `json:"keychain_directory"`
	// RotateLog rotates the log in the middle of the run: "rename" or "truncate"; empty does nothing.
	RotateLog string `json:"rotate_log"`
	// LogFormat is "5" for a log as Company Portal 5 writes it; empty is that of 2018 to 2020, which has more steps.
	LogFormat string `json:"log_format"`
	// Cancels is how often the user closes the sign-in window, and opens it again, before signing in.
	Cancels int `json:"cancels"`
	// RunsFile gets a line for each run: pid=… time=… registration=….
	RunsFile string `json:"runs_file"`
	// LoseExitEvent leaves the last event out of the log.
	LoseExitEvent bool `json:"lose_exit_event"`
}

// duration is written as in Go: "300ms", "5m".
type duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

const (
	keychainSecretService = "secretservice"
	keychainFile          = "file"
	keychainLogin         = "macos_login"
	rotateRename          = "rename"
	rotateTruncate        = "truncate"
	logFormat5            = "5"
)

// load reads the settings from that user's home. A named file must exist; the usual one is optional.
func load(home string) (Settings, error) {
	settings := Settings{
		Wait:              duration(300 * time.Millisecond),
		Keychain:          keychainFile,
		UPN:               "jane@example.com",
		KeychainDirectory: os.Getenv("USHER_SIM_KEYCHAIN"),
	}
	if runtime.GOOS == "linux" {
		settings.Keychain = keychainSecretService
	}
	if settings.KeychainDirectory == "" {
		settings.KeychainDirectory = filepath.Join(home, ".local/share/usher-sim/keychain")
	}
	path, named := os.LookupEnv("USHER_SIM_PORTAL_CONFIG")
	if !named {
		path = filepath.Join(home, ".config/usher-sim/companyportal.json")
	}
	content, err := os.ReadFile(path)
	if err != nil && (named || !errors.Is(err, fs.ErrNotExist)) {
		return Settings{}, fmt.Errorf("load settings: %w", err)
	}
	if err := settings.merge(content); err != nil {
		return Settings{}, fmt.Errorf("load settings from %s: %w", path, err)
	}
	if err := settings.merge([]byte(os.Getenv("USHER_SIM_PORTAL"))); err != nil {
		return Settings{}, fmt.Errorf("load settings from USHER_SIM_PORTAL: %w", err)
	}
	if settings.Leave == "" {
		settings.Leave = "all"
		if settings.ExitCode != wpj.ExitSuccess {
			settings.Leave = "nothing"
		}
	}
	return settings, settings.check()
}

// merge sets the fields of a JSON object. Empty content sets nothing.
func (s *Settings) merge(content []byte) error {
	if len(bytes.TrimSpace(content)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	return decoder.Decode(s)
}

func (s *Settings) check() error {
	var problems []error
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			problems = append(problems, fmt.Errorf("%s is %q, and may be one of: %s", key, value,
				strings.Join(allowed, ", ")))
		}
	}
	oneOf("keychain", s.Keychain, keychainSecretService, keychainFile, keychainLogin)
	oneOf("rotate_log", s.RotateLog, "", rotateRename, rotateTruncate)
	oneOf("log_format", s.LogFormat, "", logFormat5)
	oneOf("leave", s.Leave, leavingNames()...)
	if s.ExitCode < 0 || s.ExitCode > 255 {
		problems = append(problems, fmt.Errorf("exit_code is %d, and may be from 0 to 255", int(s.ExitCode)))
	}
	if s.Cancels < 0 || s.Cancels > 100 {
		problems = append(problems, fmt.Errorf("cancels is %d, and may be from 0 to 100", s.Cancels))
	}
	return errors.Join(problems...)
}
