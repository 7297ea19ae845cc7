package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"usher.internal/sim/flood"
	"usher.internal/sim/mac"
)

const (
	// floodRole is the role in which this program floods a socket as another user.
	floodRole = "flood"
	// floodedFor is how long each flood is measured.
	floodedFor = 10 * time.Second
	// coreForAFlood is the share of one core that a flood may cost usherd.
	coreForAFlood = 0.25
)

// playFlood floods until it is ended.
func playFlood(kind, socket string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	connected, err := flood.Run(ctx, kind, socket, func() { fmt.Println("flooding", socket) })
	fmt.Println(connected)
	return err
}

// measureFloodsAlone measures floods and nothing else.
func measureFloodsAlone(ctx context.Context) (rows []row, err error) {
	directory, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	s, err := setUp(ctx, directory)
	if s != nil {
		defer s.close()
	}
	if err != nil {
		return nil, err
	}
	return measureFloods(ctx, s)
}

// measureFloods measures how much of a core each flood by one user costs usherd.
func measureFloods(ctx context.Context, s *scene) (rows []row, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	flooder, err := s.AddUser(ctx, fmt.Sprintf("usher-flood-%d", os.Getpid()))
	if err != nil {
		return nil, err
	}
	// The flooder's account cannot reach this program where `go run` put it.
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	program = filepath.Join(s.Directory, "usher-bench-flood")
	if err := os.WriteFile(program, content, 0o755); err != nil {
		return nil, err
	}
	for _, socket := range []string{s.HelperSocket(), s.AgentSocket()} {
		for _, kind := range flood.Kinds() {
			if socket == s.AgentSocket() && kind != flood.Connects && kind != flood.Garbage {
				continue // before an agent is let in, usherd reads nothing
			}
			used, took, connected, err := flooded(ctx, program, kind, socket, flooder, s.Helper.PID())
			if err != nil {
				return nil, err
			}
			what := strings.ReplaceAll(kind, "-", " ")
			if connected > 0 {
				what += fmt.Sprintf(" (%.0f a second)", float64(connected)/took.Seconds())
			}
			allowed := took.Seconds() * coreForAFlood * 1e9
			rows = append(rows, row{
				Measure: fmt.Sprintf("flood of %s by one user, %s: processor time of usherd in %s",
					filepath.Base(socket), what, floodedFor),
				Unit: duration, Median: float64(used), Reference: "a quarter of one core", ReferenceMedian: allowed,
				Ratio: float64(used) / allowed, Goal: &goal{Ratio: 1},
			})
		}
	}
	return rows, nil
}

// flooded returns how long the processors ran a process while a user flooded its socket. It also returns the length of
// that time, and how often a flood of connections connected.
func flooded(ctx context.Context, program, kind, socket string, by *mac.User, pid int) (used, took time.Duration,
	connected int, err error) {
	command := exec.Command(program, floodRole, kind, socket)
	command.Dir, command.Stderr = "/", os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: by.UID, Gid: by.GID}}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return 0, 0, 0, err
	}
	if err := command.Start(); err != nil {
		return 0, 0, 0, err
	}
	defer func() {
		command.Process.Kill()
		command.Wait()
	}()
	said := bufio.NewReader(stdout)
	if _, err := said.ReadString('\n'); err != nil {
		return 0, 0, 0, fmt.Errorf("flood %s with %s: %w", socket, kind, err)
	}
	before, err := processorTime(pid)
	if err != nil {
		return 0, 0, 0, err
	}
	began := time.Now()
	select {
	case <-time.After(floodedFor):
	case <-ctx.Done():
		return 0, 0, 0, context.Cause(ctx)
	}
	took = time.Since(began)
	after, err := processorTime(pid)
	if err != nil {
		return 0, 0, 0, err
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, 0, 0, err
	}
	if _, err := fmt.Fscanln(said, &connected); err != nil {
		return 0, 0, 0, fmt.Errorf("flood %s with %s: %w", socket, kind, err)
	}
	return after - before, took, connected, nil
}

// processorTime is how long the processors have run a process so far (proc_pid_stat(5)).
func processorTime(pid int) (time.Duration, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	_, rest, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("read processor time of pid %d: %q", pid, content)
	}
	var ticks int
	for _, field := range fields[11:13] {
		number, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("read processor time of pid %d: %w", pid, err)
		}
		ticks += number
	}
	return time.Duration(ticks) * time.Second / 100, nil // USER_HZ
}
