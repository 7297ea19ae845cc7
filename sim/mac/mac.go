package mac

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"go.yaml.in/yaml/v3"
	"howett.net/plist"

	"usher.internal/internal/atomicfile"
)

// TenantID is the Entra tenant that the Mac belongs to.
const TenantID = "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11"

// The names of the Mac; the UDID is its hardware UUID, and its key in Jamf Pro.
const (
	UDID         = "4C4C4544-0042-3510-8052-B4C04F4E5032"
	SerialNumber = "C02USHER"
	ComputerName = "Jane’s MacBook Pro"
)

// Options describe a Mac.
type Options struct {
	// Directory holds everything; every user must be able to reach it.
	Directory string
	Programs  Programs
	// FileKeychain backs keychains by files; the agent must be built with the tag simkeychain.
	FileKeychain bool
	// Settings override or extend the configuration, by dotted key.
	Settings map[string]any
	// Without are keys that the configuration leaves out, since a program of another version does not know them.
	Without []string
	// Tee gets the output of every process; nil for none.
	Tee io.Writer
}

// Mac is a running Mac. Its methods may be called from several goroutines.
type Mac struct {
	Options
	// Helper is usherd; nil before StartHelper and after StopHelper.
	Helper *Process
	// JamfPro is the process of StartJamfPro; nil without one.
	JamfPro *Process

	mu    sync.Mutex
	users []*User
}

// New lays out a Mac in options.Directory, with its configuration. Nothing runs yet.
func New(options Options) (*Mac, error) {
	m := &Mac{Options: options}
	for _, directory := range []string{m.path("library"), m.path("homes")} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return nil, fmt.Errorf("lay out a Mac: %w", err)
		}
	}
	return m, m.WriteConfig()
}

func (m *Mac) path(elements ...string) string {
	return filepath.Join(append([]string{m.Directory}, elements...)...)
}

// ConfigFile is the configuration of the Mac's usherd, agents and usherctl.
func (m *Mac) ConfigFile() string { return m.path("usher.yaml") }

// HelperSocket is the socket that usherd serves.
func (m *Mac) HelperSocket() string { return m.path("run", "helper.sock") }

// AgentSocket is the socket for agents.
func (m *Mac) AgentSocket() string { return m.path("run", "agent.sock") }

// StateDirectory is where usherd keeps its journal.
func (m *Mac) StateDirectory() string { return m.path("state") }

// JamfBinary is the path of the Mac's jamf binary, after UseJamf.
func (m *Mac) JamfBinary() string { return m.path("library", "jamf") }

// JamfPreferences is the file with Jamf's settings of the Mac, com.jamfsoftware.jamf.plist; it is missing at first.
func (m *Mac) JamfPreferences() string { return m.path("library", "com.jamfsoftware.jamf.plist") }

// ManagedPreferences is the folder where macOS keeps the settings of profiles.
func (m *Mac) ManagedPreferences() string { return m.path("library", "Managed Preferences") }

// SetDirectory sets these AltSecurityIdentities in the directory's record of an account, for example
// "PlatformSSO:jane@example.com", beside existing ones.
func (m *Mac) SetDirectory(account string, values ...string) error {
	records := m.path("library", "directory")
	if err := os.MkdirAll(records, 0o755); err != nil {
		return fmt.Errorf("set the directory's record of %s: %w", account, err)
	}
	if err := replace(filepath.Join(records, account), []byte(strings.Join(values, "\n")), 0o644); err != nil {
		return fmt.Errorf("set the directory's record of %s: %w", account, err)
	}
	return nil
}

// SetProfile has a profile configure single sign-on with that extension for the whole Mac; "" removes it.
func (m *Mac) SetProfile(extension string) error {
	path := filepath.Join(m.ManagedPreferences(), "com.apple.extensiblesso.plist")
	if extension == "" {
		return os.RemoveAll(path)
	}
	content, err := plist.Marshal(map[string]any{
		"ExtensionIdentifier": extension, "Type": "Redirect",
		"PlatformSSO": map[string]any{"AuthenticationMethod": "UserSecureEnclaveKey"},
	}, plist.BinaryFormat)
	if err == nil {
		err = os.MkdirAll(m.ManagedPreferences(), 0o755)
	}
	if err == nil {
		err = replace(path, content, 0o644)
	}
	if err != nil {
		return fmt.Errorf("set a profile: %w", err)
	}
	return nil
}

