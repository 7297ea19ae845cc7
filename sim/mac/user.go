package mac

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"usher.internal/sim/keyring"
	"usher.internal/sim/session"
)

// User is a person of the Mac. As root it is a real account, made for the Mac and deleted with it.
type User struct {
	Name     string
	UID, GID uint32
	Home     string
	// Agent is the user's usher-agent; nil while the user is logged out.
	Agent *Process
	// Keyring is the login keychain; nil while the user is logged out, and if files back the keychains.
	Keyring *keyring.Keyring

	mac  *Mac
	made bool
}

// AddUser makes a user. Without root the only user is the one who runs the Mac.
func (m *Mac) AddUser(ctx context.Context, name string) (*User, error) { return m.addUser(ctx, name) }

// AddUserWithUID makes a user with that uid, which a deleted account may have had. It needs root.
func (m *Mac) AddUserWithUID(ctx context.Context, name string, uid uint32) (*User, error) {
	return m.addUser(ctx, name, "--uid", fmt.Sprint(uid))
}

func (m *Mac) addUser(ctx context.Context, name string, flags ...string) (*User, error) {
	u := &User{mac: m}
	if os.Getuid() == 0 {
		output, err := exec.CommandContext(ctx, "useradd",
			append(flags, "--create-home", "--base-dir", m.path("homes"), "--shell", "/bin/sh", name)...).
			CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("make user %s: %w: %s", name, err, bytes.TrimSpace(output))
		}
		u.made = true
	}
	account, err := user.Lookup(name)
	if !u.made {
		account, err = user.Current()
	}
	if err != nil {
		return nil, fmt.Errorf("make user %s: %w", name, err)
	}
	u.Name, u.Home = account.Username, account.HomeDir
	if !u.made {
		u.Home = m.path("homes", u.Name)
		if err := os.MkdirAll(u.Home, 0o700); err != nil {
			return nil, fmt.Errorf("make home of %s: %w", u.Name, err)
		}
	}
	if u.UID, err = parseID(account.Uid); err != nil {
		return nil, fmt.Errorf("make user %s: %w", name, err)
	}
	if u.GID, err = parseID(account.Gid); err != nil {
		return nil, fmt.Errorf("make user %s: %w", name, err)
	}
	m.mu.Lock()
	m.users = append(m.users, u)
	m.mu.Unlock()
	return u, u.SetPortal(nil)
}

// attributes make a process the user's own.
func (u *User) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: credential(u.UID, u.GID), Setpgid: true}
}

// environment is the environment of programs in the user's login session.
func (u *User) environment() []string {
	environment := []string{
		"HOME=" + u.Home, "USER=" + u.Name, "LOGNAME=" + u.Name, "PATH=/usr/bin:/bin", "LANG=C.UTF-8",
		"USHER_SIM_KEYCHAIN=" + u.keychainDirectory(),
	}
	if u.Keyring != nil {
		environment = append(environment, u.Keyring.Environment()...)
	}
	return append(environment, u.mac.Programs.Environment...)
}

func (u *User) keychainDirectory() string {
	return filepath.Join(u.Home, ".local/share/usher-sim/keychain")
}

// PortalSettings control the user's Company Portal, by the names of its configuration file.
type PortalSettings map[string]any

// SetPortal changes the settings of the user's Company Portal from its next start on; nil is a user who signs in at
// once.
func (u *User) SetPortal(settings PortalSettings) error {
	all := PortalSettings{
		"tenant_id": TenantID,
		"upn":       u.Name + "@example.com",
		"wait":      "100ms",
		"runs_file": u.runsFile(),
		"keychain":  "secretservice",
	}
	if u.mac.FileKeychain {
		all["keychain"], all["keychain_directory"] = "file", u.keychainDirectory()
	}
	for name, value := range settings {
		all[name] = value
	}
	content, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("set portal of %s: %w", u.Name, err)
	}
	return u.write(filepath.Join(u.Home, ".config/usher-sim/companyportal.json"), content)
}

// SetAppSSO sets the answers of app-sso in the user's session; without it Platform SSO is not configured.
func (u *User) SetAppSSO(settings session.AppSSO) error { return u.configure(settings) }

// SetJamfAgent sets the answers of Jamf Conditional Access in the user's session; without it that program knows no
// device.
func (u *User) SetJamfAgent(settings session.JamfAgent) error { return u.configure(settings) }

func (u *User) configure(settings session.Settings) error {
	content, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return fmt.Errorf("write settings of a stand-in of %s: %w", u.Name, err)
	}
	return u.write(session.Path(u.Home, settings), content)
}

