package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"usher.internal/sim/natsserver"
)

const (
	// connectedGoal limits how much more memory usherd holds while it is connected to a fleet.
	connectedGoal = 1.01
	// settledWithin is how long Go's runtime wakes up to give memory back after some work. After that the bench counts
	// how often usherd wakes up.
	settledWithin = 45 * time.Second
	watchedFor    = 20 * time.Second
)

// measureConnected measures the cost of a connection to a fleet in which nobody asks.
func measureConnected(ctx context.Context, s *scene) (rows []row, err error) {
	folder, err := os.MkdirTemp("", "usher-bench-fleet-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	servers, err := natsserver.New(folder, 1)
	if err != nil {
		return nil, err
	}
	defer servers.Stop()
	if err := servers.Start(ctx); err != nil {
		return nil, err
	}
	const name = "MAC-OF-THE-BENCH"
	how, err := servers.Mac(name, time.Hour)
	if err != nil {
		return nil, err
	}
	before, sleptBefore, err := idle(ctx, s.Helper.PID())
	if err != nil {
		return nil, err
	}
	err = s.Set(map[string]any{"fleet.servers": how.Servers, "fleet.ca_file": how.CAFile,
		"fleet.credentials_file": how.CredentialsFile, "fleet.mac": name})
	if err != nil {
		return nil, err
	}
	if _, err := s.Helper.WaitLog(ctx, `msg="connected to the fleet"`, 0); err != nil {
		return nil, err
	}
	after, sleptAfter, err := idle(ctx, s.Helper.PID())
	if err != nil {
		return nil, err
	}
	rows = []row{
		{Measure: "memory: usherd, connected to a fleet", Unit: memory, Median: after.all,
			Reference: "the same, not connected", ReferenceMedian: before.all,
			Ratio: after.all / before.all, Goal: &goal{Ratio: connectedGoal}},
		{Measure: "memory: usherd, connected, without mapped files", Unit: memory, Median: after.anonymous,
			Reference: "the same, not connected", ReferenceMedian: before.anonymous,
			Ratio: after.anonymous / before.anonymous},
		{Measure: fmt.Sprintf("usherd, connected: how often its threads wake up in %s", watchedFor), Unit: times,
			Median: sleptAfter, Reference: "the same, not connected",
			ReferenceMedian: sleptBefore, Ratio: sleptAfter / max(1, sleptBefore)},
	}
	return rows, s.Set(map[string]any{"fleet.servers": []string{}})
}

// idle waits until a process has nothing to do. It returns the memory that the process holds and how often its threads
// woke up in a while.
func idle(ctx context.Context, pid int) (size resident, woken float64, err error) {
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := wait(settledWithin); err != nil {
		return size, 0, err
	}
	before, err := sleeps(pid)
	if err != nil {
		return size, 0, err
	}
	if err := wait(watchedFor); err != nil {
		return size, 0, err
	}
	after, err := sleeps(pid)
	if err != nil {
		return size, 0, err
	}
	size, err = residentMemory(pid)
	return size, after - before, err
}

// sleeps is how often the threads of a process have gone to sleep so far.
func sleeps(pid int) (total float64, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		return 0, err
	}
	for _, thread := range threads {
		content, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(content)) {
			if value, found := strings.CutPrefix(line, "voluntary_ctxt_switches:"); found {
				number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
				if err != nil {
					return 0, err
				}
				total += number
			}
		}
	}
	return total, nil
}
