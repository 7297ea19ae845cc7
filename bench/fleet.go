package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"usher.internal/ctl/fleetsetup"
	"usher.internal/ctl/fleetview"
	"usher.internal/internal/fleet"
	"usher.internal/sim/natsserver"
)

// The roles of the processes that hold the Macs: usher's own package, and nats.go without usher's code.
const (
	macsRole = "fleet-macs"
	bareRole = "fleet-bare"
)

const (
	// fleetQuestions is how often each fleet is asked; the result is the median.
	fleetQuestions = 7
	// stormChanges are how many changes each Mac publishes in the storm.
	stormChanges = 3
	// connectingAtOnce are how many Macs connect at a time.
	connectingAtOnce = 64
	// natsTool is NATS's own tool, which measures the capacity of a server.
	natsTool = "github.com/nats-io/natscli/nats@v0.5.1"
)

// The goals of the fleet.
const (
	answerGoal = float64(time.Second)
	bareGoal   = 1.5
)

var fleetSizes = []int{1_000, 5_000, 10_000}

// measureFleet measures one stock server with simulated Macs, each with its own TLS connection and credentials.
func measureFleet(ctx context.Context) (rows []row, err error) {
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
	progress("making credentials of %d Macs", fleetSizes[len(fleetSizes)-1])
	var names []string
	for i := range fleetSizes[len(fleetSizes)-1] {
		names = append(names, macNumber(i))
	}
	if _, err := fleetsetup.CredentialsFor(servers.Directory, names, filepath.Join(servers.Directory, "macs"),
		time.Hour); err != nil {
		return nil, err
	}
	if err := servers.Start(ctx); err != nil {
		return nil, err
	}
	empty, err := residentMemory(servers.Servers[0].PID())
	if err != nil {
		return nil, err
	}
	byCount := make(map[int]float64)
	for _, count := range fleetSizes {
		one, err := measureFleetOf(ctx, servers, count, empty)
		if err != nil {
			return nil, fmt.Errorf("%d Macs: %w", count, err)
		}
		byCount[count] = one[0].Median
		rows = append(rows, one...)
	}
	smallest, largest := fleetSizes[0], fleetSizes[len(fleetSizes)-1]
	grown := byCount[largest] / byCount[smallest] / (float64(largest) / float64(smallest))
	rows = append(rows, row{
		Measure: "fleet: how 99 % of answers grow", Unit: duration, Median: byCount[largest],
		Reference:       fmt.Sprintf("%d times that of %d", largest/smallest, smallest),
		ReferenceMedian: byCount[smallest] * float64(largest) / float64(smallest),
		Ratio:           grown, Goal: &goal{Ratio: 1},
	})
	return rows, nil
}

func macNumber(number int) string { return fmt.Sprintf("MAC-%05d", number) }

// crowd is a process that holds Macs.
type crowd struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Scanner
}

func startCrowd(ctx context.Context, role string, servers *natsserver.Fleet, count int) (*crowd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self, role, strconv.Itoa(count), servers.Directory,
		strings.Join(servers.URLs(), ","))
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	c := &crowd{command, input, bufio.NewScanner(output)}
	if _, err := c.read(); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// read reads the next line that the crowd says.
func (c *crowd) read() (string, error) {
	if !c.output.Scan() {
		return "", fmt.Errorf("the Macs have ended: %w", errors.Join(c.output.Err(), io.ErrUnexpectedEOF))
	}
	return c.output.Text(), nil
}

func (c *crowd) stop() {
	c.input.Close()
	_ = c.command.Wait()
}

