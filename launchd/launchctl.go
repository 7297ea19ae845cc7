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

// Exit codes of launchctl(1): errno values and launchd's own [LAUNCHCTL].
const (
	launchctlNoSuchProcess = 3
	launchctlInputOutput   = 5
	launchctlInProgress    = 36
	launchctlAlready       = 37
	launchctlNoService     = 113
	launchctlNoSuchDomain  = 112
	launchctlUnsupported   = 125
)

// noDomain are the answers for a session that does not exist, or that takes no agents. Two were seen: "Bootstrap
// failed: 5: Input/output error" and "Bootstrap failed: 125: Domain does not support specified action" [LAUNCHCTL].
var noDomain = []int{launchctlUnsupported, launchctlNoSuchDomain}

// launchctl is the [Manager] of macOS: launchctl with domains.
type launchctl struct {
	program          command.Command
	helper, agent    string
	helperDefinition string
	agentDefinition  string
}

// Launchctl returns macOS's service manager. The program is [command.Launchctl], or a stand-in for it.
func Launchctl(program command.Command, l layout.Layout) Manager {
	return &launchctl{program: program, helper: layout.HelperLabel, agent: layout.AgentLabel,
		helperDefinition: l.HelperDefinition, agentDefinition: l.AgentDefinition}
}

// domain is the launchd domain of the job. target is the job's name for launchctl.
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

// Load implements [Manager]. After a bootout, launchd refuses a job for up to 15 seconds. A loaded job can also remain
// without a process, against its definition [LAUNCHCTL]. So Load checks the job, does what is missing, and checks
// again, until the job runs.
func (l *launchctl) Load(ctx context.Context, job Job) error { return l.loadAfter(ctx, job, 0) }

// loadAfter is Load, but a process with the pid before does not satisfy it; 0 means none.
func (l *launchctl) loadAfter(ctx context.Context, job Job, before int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, loadsWithin, errNotYet)
	defer cancel()
	var refused error // the last error of launchd
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
			return fmt.Errorf("wait for a process of %s: %w; run `launchctl print %s` for details", l.target(job),
				context.Cause(ctx), l.target(job))
		case <-time.After(loadAgain):
		}
	}
}

// bringUp does the missing steps to run the job, and reports whether it runs.
func (l *launchctl) bringUp(ctx context.Context, job Job, before int) (bool, error) {
	state, err := l.State(ctx, job)
	switch {
	case err != nil:
		return false, err
	case state.Leaving || state.Running && state.PID == before:
		return false, nil // it ends by itself
	case state.Running:
		return true, nil
	case !state.Loaded:
		// A job that was disabled by `launchctl unload -w` or `disable` could not be loaded.
		if err := l.run(ctx, "enable", l.target(job)); err != nil && !job.Agent {
			return false, err
		}
		if err := l.bootstrap(ctx, job); err != nil {
			return false, err
		}
	}
	// Explicitly, for a job that RunAtLoad has not started.
	if err := l.run(ctx, "kickstart", l.target(job)); err != nil {
		return false, err
	}
	state, err = l.State(ctx, job)
	return err == nil && state.Running && !state.Leaving && state.PID != before, err
}

// isTransient reports whether launchd may answer differently in a while: the job is about to end, or somebody else has
// just loaded it. launchd returns 5 for these, and for a definition that it does not accept. Only time shows which case
// it is.
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

// hasDomain reports whether the user has a graphical session.
func (l *launchctl) hasDomain(ctx context.Context, job Job) bool {
	output, err := l.program.With("print", l.domain(job)).Run(ctx)
	return err == nil && output.ExitCode == 0
}

// Restart implements [Manager]. It loads the job again, because launchd keeps the definition with which it was loaded.
// It loads every job that it has unloaded, even if the unloading failed half-way, or ctx has ended. Otherwise a Mac
// would be without usherd until it restarts.
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

// Unload implements [Manager]. launchctl may return before the process has ended.
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

// Enable implements [Manager]. launchd finds the definition at each login by its location.
func (l *launchctl) Enable(context.Context) error { return nil }

// Disable implements [Manager].
func (l *launchctl) Disable(context.Context) error { return nil }

// Forget implements [Manager]. launchd forgets a job when it is unloaded.
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

// StateHome implements [Manager]. macOS does not have it.
func (l *launchctl) StateHome(context.Context, uint32) (string, error) { return "", nil }

// launchctlError says that launchctl ran but failed.
type launchctlError struct {
	arguments []string
	exitCode  int
	said      string
}

// Error implements error.
func (e *launchctlError) Error() string {
	return fmt.Sprintf("launchctl %s: exit code %d: %s", strings.Join(e.arguments, " "), e.exitCode, e.said)
}

// longestSaid is the maximum length of a service manager's text in an error, in characters.
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

// parsePrint reads the output of `launchctl print` for a service. Its manual warns that the output is not an interface
// [LAUNCHCTL]. parsePrint reads only the lines "pid = N", "state = …" and "last exit code = …", at the service's own
// level of braces. They have existed since the first version of print.
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
			// SIGTERMed and SIGKILLed were seen, for a job that was booted out [LAUNCHCTL].
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