// Set changes settings of the configuration, by dotted key. Running programs keep their settings.
func (m *Mac) Set(settings map[string]any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Settings == nil {
		m.Settings = make(map[string]any)
	}
	maps.Copy(m.Settings, settings)
	return m.WriteConfig()
}

// UseJamfPro has usherd deliver to the Jamf Pro at url through its API.
func (m *Mac) UseJamfPro(url, clientID, clientSecret string) error {
	secret := m.path("client-secret")
	if err := os.WriteFile(secret, []byte(clientSecret), 0o600); err != nil {
		return fmt.Errorf("write client secret: %w", err)
	}
	return m.Set(map[string]any{
		"delivery.mode":                   "api",
		"delivery.api.url":                url,
		"delivery.api.client_id":          clientID,
		"delivery.api.client_secret_file": secret,
	})
}

// UseJamf installs the jamf binary with that configuration (sim/jamf), and has usherd deliver by recon.
func (m *Mac) UseJamf(configuration any) error {
	program, err := os.ReadFile(m.Programs.Jamf)
	if err != nil {
		return fmt.Errorf("install jamf: %w", err)
	}
	content, err := json.MarshalIndent(configuration, "", "  ")
	if err != nil {
		return fmt.Errorf("install jamf: %w", err)
	}
	err = errors.Join(replace(m.path("library", "jamf.json"), content, 0o644), replace(m.JamfBinary(), program, 0o755))
	if err != nil {
		return fmt.Errorf("install jamf: %w", err)
	}
	return m.Set(map[string]any{"delivery.mode": "recon"})
}