// measureFleetOf measures that many Macs; empty is the memory of the server before any Mac connected.
func measureFleetOf(ctx context.Context, servers *natsserver.Fleet, count int, empty resident) (rows []row, err error) {
	admin, err := servers.Admin(ctx)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	progress("connecting %d Macs", count)
	macs, err := startCrowd(ctx, macsRole, servers, count)
	if err != nil {
		return nil, err
	}
	defer func() {
		if macs != nil {
			macs.stop()
		}
	}()
	with, err := residentMemory(servers.Servers[0].PID())
	if err != nil {
		return nil, err
	}
	answered, whole, err := askFleet(ctx, admin, count)
	if err != nil {
		return nil, err
	}
	var storm []row
	if count == fleetSizes[len(fleetSizes)-1] {
		if storm, err = measureStorm(ctx, servers, admin, macs, count); err != nil {
			return nil, err
		}
	}
	macs.stop()
	macs = nil

	progress("connecting %d bare responders", count)
	bare, err := startCrowd(ctx, bareRole, servers, count)
	if err != nil {
		return nil, err
	}
	defer bare.stop()
	reference, err := askBare(ctx, servers, count)
	if err != nil {
		return nil, err
	}
	rows = append(rows, row{
		Measure: fmt.Sprintf("fleet: 99 %% of %d Macs have answered", count), Unit: duration, Median: answered,
		Reference: "bare nats.go, the same payload", ReferenceMedian: reference, Ratio: answered / reference,
		Goal: &goal{Ratio: bareGoal},
	})
	if count == fleetSizes[len(fleetSizes)-1] {
		rows = append(rows, row{Measure: fmt.Sprintf("fleet: %d Macs, against a second", count), Unit: duration,
			Median: answered, Goal: &goal{AtMost: answerGoal}},
			row{Measure: fmt.Sprintf("fleet: %d Macs, all of usherctl's report", count), Unit: duration,
				Median: whole})
	}
	rows = append(rows, row{Measure: fmt.Sprintf("fleet: memory of nats-server for each of %d Macs", count),
		Unit: memory, Median: (with.all - empty.all) / float64(count)})
	rows = append(rows, storm...)
	if count == fleetSizes[len(fleetSizes)-1] {
		rows = append(rows, row{Measure: "fleet: bytes of a status", Unit: memory,
			Median: float64(len(samplePayload(macNumber(0))))})
	}
	return rows, nil
}

// ninetyNine is when 99 % had answered.
func ninetyNine(times []time.Duration, count int) float64 {
	slices.Sort(times)
	return float64(times[count*99/100-1])
}

// askFleet asks with usher's own package. It returns two times: until 99 % had answered after the question, and until
// the report was there. The second time starts when the last known states are read, before the question.
func askFleet(ctx context.Context, admin *fleetview.Client, count int) (answered, whole float64, err error) {
	var medians, wholes []float64
	for range fleetQuestions {
		began := time.Now()
		report, err := admin.Ask(ctx, fleetview.Question{Timeout: 20 * time.Second})
		if err != nil {
			return 0, 0, err
		}
		wholes = append(wholes, float64(time.Since(began)))
		var times []time.Duration
		for _, one := range report.Macs {
			if one.Answer == fleetview.Answered {
				times = append(times, one.Took)
			}
		}
		if len(times) < count {
			return 0, 0, fmt.Errorf("only %d of %d Macs answered", len(times), count)
		}
		medians = append(medians, ninetyNine(times, count))
		if err := breathe(ctx); err != nil {
			return 0, 0, err
		}
	}
	return median(medians), median(wholes), nil
}

// breathe lets the Macs' limits recover and the garbage collectors run.
func breathe(ctx context.Context) error {
	select {
	case <-time.After(500 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// askBare asks with nats.go only, and reads no answer.
func askBare(ctx context.Context, servers *natsserver.Fleet, count int) (float64, error) {
	how := servers.Access(filepath.Join(servers.Directory, "admin", "admin.creds"))
	options, err := how.Options("bench", fleetsetup.AdminName)
	if err != nil {
		return 0, err
	}
	conn, err := nats.Connect(strings.Join(how.Servers, ","), options...)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	var medians []float64
	for question := range fleetQuestions {
		var began time.Time
		times := make([]time.Duration, 0, count)
		all := make(chan struct{})
		query := fmt.Sprintf("bare%d", question)
		answers, _ := fleet.AnswerOf(query, "*")
		subscription, err := conn.Subscribe(answers, func(*nats.Msg) {
			if times = append(times, time.Since(began)); len(times) == count {
				close(all)
			}
		})
		if err != nil {
			return 0, err
		}
		if err := errors.Join(subscription.SetPendingLimits(-1, -1), conn.Flush()); err != nil {
			return 0, err
		}
		began = time.Now()
		if err := conn.Publish(fleet.StatusOfAll, []byte(query)); err != nil {
			return 0, err
		}
		select {
		case <-all:
		case <-time.After(20 * time.Second):
			return 0, errors.New("bare responders did not all answer")
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
		subscription.Unsubscribe()
		medians = append(medians, ninetyNine(times, count))
		if err := breathe(ctx); err != nil {
			return 0, err
		}
	}
	return median(medians), nil
}
