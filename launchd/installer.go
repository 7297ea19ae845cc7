package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"usher.internal/internal/layout"
)

// Config is the input of an [Installer]. Layout, Manager, Definitions, Sessions and Report are required.
type Config struct {
	Layout layout.Layout
	// Root is the root directory of the computer; empty is the real one. Only tests set it.
	Root string
	// Source is the directory of the programs to install. If it is empty, or the directory where they are installed,
	// they are already in place.
	Source  string
	Manager Manager
	// Definitions installs the helper's definition.
	Definitions Definitions
	// Sessions returns the uids of the people with a login session in which an agent can run.
	Sessions func() ([]uint32, error)
	// Serves returns when the helper answers, or the reason why it does not. If it is nil, the installer does not
	// check.
	Serves func(context.Context) error
	// Begin is called before a step is done; nil is allowed. Report is called after each step has been checked, and
	// done if necessary.
	Begin  func(step string)
	Report func(Outcome)
	// DryRun only checks, and changes nothing.
	DryRun bool
	// Restart gives the services new processes even if nothing has changed, for a caller who has installed the programs
	// themselves.
	Restart bool
}

// Installer installs and removes usher. One goroutine uses it, in a process that root runs.
type Installer struct {
	Config
	helperChanged, agentChanged bool
}

// New returns an installer.
func New(config Config) *Installer { return &Installer{Config: config} }

// ErrNoPrograms is wrapped by the error of [Installer.Install] if there is nothing to install.
var ErrNoPrograms = errors.New("usher's programs are not here")

// Install makes usher's programs, definitions and services match the layout, also over an older or newer version. It
// does not touch what already matches. A service gets a new process if its program or its definition has changed.
// Registrations continue, and a Company Portal in front of a user remains open.
//
// It stops at the first step that fails. Running it again finishes it: a mark, which is removed at the end, says that
// the services still have to be restarted.
func (i *Installer) Install(ctx context.Context) error {
	if err := i.hasPrograms(); err != nil {
		return err
	}
	files, err := Files(i.Layout)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(i.rooted(i.mark())); err == nil || i.Restart {
		i.helperChanged, i.agentChanged = true, true
	}
	if err := i.take(ctx, append(i.layingOut(files), i.startingHelper()...)); err != nil {
		return err
	}
	agents, err := i.startingAgents()
	if err != nil {
		return err
	}
	if err := i.take(ctx, agents); err != nil {
		return err
	}
	if i.DryRun {
		return nil
	}
	if err := os.Remove(i.rooted(i.mark())); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// mark is a file that exists while files have changed and the services have not been restarted yet.
func (i *Installer) mark() string { return filepath.Join(i.Layout.Programs, ".unfinished") }

// inPlace reports whether the programs to install are the installed ones.
func (i *Installer) inPlace() bool {
	return i.Source == "" || filepath.Clean(i.Source) == filepath.Clean(i.rooted(i.Layout.Programs))
}

// source returns the path from which a program is copied.
func (i *Installer) source(name string) string {
	if i.inPlace() {
		return i.rooted(i.Layout.Program(name))
	}
	return filepath.Join(i.Source, name)
}

func (i *Installer) hasPrograms() error {
	for _, name := range layout.ProgramNames() {
		info, err := os.Stat(i.source(name))
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o100 == 0 {
			return fmt.Errorf("install %s: %w: usherd, usher-agent and usherctl have to be in one directory",
				i.source(name), ErrNoPrograms)
		}
	}
	return nil
}

// layingOut returns the steps that put everything in place.
func (i *Installer) layingOut(files []File) []step {
	l := i.Layout
	var steps []step
	if l.Packaged {
		return i.enabling() // the files belong to dpkg
	}
	steps = append(steps, i.directory(l.Programs))
	if l.LogDirectory != "" {
		steps = append(steps, i.logDirectory(l.LogDirectory))
	}
	for _, name := range []string{layout.ControlProgram, layout.AgentProgram, layout.HelperProgram} {
		if i.inPlace() {
			break
		}
		source := i.source(name)
		steps = append(steps, i.marked(i.file(l.Program(name), 0o755,
			func() (io.ReadCloser, error) { return os.Open(source) },
			func() {
				i.helperChanged = i.helperChanged || name == layout.HelperProgram
				i.agentChanged = i.agentChanged || name == layout.AgentProgram
			})))
	}
	steps = append(steps, i.link(l.Link, l.Control()))
	for _, file := range files {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file.Content)), nil }
		switch file.Path {
		case l.HelperDefinition:
			steps = append(steps, i.definition(file, open))
		case l.AgentDefinition:
			steps = append(steps, i.marked(i.file(file.Path, file.Mode, open, func() { i.agentChanged = true })))
		default:
			steps = append(steps, i.file(file.Path, file.Mode, open, func() {}))
		}
	}
	return append(steps, i.enabling()...)
}

