package launchd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"usher.internal/internal/command"
	"usher.internal/internal/oneline"
)

// What launchctl(1) ends with, which are errno values and launchd's own [LAUNCHCTL].
const (
	launchctlNoSuchProcess = 3
	launchctlInputOutput   = 5
	launchctlInProgress    = 36
	launchctlAlready       = 37
	launchctlNoService     = 113
	launchctlNoSuchDomain  = 112
	launchctlUnsupported   = 125
)

// noDomain are the answers of a session that is not there, or is none that takes agents: seen are "Bootstrap failed: 5:
// Input/output error" and "Bootstrap failed: 125: Domain does not support specified action" (lessons.md).
var noDomain = []int{launchctlUnsupported, launchctlNoSuchDomain}

// launchctl is the [Manager] of macOS: launchctl with domains.
type launchctl struct {
	program          command.Command
	helper, agent    string
	helperDefinition string
	agentDefinition  string
}

// Launchctl returns macOS's service manager. The program is [command.Launchctl], or a stand-in of it.
func Launchctl(program command.Command, layout Layout) Manager {
	return &launchctl{program: program, helper: HelperLabel, agent: AgentLabel,
		helperDefinition: layout.HelperDefinition, agentDefinition: layout.AgentDefinition}
}

// domain is where launchd has the job, target what launchctl calls it.
func (l *launchctl) domain(job Job) string {
	if job.Agent {
		return "gui/" + strconv.FormatUint(uint64(job.UID), 10)
	}
	return "system"
}

func (l *launchctl) target(job Job) string {
	if job.Agent {
		return l.domain(job) + "/" + l.agent
	}
	return l.domain(job) + "/" + l.helper
}

func (l *launchctl) definition(job Job) string {
	if job.Agent {
		return l.agentDefinition
	}
	return l.helperDefinition
}

// Load implements [Manager]. A job can stay without a process after it was loaded although its definition says otherwise, so it is
// started in so many words, and looked at (lessons.md "launchd and upgrades").
func (l *launchctl) Load(ctx context.Context, job Job) error {
	state, err := l.State(ctx, job)
	if err != nil {
		return err
	}
	if !state.Loaded {
		// Who once disabled it by `launchctl unload -w` or `disable` would have a job that cannot be loaded.
		if err := l.run(ctx, "enable", l.target(job)); err != nil && !job.Agent {
			return err
		}
		if err := l.bootstrap(ctx, job); err != nil {
			return err
		}
	}
	if !state.Running {
		if err := l.run(ctx, "kickstart", l.target(job)); err != nil {
			return err
		}
	}
	if err := await(ctx, l, job, startsWithin, func(s State) bool { return s.Running }); err != nil {
		return fmt.Errorf("wait for a process of %s: %w; `launchctl print %s` tells more", l.target(job), err, l.target(job))
	}
	return nil
}

func (l *launchctl) bootstrap(ctx context.Context, job Job) error {
	err := l.run(ctx, "bootstrap", l.domain(job), l.definition(job))
	failed, answered := errors.AsType[*launchctlError](err)
	if !answered {
		return err
	}
	// launchd says "Input/output error" for a job that it has already, for a session that is going, and for a definition that it
	// does not take. What is there now tells which.
	if slices.Contains([]int{launchctlAlready, launchctlInputOutput}, failed.exitCode) {
		if state, stateErr := l.State(ctx, job); stateErr == nil && state.Loaded {
			return nil
		}
	}
	if job.Agent && (slices.Contains(noDomain, failed.exitCode) || failed.exitCode == launchctlInputOutput && !l.hasDomain(ctx, job)) {
		return fmt.Errorf("%w: %w", ErrNoDomain, err)
	}
	return err
}

// hasDomain tells whether the user has a graphical session.
func (l *launchctl) hasDomain(ctx context.Context, job Job) bool {
	output, err := l.program.With("print", l.domain(job)).Run(ctx)
	return err == nil && output.ExitCode == 0
}

