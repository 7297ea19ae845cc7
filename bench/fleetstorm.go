package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"usher.internal/ctl/fleetview"
	"usher.internal/sim/natsserver"
)

// measureStorm has every Mac publish changes at once, and checks that none is lost.
func measureStorm(ctx context.Context, servers *natsserver.Fleet, admin *fleetview.Client, macs *crowd,
	count int) ([]row, error) {
	progress("a storm of %d changes", count*stormChanges)
	began := time.Now()
	if _, err := fmt.Fprintln(macs.input, "storm"); err != nil {
		return nil, err
	}
	if said, err := macs.read(); err != nil || said != "published" {
		return nil, fmt.Errorf("the storm: %q: %w", said, err)
	}
	took := time.Since(began)
	kept := 0
	if err := admin.Changes(ctx, "", func(change *fleetview.Change) error {
		if change.UID != 0 {
			kept++
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if kept != count*stormChanges {
		return nil, fmt.Errorf("of %d changes the stream has %d", count*stormChanges, kept)
	}
	one := row{Measure: fmt.Sprintf("fleet: a change, in a storm of %d from %d Macs, none lost", count*stormChanges,
		count), Unit: duration, Median: float64(took) / float64(count*stormChanges)}
	each, err := benchByNATS(ctx, len(samplePayload(macNumber(0))))
	if err != nil {
		progress("nats bench: %v", err)
		one.Reference = "nats bench (could not be run)"
	} else {
		one.Reference, one.ReferenceMedian, one.Ratio = "nats bench js pub sync, 64 clients, no TLS", each,
			one.Median/each
	}
	return []row{one}, nil
}

// benchByNATS is the time of a change with NATS's own tool, on a separate server without TLS and permissions.
func benchByNATS(ctx context.Context, size int) (each float64, err error) {
	folder, err := os.MkdirTemp("", "usher-bench-nats-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	configuration := filepath.Join(folder, "open.conf")
	const port = 14299
	if err := os.WriteFile(configuration,
		fmt.Appendf(nil, "listen: 127.0.0.1:%d\njetstream { store_dir: %q }\n", port, filepath.Join(folder, "store")),
		0o600); err != nil {
		return 0, err
	}
	server := natsserver.NewServer("127.0.0.1", port, configuration)
	if err := server.Start(ctx); err != nil {
		return 0, err
	}
	defer server.Kill()
	const messages = 30_000
	command := exec.CommandContext(ctx, "go", "run", natsTool, "--server", fmt.Sprintf("nats://127.0.0.1:%d", port),
		"bench", "js", "pub", "sync", "bench",
		"--create", "--storage", "file", "--clients", "64", "--msgs", strconv.Itoa(messages), "--size",
		strconv.Itoa(size), "--no-progress")
	command.Dir = folder
	output, err := command.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, output)
	}
	// NATS JetStream synchronous publisher aggregated stats: 12,345 msgs/sec ~ 4.1 MiB/sec
	for line := range strings.Lines(string(output)) {
		_, after, found := strings.Cut(line, "stats: ")
		number, _, more := strings.Cut(after, " msgs/sec")
		if !found || !more || !strings.Contains(line, "aggregated") {
			continue
		}
		if rate, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64); err == nil && rate > 0 {
			return float64(time.Second) / rate, nil
		}
	}
	return 0, fmt.Errorf("it printed no rate: %s", output)
}