// marked writes the mark before the step is done.
func (i *Installer) marked(one step) step {
	do := one.do
	one.do = func(ctx context.Context) (string, error) {
		if err := os.WriteFile(i.rooted(i.mark()), nil, 0o644); err != nil {
			return "", err
		}
		return do(ctx)
	}
	return one
}

// definition is the step of the helper's definition. The library does not overwrite a definition, so the old one is
// removed first.
func (i *Installer) definition(file File, open func() (io.ReadCloser, error)) step {
	one := i.file(file.Path, file.Mode, open, func() { i.helperChanged = true })
	one.do = func(context.Context) (string, error) {
		if err := i.Definitions.Remove(); err != nil {
			return "", err
		}
		return "", i.Definitions.Install(file.Content)
	}
	return i.marked(one)
}

// enabling returns the steps that systemd needs to start the services with the computer and at login. launchd needs
// none: the location of a definition is enough.
func (i *Installer) enabling() []step {
	if i.Layout.Mac() {
		return nil
	}
	return []step{{
		what: "have the services start with the computer and at login",
		needed: func(ctx context.Context) (string, error) {
			enabled, err := i.Manager.Enabled(ctx)
			if enabled || err != nil {
				return "", err
			}
			return "they do not yet", nil
		},
		do: func(ctx context.Context) (string, error) { return "", i.Manager.Enable(ctx) },
	}}
}

// disabling returns the steps that undo this.
func (i *Installer) disabling() []step {
	if i.Layout.Mac() {
		return nil
	}
	return []step{{
		what: "no longer have the services start with the computer and at login", continues: true,
		needed: func(ctx context.Context) (string, error) {
			enabled, err := i.Manager.Enabled(ctx)
			if !enabled || err != nil {
				return "", err
			}
			return "they do", nil
		},
		do: func(ctx context.Context) (string, error) { return "", i.Manager.Disable(ctx) },
	}}
}

// startingHelper returns the steps after which the helper runs and answers.
func (i *Installer) startingHelper() []step {
	begun := false
	begin := i.starting("usherd", Job{}, func() bool { return i.helperChanged })
	do := begin.do
	begin.do = func(ctx context.Context) (string, error) {
		begun = true
		return do(ctx)
	}
	steps := []step{begin}
	if i.Serves != nil {
		steps = append(steps, step{
			what: "wait until usherd answers",
			needed: func(context.Context) (string, error) {
				if !begun && !i.DryRun {
					return "", nil
				}
				return "it has been started", nil
			},
			do: func(ctx context.Context) (string, error) { return "", i.Serves(ctx) },
		})
	}
	return steps
}

// startingAgents returns the steps after which every logged-in user has an agent.
func (i *Installer) startingAgents() ([]step, error) {
	sessions, err := i.Sessions()
	if err != nil {
		return nil, fmt.Errorf("find out who is logged in: %w", err)
	}
	var steps []step
	for _, uid := range sessions {
		steps = append(steps, i.starting("usher-agent of "+userName(uid), Job{Agent: true, UID: uid},
			func() bool { return i.agentChanged }))
	}
	return steps, nil
}

func (i *Installer) starting(name string, job Job, changed func() bool) step {
	loaded := false
	return step{
		what: "start " + name,
		// If one session cannot get an agent, the others still get theirs.
		continues: job.Agent,
		needed: func(ctx context.Context) (string, error) {
			state, err := i.Manager.State(ctx, job)
			if errors.Is(err, ErrNoDomain) {
				return "it does not run", nil
			}
			loaded = state.Loaded
			switch {
			case err != nil:
				return "", err
			case state.Running && changed():
				return fmt.Sprintf("pid %d runs the earlier version", state.PID), nil
			case state.Running:
				return "", nil
			case state.LastExit != "":
				return "it does not run; it ended last with " + state.LastExit, nil
			}
			return "it does not run", nil
		},
		do: func(ctx context.Context) (string, error) {
			begin := i.Manager.Load
			if loaded && changed() {
				begin = i.Manager.Restart
			}
			if err := begin(ctx, job); err != nil {
				return "", err
			}
			state, err := i.Manager.State(ctx, job)
			if err != nil {
				return "", err
			}
			return "pid " + strconv.Itoa(state.PID), nil
		},
	}
}

