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
	"time"

	"usher.internal/internal/command"
	"usher.internal/internal/layout"
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
// Input/output error" and "Bootstrap failed: 125: Domain does not support specified action" [LAUNCHCTL].
var noDomain = []int{launchctlUnsupported, launchctlNoSuchDomain}

// launchctl is the [Manager] of macOS: launchctl with domains.
type launchctl struct {
	program          command.Command
	helper, agent    string
	helperDefinition string
	agentDefinition  string
}

// Launchctl returns macOS's service manager. The program is [command.Launchctl], or a stand-in of it.
func Launchctl(program command.Command, l layout.Layout) Manager {
	return &launchctl{program: program, helper: layout.HelperLabel, agent: layout.AgentLabel,
		helperDefinition: l.HelperDefinition, agentDefinition: l.AgentDefinition}
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

// Load implements [Manager]. After a bootout launchd refuses a job for up to 15 seconds, and a job can stay without a
// process after it was loaded although its definition says otherwise [LAUNCHCTL]. So the job is
// looked at, what it lacks is done, and it is looked at again, until it runs.
func (l *launchctl) Load(ctx context.Context, job Job) error { return l.loadAfter(ctx, job, 0) }

// loadAfter is Load, where a process with the pid before is none that is wanted; 0 is none.
func (l *launchctl) loadAfter(ctx context.Context, job Job, before int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, loadsWithin, errNotYet)
	defer cancel()
	var refused error // by launchd, last
	for {
		running, err := l.bringUp(ctx, job, before)
		switch {
		case running:
			return nil
		case ctx.Err() != nil:
		case err != nil && !isTransient(err):
			return err
		case err != nil:
			refused = err
		}
		select {
		case <-ctx.Done():
			if refused != nil {
				return fmt.Errorf("%w (%w)", refused, context.Cause(ctx))
			}
			return fmt.Errorf("wait for a process of %s: %w; `launchctl print %s` tells more", l.target(job),
				context.Cause(ctx), l.target(job))
		case <-time.After(loadAgain):
		}
	}
}

// bringUp does what the job lacks to run, and reports whether it runs.
func (l *launchctl) bringUp(ctx context.Context, job Job, before int) (bool, error) {
	state, err := l.State(ctx, job)
	switch {
	case err != nil:
		return false, err
	case state.Leaving || state.Running && state.PID == before:
		return false, nil // it goes by itself
	case state.Running:
		return true, nil
	case !state.Loaded:
		// Who once disabled it by `launchctl unload -w` or `disable` would have a job that cannot be loaded.
		if err := l.run(ctx, "enable", l.target(job)); err != nil && !job.Agent {
			return false, err
		}
		if err := l.bootstrap(ctx, job); err != nil {
			return false, err
		}
	}
	// In so many words, for a job that RunAtLoad has not started.
	if err := l.run(ctx, "kickstart", l.target(job)); err != nil {
		return false, err
	}
	state, err = l.State(ctx, job)
	return err == nil && state.Running && !state.Leaving && state.PID != before, err
}

// isTransient reports whether launchd may answer otherwise in a while: it has a job that is going, or one that somebody
// else has loaded meanwhile. It says 5 for these and for a definition that it does not take; which of them it is only
// time shows.
func isTransient(err error) bool {
	if errors.Is(err, ErrNoDomain) {
		return false
	}
	failed, answered := errors.AsType[*launchctlError](err)
	return answered && slices.Contains(
		[]int{launchctlNoSuchProcess, launchctlInputOutput, launchctlInProgress, launchctlAlready, launchctlNoService},
		failed.exitCode)
}

func (l *launchctl) bootstrap(ctx context.Context, job Job) error {
	err := l.run(ctx, "bootstrap", l.domain(job), l.definition(job))
	failed, answered := errors.AsType[*launchctlError](err)
	if answered && job.Agent && (slices.Contains(noDomain, failed.exitCode) ||
		failed.exitCode == launchctlInputOutput && !l.hasDomain(ctx, job)) {
		return fmt.Errorf("%w: %w", ErrNoDomain, err)
	}
	return err
}

// hasDomain tells whether the user has a graphical session.
func (l *launchctl) hasDomain(ctx context.Context, job Job) bool {
	output, err := l.program.With("print", l.domain(job)).Run(ctx)
	return err == nil && output.ExitCode == 0
}

// Restart implements [Manager]: it loads the job again, because launchd keeps the definition that it was loaded with.
// What it has unloaded it loads, also when the unloading failed half-way and when ctx ends meanwhile: a Mac without
// usherd would stay so until it is started again.
func (l *launchctl) Restart(ctx context.Context, job Job) error {
	state, err := l.State(ctx, job)
	if err != nil {
		return err
	}
	unloading := l.Unload(ctx, job)
	if err := l.loadAfter(context.WithoutCancel(ctx), job, state.PID); err != nil {
		return errors.Join(unloading, err)
	}
	return context.Cause(ctx)
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

// StateHome implements [Manager]. macOS has none.
func (l *launchctl) StateHome(context.Context, uint32) (string, error) { return "", nil }

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

// parsePrint reads what `launchctl print` says of a service. Its manual warns that this is no interface [LAUNCHCTL];
// used are the lines "pid = N", "state = …" and "last exit code = …", which have been there since print is, at the
// service's own level of braces alone.
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
		case "state":
			// Seen are SIGTERMed and SIGKILLed, of a job that was booted out [LAUNCHCTL].
			state.Leaving = strings.HasPrefix(value, "SIG")
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
	state.Running = state.Running && !state.Leaving
	return state
}