// replace writes a new file in place of the old one: a running jamf keeps the old one.
func replace(path string, content []byte, mode os.FileMode) error {
	if err := os.WriteFile(path+".new", content, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// WriteConfig writes the configuration again, for example after a change of Settings. Running programs keep their
// settings.
func (m *Mac) WriteConfig() error {
	settings := map[string]any{
		"socket_directory":           m.path("run"),
		"state_directory":            m.StateDirectory(),
		"agent.executable":           m.Programs.Agent,
		"portal.executable":          m.Programs.Portal,
		"tenant.id":                  TenantID,
		"preflight.endpoints":        []string{},
		"preflight.jamf_preferences": m.JamfPreferences(),
		"jamf.executable":            m.JamfBinary(),
		"platform_sso.executable":    m.Programs.AppSSO,
		"directory.executable":       m.Programs.Dscl,

		"platform_sso.managed_preferences": m.ManagedPreferences(),

		"jamf.conditional_access_executable": m.Programs.JamfAgent,
		"delivery.computer_udid":             UDID,
		"registration.session_timeout":       "2m",
		// In stories, users are looked at only on request.
		"identity.look_automatically": false,
		"development.helper_uid":      os.Getuid(),
	}
	for key, value := range m.Settings {
		settings[key] = value
	}
	for _, key := range m.Without {
		delete(settings, key)
	}
	content, err := yaml.Marshal(settings)
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	// At once: usherd, which watches it, reads what it finds.
	if err := atomicfile.Write(m.ConfigFile(), content, 0o644); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

// StartHelper starts usherd and returns when it serves. Environment is NAME=value, in addition to a clean one.
func (m *Mac) StartHelper(ctx context.Context, environment ...string) error {
	helper, err := m.startHelper(environment)
	if err != nil {
		return err
	}
	if _, err := helper.WaitLog(ctx, "usherd serves", 0); err != nil {
		helper.Kill()
		return err
	}
	m.Helper = helper
	return nil
}

func (m *Mac) startHelper(environment []string) (*Process, error) {
	command := m.Programs.Command(context.Background(), m.Programs.Helper, "--config", m.ConfigFile())
	command.Env = append(m.environment(), environment...)
	return startProcess("usherd", command, m.Tee)
}

// RunHelper starts a further usherd and returns its exit code and output. It is for helpers that must refuse to run.
func (m *Mac) RunHelper(ctx context.Context, environment ...string) (exitCode int, log string, err error) {
	helper, err := m.startHelper(environment)
	if err != nil {
		return 0, "", err
	}
	select {
	case <-helper.Done():
		return helper.ExitCode(), helper.Log(), nil
	case <-ctx.Done():
		helper.Kill()
		return 0, "", fmt.Errorf("usherd continued: %w: %s", context.Cause(ctx), helper.Log())
	}
}

// environment is the environment of root's programs.
func (m *Mac) environment() []string {
	return append([]string{"PATH=/usr/bin:/bin", "HOME=" + m.Directory}, m.Programs.Environment...)
}

// KillHelper ends usherd as kill -9 does.
func (m *Mac) KillHelper() { m.Helper.Kill() }

// StopHelper ends usherd with SIGTERM.
func (m *Mac) StopHelper() error { return m.Helper.Stop() }

// Result is the result of a program that has ended.
type Result struct {
	Stdout, Stderr string
	ExitCode       int
}

// Control runs usherctl as the user who runs this Mac (root), and returns its result.
func (m *Mac) Control(ctx context.Context, arguments ...string) (Result, error) {
	return m.run(ctx, nil, m.Programs.Control, append([]string{"--config", m.ConfigFile()}, arguments...))
}

// StartControl starts usherctl as the user who runs this Mac and returns while it runs. Its output is the process's
// log.
func (m *Mac) StartControl(arguments ...string) (*Process, error) {
	command := m.Programs.Command(context.Background(), m.Programs.Control,
		append([]string{"--config", m.ConfigFile()}, arguments...)...)
	command.Env, command.Dir = m.environment(), "/"
	return startProcess("usherctl", command, m.Tee)
}

// ControlInteractively runs usherctl with its output directly on stdout and stderr, and returns its exit code.
func (m *Mac) ControlInteractively(ctx context.Context, stdout, stderr *os.File, arguments ...string) (exitCode int,
	err error) {
	return m.interactively(ctx, nil, stdout, stderr, arguments)
}

func (m *Mac) interactively(ctx context.Context, user *User, stdout, stderr *os.File, arguments []string) (exitCode int,
	err error) {
	command := m.command(ctx, user, m.Programs.Control, append([]string{"--config", m.ConfigFile()}, arguments...))
	command.Stdout, command.Stderr = stdout, stderr
	err = command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// Run runs any program as the user who runs this Mac.
func (m *Mac) Run(ctx context.Context, program string, arguments ...string) (Result, error) {
	return m.run(ctx, nil, program, arguments)
}

// command is a program that runs as user, or as the user who runs the Mac if user is nil.
func (m *Mac) command(ctx context.Context, user *User, program string, arguments []string) *exec.Cmd {
	command := m.Programs.Command(ctx, program, arguments...)
	command.Env = m.environment()
	command.Dir = "/"
	if user != nil {
		command.Env = user.environment()
		command.SysProcAttr = user.attributes()
	}
	return command
}

func (m *Mac) run(ctx context.Context, user *User, program string, arguments []string) (Result, error) {
	command := m.command(ctx, user, program, arguments)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if m.Tee != nil {
		command.Stdout, command.Stderr = io.MultiWriter(&stdout, m.Tee), io.MultiWriter(&stderr, m.Tee)
	}
	err := command.Run()
	result := Result{Stdout: stdout.String(), Stderr: stderr.String()}
	if command.ProcessState != nil {
		result.ExitCode = command.ProcessState.ExitCode()
	}
	if _, exited := errors.AsType[*exec.ExitError](err); exited && ctx.Err() == nil {
		err = nil
	}
	return result, err
}

// Close ends everything that was started, and deletes the accounts that were made. It returns the first error.
func (m *Mac) Close() error {
	m.mu.Lock()
	users := m.users
	m.users = nil
	m.mu.Unlock()
	var problems []error
	for _, user := range users {
		problems = append(problems, user.close())
	}
	for _, process := range []*Process{m.Helper, m.JamfPro} {
		if process != nil {
			problems = append(problems, process.Stop())
		}
	}
	return errors.Join(problems...)
}

// credential returns the credential for a process of that uid, nil for our own.
func credential(uid, gid uint32) *syscall.Credential {
	if uid == uint32(os.Getuid()) {
		return nil
	}
	return &syscall.Credential{Uid: uid, Gid: gid}
}

func parseID(text string) (uint32, error) {
	number, err := strconv.ParseUint(text, 10, 32)
	return uint32(number), err
}