// Start starts the helper and the agent of every logged-in user.
func (i *Installer) Start(ctx context.Context) error {
	if err := i.installed(); err != nil {
		return err
	}
	if err := i.take(ctx, i.startingHelper()); err != nil {
		return err
	}
	agents, err := i.startingAgents()
	if err != nil {
		return err
	}
	return i.take(ctx, agents)
}

// RestartServices gives the helper and each agent a new process.
func (i *Installer) RestartServices(ctx context.Context) error {
	i.helperChanged, i.agentChanged = true, true
	return i.Start(ctx)
}

// Stop ends the agents and the helper. They start again at login and with the computer.
func (i *Installer) Stop(ctx context.Context) error {
	steps, err := i.stopping()
	if err != nil {
		return err
	}
	return i.take(ctx, steps)
}

// ErrNotInstalled says that usher is not installed here.
var ErrNotInstalled = errors.New("usher is not installed here")

func (i *Installer) installed() error {
	if _, err := os.Stat(i.rooted(i.Layout.HelperDefinition)); err != nil {
		return fmt.Errorf("%w: there is no %s", ErrNotInstalled, i.Layout.HelperDefinition)
	}
	return nil
}

func (i *Installer) stopping() ([]step, error) {
	sessions, err := i.Sessions()
	if err != nil {
		return nil, fmt.Errorf("find out who is logged in: %w", err)
	}
	var steps []step
	for _, uid := range sessions {
		steps = append(steps, i.ending("usher-agent of "+userName(uid), Job{Agent: true, UID: uid}))
	}
	return append(steps, i.ending("usherd", Job{})), nil
}

func (i *Installer) ending(name string, job Job) step {
	return step{
		what: "stop " + name, continues: true,
		needed: func(ctx context.Context) (string, error) {
			state, err := i.Manager.State(ctx, job)
			if errors.Is(err, ErrNoDomain) {
				return "", nil
			}
			switch {
			case err != nil:
				return "", err
			case state.Running:
				return fmt.Sprintf("pid %d runs", state.PID), nil
			case state.Loaded && i.Layout.Mac():
				return "it is loaded", nil
			}
			return "", nil
		},
		do: func(ctx context.Context) (string, error) { return "", i.Manager.Unload(ctx, job) },
	}
}

// Service is the state of one service, from [Installer.Status].
type Service struct {
	// Name is "usherd" or "usher-agent". User is the user of an agent.
	Name string `json:"name"`
	User string `json:"user,omitempty"`
	UID  uint32 `json:"uid"`
	// Installed reports whether the definition exists.
	Installed bool   `json:"installed"`
	Loaded    bool   `json:"loaded"`
	Running   bool   `json:"running"`
	PID       int    `json:"pid,omitempty"`
	LastExit  string `json:"last_exit,omitempty"`
	// Problem says why the state could not be read.
	Problem string `json:"problem,omitempty"`
}

// Status returns the state of the helper, and of the agent of each of these users. A caller who is not root may only
// see their own agent; the rest is a Problem.
func (i *Installer) Status(ctx context.Context) ([]Service, error) {
	sessions, err := i.Sessions()
	if err != nil {
		return nil, fmt.Errorf("find out who is logged in: %w", err)
	}
	services := []Service{i.status(ctx, Service{Name: layout.HelperProgram}, Job{}, i.Layout.HelperDefinition)}
	for _, uid := range sessions {
		services = append(services, i.status(ctx, Service{Name: layout.AgentProgram, User: userName(uid), UID: uid},
			Job{Agent: true, UID: uid}, i.Layout.AgentDefinition))
	}
	return services, nil
}

func (i *Installer) status(ctx context.Context, service Service, job Job, definition string) Service {
	_, err := os.Stat(i.rooted(definition))
	service.Installed = err == nil
	state, err := i.Manager.State(ctx, job)
	service.Loaded, service.Running, service.PID, service.LastExit = state.Loaded, state.Running, state.PID,
		state.LastExit
	if err != nil {
		service.Problem = err.Error()
	}
	return service
}

// userName returns the name of a user for people.
func userName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if account, err := user.LookupId(number); err == nil {
		return account.Username
	}
	return "uid " + number
}