// Restart implements [Manager]: it loads the job anew, for launchd keeps the definition that it was loaded with.
func (l *launchctl) Restart(ctx context.Context, job Job) error {
	if err := l.Unload(ctx, job); err != nil {
		return err
	}
	return l.Load(ctx, job)
}

// Unload implements [Manager]. launchctl returns before the process has ended where that takes long.
func (l *launchctl) Unload(ctx context.Context, job Job) error {
	err := l.run(ctx, "bootout", l.target(job))
	if failed, answered := errors.AsType[*launchctlError](err); answered {
		switch failed.exitCode {
		case launchctlNoSuchProcess, launchctlNoService, launchctlNoSuchDomain, launchctlUnsupported:
			return nil // it is not loaded
		case launchctlInProgress:
			err = nil
		}
	}
	if err != nil {
		return err
	}
	if err := await(ctx, l, job, endsWithin, func(s State) bool { return !s.Loaded }); err != nil {
		return fmt.Errorf("wait for the end of %s: %w", l.target(job), err)
	}
	return nil
}

// State implements [Manager].
func (l *launchctl) State(ctx context.Context, job Job) (State, error) {
	output, err := l.program.With("print", l.target(job)).Run(ctx)
	if err != nil {
		return State{}, err
	}
	switch output.ExitCode {
	case 0:
		return parsePrint(output.Stdout), nil
	case launchctlNoService, launchctlNoSuchDomain, launchctlNoSuchProcess, launchctlUnsupported:
		return State{}, nil
	}
	return State{}, &launchctlError{[]string{"print", l.target(job)}, output.ExitCode, said(output)}
}

// Enabled implements [Manager].
func (l *launchctl) Enabled(context.Context) (bool, error) { return true, nil }

// Enable implements [Manager]: the definition stands where launchd looks for it at each login.
func (l *launchctl) Enable(context.Context) error { return nil }

// Disable implements [Manager].
func (l *launchctl) Disable(context.Context) error { return nil }

// Forget implements [Manager]: launchd forgets a job when it is unloaded.
func (l *launchctl) Forget(context.Context, Job) error { return nil }

func (l *launchctl) run(ctx context.Context, arguments ...string) error {
	output, err := l.program.With(arguments...).Run(ctx)
	if err != nil {
		return err
	}
	if output.ExitCode != 0 {
		return &launchctlError{arguments, output.ExitCode, said(output)}
	}
	return nil
}

// launchctlError is that launchctl ran and did not do it.
type launchctlError struct {
	arguments []string
	exitCode  int
	said      string
}

// Error implements error.
func (e *launchctlError) Error() string {
	return fmt.Sprintf("launchctl %s: exit code %d: %s", strings.Join(e.arguments, " "), e.exitCode, e.said)
}

// longestSaid bounds what a service manager says in an error, in characters.
const longestSaid = 300

func said(output command.Output) string {
	text := strings.TrimSpace(string(output.Stderr))
	if text == "" {
		text = strings.TrimSpace(string(output.Stdout))
	}
	if text == "" {
		return "it says nothing"
	}
	return oneline.Of(text, longestSaid)
}

// parsePrint reads what `launchctl print` says of a service. Its manual warns that this is no interface [LAUNCHCTL]; used are the
// lines "pid = N" and "last exit code = …", which have been there since print is, at the service's own level of braces alone.
func parsePrint(output []byte) State {
	state := State{Loaded: true}
	depth := 0
	for lines := bufio.NewScanner(bytes.NewReader(output)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		switch {
		case strings.HasSuffix(line, "{"):
			depth++
			continue
		case line == "}":
			depth--
			continue
		case depth != 1:
			continue
		}
		key, value, found := strings.Cut(line, " = ")
		if !found {
			continue
		}
		switch key {
		case "pid":
			if pid, err := strconv.Atoi(value); err == nil && pid > 0 {
				state.PID, state.Running = pid, true
			}
		case "last exit code":
			if !strings.HasPrefix(value, "(") { // "(never exited)"
				state.LastExit = oneline.Of(value, longestSaid)
			}
		}
	}
	return state
}
