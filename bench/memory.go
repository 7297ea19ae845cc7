package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A program is idle when it has had nothing to do for this long.
const idleFor = 3 * time.Second

// The goals of the two programs, idle with one session (docs/performance.md).
const (
	helperGoal = 20e6
	agentGoal  = 15e6
)

// resident is the memory of a process in bytes: all of it, and the part that is not a mapped file.
type resident struct{ all, anonymous float64 }

// measureMemory measures usherd and the agent after a successful registration, beside a gRPC server that has only two
// constant answers.
func measureMemory(ctx context.Context, s *scene, plain *reference) ([]row, error) {
	select {
	case <-time.After(idleFor):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	server, err := residentMemory(plain.pid())
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, program := range []struct {
		name string
		pid  int
		goal float64
	}{
		{"usherd", s.Helper.PID(), helperGoal},
		{"usher-agent", s.user.Agent.PID(), agentGoal},
	} {
		size, err := residentMemory(program.pid)
		if err != nil {
			return nil, err
		}
		rows = append(rows,
			row{Measure: "memory: " + program.name + ", idle, one session", Unit: memory, Median: size.all,
				Reference: "minimal gRPC server", ReferenceMedian: server.all, Ratio: size.all / server.all,
				Goal: &goal{AtMost: program.goal}},
			row{Measure: "memory: " + program.name + ", without mapped files", Unit: memory, Median: size.anonymous,
				Reference: "minimal gRPC server", ReferenceMedian: server.anonymous,
				Ratio: size.anonymous / server.anonymous})
	}
	return rows, nil
}

func residentMemory(pid int) (size resident, err error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return size, fmt.Errorf("read memory: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(line, ":")
		figure := map[string]*float64{"VmRSS": &size.all, "RssAnon": &size.anonymous}[name]
		if figure == nil {
			continue
		}
		kibibytes, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		if err != nil {
			return size, fmt.Errorf("read memory of pid %d: %w", pid, err)
		}
		*figure = float64(kibibytes) * 1024
	}
	return size, nil
}