// write writes a file of the user's own.
func (u *User) write(path string, content []byte) error {
	for directory := range parents(u.Home, path) {
		if err := os.Mkdir(directory, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("write %s: %w", path, err)
		}
		if err := os.Chown(directory, int(u.UID), int(u.GID)); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Chown(path, int(u.UID), int(u.GID))
}

// parents yields the directories between root and path, the outermost first.
func parents(root, path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		inside, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil || inside == "." {
			return
		}
		directory := root
		for _, element := range strings.Split(inside, string(filepath.Separator)) {
			directory = filepath.Join(directory, element)
			if !yield(directory) {
				return
			}
		}
	}
}

func (u *User) runsFile() string { return filepath.Join(u.Home, "companyportal-runs") }

// PortalRuns returns a line for each start of the user's Company Portal.
func (u *User) PortalRuns() ([]string, error) {
	content, err := os.ReadFile(u.runsFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read portal runs of %s: %w", u.Name, err)
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n"), nil
}

// OpenKeyring opens the login keychain as a login does: once for each session.
func (u *User) OpenKeyring(ctx context.Context) error {
	if u.mac.FileKeychain || u.Keyring != nil {
		return nil
	}
	opened, err := keyring.Start(ctx, keyring.Options{UID: u.UID, GID: u.GID, Home: u.Home, UserName: u.Name})
	if err != nil {
		return fmt.Errorf("open keyring of %s: %w", u.Name, err)
	}
	u.Keyring = opened
	return nil
}

// StartAgent starts the agent in the user's session, and returns when the helper has let it in.
func (u *User) StartAgent(ctx context.Context) error {
	command := u.mac.Programs.Command(context.Background(), u.mac.Programs.Agent, "--config", u.mac.ConfigFile())
	command.Env, command.SysProcAttr, command.Dir = u.environment(), u.attributes(), "/"
	agent, err := startProcess("usher-agent("+u.Name+")", command, u.mac.Tee)
	if err != nil {
		return err
	}
	if _, err := agent.WaitLog(ctx, "connected to the helper", 0); err != nil {
		agent.Kill()
		return err
	}
	u.Agent = agent
	return nil
}

// Login logs the user in: it opens the keychain and starts the agent. It returns when the agent is connected.
func (u *User) Login(ctx context.Context) error {
	if err := u.OpenKeyring(ctx); err != nil {
		return err
	}
	return u.StartAgent(ctx)
}

// Logout ends the user's agent. The keychain remains open.
func (u *User) Logout() error {
	err := u.Agent.Stop()
	u.Agent = nil
	return err
}

// Delete ends the user's session and deletes the account with its home.
func (u *User) Delete() error {
	err := u.close()
	u.Agent, u.Keyring, u.made = nil, nil, false
	return err
}

// Control runs usherctl as the user.
func (u *User) Control(ctx context.Context, arguments ...string) (Result, error) {
	return u.mac.run(ctx, u, u.mac.Programs.Control, append([]string{"--config", u.mac.ConfigFile()}, arguments...))
}

// ControlInteractively runs usherctl as the user, with its output directly on stdout and stderr.
func (u *User) ControlInteractively(ctx context.Context, stdout, stderr *os.File, arguments ...string) (exitCode int,
	err error) {
	return u.mac.interactively(ctx, u, stdout, stderr, arguments)
}

// Run runs any program as the user, in the user's session.
func (u *User) Run(ctx context.Context, program string, arguments ...string) (Result, error) {
	return u.mac.run(ctx, u, program, arguments)
}

// close ends the user's session and deletes the account.
func (u *User) close() error {
	var problems []error
	if u.Agent != nil {
		problems = append(problems, u.Agent.Stop())
	}
	if u.Keyring != nil {
		problems = append(problems, u.Keyring.Close())
	}
	if u.made {
		problems = append(problems, u.deleteAccount())
	}
	return errors.Join(problems...)
}

// deleteAccount ends the programs that still run under the account, a portal for example, and deletes it.
func (u *User) deleteAccount() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	// pkill ends with 1 when no process matched.
	_ = exec.CommandContext(ctx, "pkill", "-KILL", "-U", fmt.Sprint(u.UID)).Run()
	output, err := exec.CommandContext(ctx, "userdel", "--force", "--remove", u.Name).CombinedOutput()
	if err != nil && !strings.Contains(string(output), "mail spool") {
		return fmt.Errorf("delete user %s: %w: %s", u.Name, err, bytes.TrimSpace(output))
	}
	return nil
}
