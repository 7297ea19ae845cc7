package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"usher.internal/ctl/terminal"
	"usher.internal/internal/timeline"
	usherv1 "usher.internal/proto/usher/v1"
)

// hostAnswer is what came of a command on one of several Macs.
type hostAnswer struct {
	Host     string            `json:"host"`
	ExitCode exitCode          `json:"exit_code"`
	Data     []json.RawMessage `json:"data"`
	Error    *errorBody        `json:"error,omitempty"`
}

// severalTable is how a command's answers become rows of one table, beside the host and how it ended.
type severalTable struct {
	heading []string
	rows    func(a *app, data []json.RawMessage) [][]string
}

// severalTables are the commands that several Macs can be asked at once.
var severalTables = map[string]severalTable{
	"usherctl status": {
		[]string{"COMPUTER", "USER", "SESSION", "STATE", "SEEN", "LAST REGISTRATION", "USHERD", "PROBLEMS"},
		func(a *app, data []json.RawMessage) (rows [][]string) {
			status := decoded[usherv1.GetStatusResponse](data)
			if status == nil {
				return nil
			}
			users := status.GetUsers()
			if len(users) == 0 {
				users = []*usherv1.UserStatus{nil}
			}
			for _, user := range users {
				session := "-"
				if user != nil {
					session = sessionName(user)
				}
				rows = append(rows, []string{
					terminal.Dash(status.GetComputer().GetName()), terminal.Dash(user.GetUser().GetName()), session,
					identityName(user.GetIdentity().GetState()), a.Age(user.GetLookTime()),
					lastState(user.GetLastRegistration()), status.GetHelper().GetVersion(),
					strconv.Itoa(len(status.GetProblems())),
				})
			}
			return rows
		},
	},
	"usherctl registrations list": {
		[]string{"ID", "USER", "KIND", "STATE", "IDENTITY", "DELIVERY", "STARTED"},
		func(a *app, data []json.RawMessage) (rows [][]string) {
			for _, r := range decoded[usherv1.ListRegistrationsResponse](data).GetRegistrations() {
				rows = append(rows, a.registrationRow(r))
			}
			return rows
		},
	},
	"usherctl doctor": {
		[]string{"CHECK", "FOUND", "EVIDENCE", "FIX"},
		func(_ *app, data []json.RawMessage) (rows [][]string) {
			for i := range data {
				check := decoded[usherv1.Check](data[i : i+1])
				if check.GetResult() < usherv1.CheckResult_CHECK_RESULT_WARNING {
					continue
				}
				rows = append(rows, []string{check.GetName(), results[check.GetResult()], check.GetEvidence(),
					terminal.Dash(check.GetFix())})
			}
			return rows
		},
	},
	"usherctl timeline": {
		[]string{"USER", "BEGAN", "OUTCOME", "WHAT HAPPENED"},
		func(a *app, data []json.RawMessage) (rows [][]string) {
			for _, content := range data {
				var report timeline.Report
				if json.Unmarshal(content, &report) != nil || len(report.Attempts) == 0 {
					continue
				}
				last := report.Attempts[len(report.Attempts)-1]
				rows = append(rows, []string{terminal.Dash(last.User), a.Moment(last.Begin), string(last.Outcome),
					last.Verdict.Sentence})
			}
			return rows
		},
	},
}

// decoded is the message in data, nil where there is none.
func decoded[Message any, Pointer interface {
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

// askSeveral runs the command against each of the hosts, so many at a time, and prints one table.
func (a *app) askSeveral(ctx context.Context, hosts []host) error {
	shape, known := severalTables[a.Command]
	if !known {
		return fmt.Errorf("%s takes one --host: several can be asked with status, registrations list, "+
			"doctor and timeline", a.Command)
	}
	answers := make([]hostAnswer, len(hosts))
	var asking errgroup.Group
	asking.SetLimit(a.hostFlags.parallel)
	bar := a.Progress("asking " + terminal.Count(int64(len(hosts)), "host"))
	var mu sync.Mutex
	done := 0
	for i, target := range hosts {
		asking.Go(func() error {
			answers[i] = a.askOne(ctx, target)
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
		return explained(ctx.Err())
	}
	if a.JSON {
		if err := a.printValue(map[string]any{"hosts": answers}); err != nil {
			return err
		}
	} else {
		a.printSeveral(shape, answers)
	}
	return together(answers)
}

// askOne runs the command against one of several hosts.
func (a *app) askOne(ctx context.Context, target host) hostAnswer {
	var printed bytes.Buffer
	one := newApp(&terminal.Terminal{Out: &terminal.Output{To: &printed}, Err: io.Discard}, a.ConfigFile)
	one.goTo(target, true)
	answer := hostAnswer{Host: target.String(), ExitCode: one.run(ctx, a.arguments), Data: []json.RawMessage{}}
	lines := json.NewDecoder(&printed)
	for {
		var line envelope
		if lines.Decode(&line) != nil {
			return answer
		}
		if line.Error != nil {
			answer.Error = line.Error
		} else {
			answer.Data = append(answer.Data, line.Data)
		}
	}
}

// printSeveral prints the table, and below it why a host could not be asked.
func (a *app) printSeveral(shape severalTable, answers []hostAnswer) {
	var rows [][]string
	for _, answer := range answers {
		result := exitName(answer.ExitCode)
		if answer.Error != nil {
			result = answer.Error.Reason
		}
		of := shape.rows(a, answer.Data)
		if len(of) == 0 {
			of = [][]string{make([]string, len(shape.heading))}
			for i := range of[0] {
				of[0][i] = "-"
			}
		}
		for _, row := range of {
			rows = append(rows, append([]string{answer.Host, result}, row...))
		}
	}
	a.Table(append([]string{"HOST", "RESULT"}, shape.heading...), rows)
	for _, answer := range answers {
		if answer.Error != nil {
			message := answer.Error.Message
			if !strings.Contains(message, answer.Host) {
				message = answer.Host + ": " + message
			}
			fmt.Fprintf(a.Err, "usherctl: %s\n", terminal.Plain(message))
		}
	}
}

// exitName is what an exit code is called; done is what everybody calls ok.
func exitName(code exitCode) string {
	if code == exitDone {
		return "ok"
	}
	for _, one := range exitCodes {
		if one.code == code {
			return one.name
		}
	}
	return strconv.Itoa(int(code))
}

// together is what usherctl ends with for several hosts: what all of them ended with.
func together(answers []hostAnswer) error {
	first := answers[0].ExitCode
	for _, answer := range answers[1:] {
		if answer.ExitCode != first {
			return &failure{code: exitHostsDiffer}
		}
	}
	if first == exitDone {
		return nil
	}
	return &failure{code: first}
}
