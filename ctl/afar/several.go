package afar

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/english"
	"usher.internal/internal/envelope"
)

// hostAnswer is the result of a command on one of several Macs.
type hostAnswer struct {
	Host     string            `json:"host"`
	ExitCode answer.ExitCode   `json:"exit_code"`
	Data     []json.RawMessage `json:"data"`
	Error    *envelope.Failure `json:"error,omitempty"`
}

// Table says how the answers of a command become rows of one table, beside the host and how the command ended there.
type Table struct {
	Heading []string
	// Rows returns the rows of one Mac, from the data in its output.
	Rows func(data []json.RawMessage) [][]string
}

// Decoded returns the message in data, or nil if there is none.
func Decoded[Message any, Pointer interface {
	*Message
	proto.Message
}](data []json.RawMessage) Pointer {
	if len(data) == 0 {
		return nil
	}
	message := Pointer(new(Message))
	if (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data[0], message) != nil {
		return nil
	}
	return message
}

// askSeveral runs the command against the hosts, at most so many at a time, and prints one table.
func (h *Hosts) askSeveral(ctx context.Context, hosts []Host, table Table) error {
	answers := make([]hostAnswer, len(hosts))
	var asking errgroup.Group
	asking.SetLimit(h.parallel)
	bar := h.Client.Progress("asking " + english.Count(len(hosts), "host"))
	var mu sync.Mutex
	done := 0
	for i, target := range hosts {
		asking.Go(func() error {
			answers[i] = h.askOne(ctx, target)
			mu.Lock()
			defer mu.Unlock()
			done++
			bar.Show(done, len(hosts))
			return nil
		})
	}
	asking.Wait()
	bar.End()
	if ctx.Err() != nil {
		return answer.Explained(ctx.Err())
	}
	if h.Client.JSON {
		if err := h.Client.Print(map[string]any{"hosts": answers}); err != nil {
			return err
		}
	} else {
		h.printSeveral(table, answers)
	}
	return together(answers)
}

// askOne runs the command against one of several hosts.
func (h *Hosts) askOne(ctx context.Context, target Host) hostAnswer {
	var printed bytes.Buffer
	said := hostAnswer{Host: target.String(), ExitCode: h.Run(ctx, target, &printed), Data: []json.RawMessage{}}
	lines := json.NewDecoder(&printed)
	for {
		var line envelope.Envelope
		if lines.Decode(&line) != nil {
			return said
		}
		if line.Error != nil {
			said.Error = line.Error
		} else {
			said.Data = append(said.Data, line.Data)
		}
	}
}

// printSeveral prints the table, and below it why a host could not be asked.
func (h *Hosts) printSeveral(table Table, answers []hostAnswer) {
	var rows [][]string
	for _, said := range answers {
		result := answer.ExitName(said.ExitCode)
		if said.Error != nil {
			result = said.Error.Reason
		}
		of := table.Rows(said.Data)
		if len(of) == 0 {
			of = [][]string{make([]string, len(table.Heading))}
			for i := range of[0] {
				of[0][i] = "-"
			}
		}
		for _, row := range of {
			rows = append(rows, append([]string{said.Host, result}, row...))
		}
	}
	h.Client.Table(append([]string{"HOST", "RESULT"}, table.Heading...), rows)
	for _, said := range answers {
		if said.Error != nil {
			message := said.Error.Message
			if !strings.Contains(message, said.Host) {
				message = said.Host + ": " + message
			}
			fmt.Fprintf(h.Client.Err, "usherctl: %s\n", terminal.Plain(message))
		}
	}
}

// together is usherctl's exit for several hosts: the exit that all of them had in common.
func together(answers []hostAnswer) error {
	first := answers[0].ExitCode
	for _, said := range answers[1:] {
		if said.ExitCode != first {
			return &answer.Failure{Code: answer.ExitHostsDiffer}
		}
	}
	if first == answer.ExitDone {
		return nil
	}
	return &answer.Failure{Code: first}
}
