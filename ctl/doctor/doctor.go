// Package doctor shows usherd's checks of what a registration needs, each with its fix.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"usher.internal/ctl/afar"
	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/config"
	usherv1 "usher.internal/proto/usher/v1"
)

// silentWithin is how long the helper may take from one check to the next; each check has a shorter limit of its own.
const silentWithin = time.Minute

// Command returns `usherctl doctor`, and the table of several Macs.
func Command(client *ask.Client) (*cobra.Command, *afar.Table) {
	var quiet bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Check what a registration needs, with the evidence and the fix",
		Long: `Examine what a registration and its delivery need: one line for each check as it arrives, and the fix
below each problem. Root and admins see everybody's session, a user only their own. The exit code is 0 if all
is well, 18 for a warning and 19 if a check failed. docs/troubleshooting.md lists the checks.`,
		Example: "  " + config.Sudo("doctor") + "\n" +
			"  " + config.Sudo("doctor --quiet"),
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return (&examination{client: client, quiet: quiet, counts: make(map[usherv1.CheckResult]int)}).
				run(command.Context())
		},
	}
	command.Flags().BoolVar(&quiet, "quiet", false, "print only warnings and failures")
	return command, &afar.Table{Heading: heading, Rows: rows}
}

// examination is one run of `usherctl doctor`.
type examination struct {
	client *ask.Client
	quiet  bool
	counts map[usherv1.CheckResult]int
}

func (e *examination) run(ctx context.Context) error {
	connection, err := e.client.Connect(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	err = e.receive(ctx, connection)
	failed, unanswered := errors.AsType[*answer.Failure](err)
	if unanswered && failed.Code == answer.ExitNoHelper && len(e.counts) == 0 {
		// If usherd does not answer, that is the result of the examination.
		err := e.show(&usherv1.Check{Name: "helper-running", Title: "usherd runs",
			Result:   usherv1.CheckResult_CHECK_RESULT_FAILED,
			Evidence: failed.Message + ".", Fix: failed.Hint + "."})
		if err != nil {
			return err
		}
		return failed
	}
	if err != nil {
		return err
	}
	e.summarize()
	return e.outcome()
}

// receive shows each check as it arrives.
func (e *examination) receive(ctx context.Context, connection *grpc.ClientConn) error {
	asking, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(ask.AnswerWithin, func() { cancel(context.DeadlineExceeded) })
	defer silence.Stop()
	stream, err := usherv1.NewDoctorServiceClient(connection).Examine(asking, &usherv1.ExamineRequest{})
	for err == nil {
		var response *usherv1.ExamineResponse
		if response, err = stream.Recv(); err != nil {
			break
		}
		silence.Reset(silentWithin)
		if len(e.counts) == 0 {
			err = e.show(&usherv1.Check{Name: "helper-running", Title: "usherd runs",
				Result: usherv1.CheckResult_CHECK_RESULT_OK, Evidence: "It answers."})
			if err != nil {
				return err
			}
		}
		err = e.show(response.GetCheck())
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case ctx.Err() == nil && errors.Is(context.Cause(asking), context.DeadlineExceeded) && len(e.counts) > 0:
		return &answer.Failure{Code: answer.ExitNoHelper, Reason: "HELPER_DOES_NOT_ANSWER",
			Message: fmt.Sprintf("usherd made no further check within %s", silentWithin),
			Hint:    "restart usherd; its log may say why it hangs"}
	case ctx.Err() == nil && asking.Err() != nil:
		return answer.Explained(context.Cause(asking))
	}
	return answer.Explained(err)
}

// results are the names of the results.
var results = map[usherv1.CheckResult]string{
	usherv1.CheckResult_CHECK_RESULT_OK:             "ok",
	usherv1.CheckResult_CHECK_RESULT_NOT_APPLICABLE: "not applicable",
	usherv1.CheckResult_CHECK_RESULT_WARNING:        "warning",
	usherv1.CheckResult_CHECK_RESULT_FAILED:         "failed",
}

// show counts and prints a check. A result that usherctl does not know, from a newer helper, is a warning.
func (e *examination) show(check *usherv1.Check) error {
	if results[check.GetResult()] == "" {
		check.Result = usherv1.CheckResult_CHECK_RESULT_WARNING
	}
	e.counts[check.GetResult()]++
	if e.quiet && check.GetResult() < usherv1.CheckResult_CHECK_RESULT_WARNING {
		return nil
	}
	if e.client.JSON {
		return e.client.Print(check)
	}
	title := check.GetTitle()
	if check.GetUser() != "" {
		title += " (" + check.GetUser() + ")"
	}
	fmt.Fprintf(e.client.Out, "%-14s  %-46s  %s\n", results[check.GetResult()], terminal.Plain(title),
		terminal.Plain(check.GetEvidence()))
	if check.GetFix() != "" {
		fmt.Fprintf(e.client.Out, "%-14s  fix: %s\n", "", terminal.Plain(check.GetFix()))
	}
	return nil
}

// summarize says how many checks have each result, the gravest first.
func (e *examination) summarize() {
	if e.client.JSON || e.quiet {
		return
	}
	var parts []string
	total := 0
	for _, result := range []usherv1.CheckResult{
		usherv1.CheckResult_CHECK_RESULT_FAILED, usherv1.CheckResult_CHECK_RESULT_WARNING,
		usherv1.CheckResult_CHECK_RESULT_OK, usherv1.CheckResult_CHECK_RESULT_NOT_APPLICABLE,
	} {
		if count := e.counts[result]; count > 0 {
			parts, total = append(parts, fmt.Sprintf("%d %s", count, results[result])), total+count
		}
	}
	fmt.Fprintf(e.client.Out, "\n%d checks: %s\n", total, strings.Join(parts, ", "))
}

// outcome is the worst result of the checks. Everything is printed already, so the failures have no message.
func (e *examination) outcome() error {
	switch {
	case e.counts[usherv1.CheckResult_CHECK_RESULT_FAILED] > 0:
		return &answer.Failure{Code: answer.ExitDoctorFailed, Reason: "DOCTOR_FAILED"}
	case e.counts[usherv1.CheckResult_CHECK_RESULT_WARNING] > 0:
		return &answer.Failure{Code: answer.ExitDoctorWarning, Reason: "DOCTOR_WARNING"}
	}
	return nil
}

// heading is the heading of the table of several Macs.
var heading = []string{"CHECK", "FOUND", "EVIDENCE", "FIX"}

// rows are the checks of one of several Macs that need attention.
func rows(data []json.RawMessage) (rows [][]string) {
	for i := range data {
		check := afar.Decoded[usherv1.Check](data[i : i+1])
		if check.GetResult() < usherv1.CheckResult_CHECK_RESULT_WARNING {
			continue
		}
		rows = append(rows, []string{check.GetName(), results[check.GetResult()], check.GetEvidence(),
			terminal.Dash(check.GetFix())})
	}
	return rows
}
