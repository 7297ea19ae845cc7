package launchd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"usher.internal/internal/command"
	"usher.internal/internal/layout"
)

// systemctl is the [Manager] of Linux: the system's systemd, and that of each user.
type systemctl struct {
	program  command.Command
	runtimes string
	group    func(uid uint32) (gid uint32, err error)
}

// Systemctl returns Linux's service manager. The program is [command.Systemctl]. group returns the primary group of a
// user; systemctl runs as that user to ask their own service manager.
func Systemctl(program command.Command, group func(uid uint32) (gid uint32, err error)) Manager {
	return &systemctl{program: program, runtimes: "/run/user", group: group}
}

func (s *systemctl) unit(job Job) string {
	if job.Agent {
		return layout.AgentUnit
	}
	return layout.HelperUnit
}

// Load implements [Manager].
func (s *systemctl) Load(ctx context.Context, job Job) error {
	return s.begin(ctx, job, "start")
}

// Restart implements [Manager].
func (s *systemctl) Restart(ctx context.Context, job Job) error {
	return s.begin(ctx, job, "restart")
}

// begin makes systemd read the current definition, and start the job.
func (s *systemctl) begin(ctx context.Context, job Job, verb string) error {
	if err := s.run(ctx, job, "daemon-reload"); err != nil {
		return err
	}
	if job.Agent { // an agent that ended for good does not start again by itself
		_ = s.run(ctx, job, "reset-failed", s.unit(job))
	}
	if err := s.run(ctx, job, verb, s.unit(job)); err != nil {
		return err
	}
	if err := await(ctx, s, job, startsWithin, func(state State) bool { return state.Running }); err != nil {
		return fmt.Errorf("wait for a process of %s: %w", s.unit(job), err)
	}
	return nil
}

// Unload implements [Manager].
func (s *systemctl) Unload(ctx context.Context, job Job) error {
	state, err := s.State(ctx, job)
	if errors.Is(err, ErrNoDomain) {
		return nil
	}
	if err != nil || !state.Loaded {
		return err
	}
	if err := s.run(ctx, job, "stop", s.unit(job)); err != nil {
		return err
	}
	// A unit that failed remains known. It would be listed as failed for ever, even after its definition is removed.
	_ = s.run(ctx, job, "reset-failed", s.unit(job))
	return nil
}

// State implements [Manager].
func (s *systemctl) State(ctx context.Context, job Job) (State, error) {
	output, err := s.ask(ctx, job, "show",
		"--property=LoadState,ActiveState,MainPID,Result,ExecMainStatus,ExecMainCode", s.unit(job))
	if err != nil {
		return State{}, err
	}
	return parseShow(output), nil
}

// Enabled implements [Manager].
func (s *systemctl) Enabled(ctx context.Context) (bool, error) {
	for _, arguments := range [][]string{{"is-enabled", layout.HelperUnit},
		{"--global", "is-enabled", layout.AgentUnit}} {
		output, err := s.program.With(arguments...).Run(ctx)
		if err != nil || output.ExitCode != 0 {
			return false, err
		}
	}
	return true, nil
}

// Enable implements [Manager].
func (s *systemctl) Enable(ctx context.Context) error {
	if err := s.run(ctx, Job{}, "enable", layout.HelperUnit); err != nil {
		return err
	}
	return s.run(ctx, Job{}, "--global", "enable", layout.AgentUnit)
}

// Disable implements [Manager].
func (s *systemctl) Disable(ctx context.Context) error {
	return errors.Join(s.run(ctx, Job{}, "disable", layout.HelperUnit),
		s.run(ctx, Job{}, "--global", "disable", layout.AgentUnit))
}

// StateHome implements [Manager].
func (s *systemctl) StateHome(ctx context.Context, uid uint32) (string, error) {
	output, err := s.ask(ctx, Job{Agent: true, UID: uid}, "show-environment", "--output=json")
	if err != nil {
		return "", err
	}
	var environment map[string]string
	if err := json.Unmarshal([]byte(output), &environment); err != nil {
		return "", fmt.Errorf("systemctl show-environment: %w", err)
	}
	return environment["XDG_STATE_HOME"], nil
}

// Forget implements [Manager].
func (s *systemctl) Forget(ctx context.Context, job Job) error {
	return s.run(ctx, job, "daemon-reload")
}

func (s *systemctl) run(ctx context.Context, job Job, arguments ...string) error {
	_, err := s.ask(ctx, job, arguments...)
	return err
}

func (s *systemctl) ask(ctx context.Context, job Job, arguments ...string) (string, error) {
	program := s.program
	if job.Agent {
		runtime := filepath.Join(s.runtimes, strconv.FormatUint(uint64(job.UID), 10))
		if _, err := os.Stat(filepath.Join(runtime, "systemd", "private")); err != nil {
			return "", fmt.Errorf("%w: the user has no service manager: %w", ErrNoDomain, err)
		}
		gid, err := s.group(job.UID)
		if err != nil {
			return "", err
		}
		program = program.As(job.UID, gid, "XDG_RUNTIME_DIR="+runtime).With("--user")
	}
	output, err := program.With(arguments...).Run(ctx)
	if err != nil {
		return "", err
	}
	if output.ExitCode != 0 {
		return "", fmt.Errorf("systemctl %s: exit code %d: %s", strings.Join(arguments, " "), output.ExitCode,
			said(output))
	}
	return string(output.Stdout), nil
}

// parseShow reads the output of `systemctl show` for a unit.
func parseShow(output string) State {
	properties := map[string]string{}
	for line := range strings.Lines(output) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		properties[key] = value
	}
	active := properties["ActiveState"]
	state := State{Loaded: properties["LoadState"] == "loaded" || active != "inactive" && active != ""}
	if pid, err := strconv.Atoi(properties["MainPID"]); err == nil && pid > 0 {
		state.PID, state.Running = pid, true
	}
	if result := properties["Result"]; result != "success" && result != "" {
		state.LastExit = result
		if result == "exit-code" {
			state.LastExit = "exit code " + properties["ExecMainStatus"]
		}
	}
	return state
}
