// Package inspect is the command that says what a file or a pasted text from a Mac shows about its registration.
// Package recognise reads it; this package adds the state that follows, and prints.
package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/files"
	"usher.internal/ctl/inspect/pasted"
	"usher.internal/ctl/inspect/recognise"
	"usher.internal/ctl/interruptible"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/contract"
	"usher.internal/internal/envelope"
	"usher.internal/internal/wpj"
)

// commands are the commands of this package, with what they need.
type commands struct{ *answer.Printer }

// inspectedThing is one thing that was recognised, as --json prints it.
type inspectedThing struct {
	// Format is stable; Name is for people.
	Format string `json:"format"`
	Name   string `json:"name"`
	// Facts are what it shows.
	Facts []pasted.Fact `json:"facts"`
	// State is the state that follows from it, without the prefix of the enum; empty if none follows. Identity and
	// Evidence are messages of the contract, and are set only with a state.
	State    string          `json:"state,omitempty"`
	Identity json.RawMessage `json:"identity,omitempty"`
	Evidence json.RawMessage `json:"evidence,omitempty"`
	Meaning  string          `json:"meaning"`
	Fix      string          `json:"fix,omitempty"`
	Command  string          `json:"command,omitempty"`
	Note     string          `json:"note,omitempty"`
	// Problem says why it cannot be used, Advice what to do with it.
	Problem string `json:"problem,omitempty"`
	Advice  string `json:"advice,omitempty"`
}

// inspection is the result for a file, as --json prints it: the first thing that was recognised, then the others.
type inspection struct {
	inspectedThing
	ReadAs []string         `json:"read_as,omitempty"`
	Others []inspectedThing `json:"others,omitempty"`
}

// Command returns `usherctl inspect`.
func Command(printer *answer.Printer) *cobra.Command {
	c := commands{printer}
	return &cobra.Command{
		Use:   "inspect FILE|-",
		Short: "Say what a file or a text from a Mac shows of its registration; asks no helper",
		Long: `Say what a file or a text that somebody sent shows of a registration: what it is, its facts, and what
they mean. A state is named only where it follows from this text; a certificate or a property list gives none.

A text may be pasted as it is: with prompts of Terminal, quote marks, code fences, wrapped lines and other
output, also several things at once, and in UTF-16. - reads standard input. What is read: ` +
			strings.ReplaceAll(formatList("  "), "`", `"`),
		Example: `  usherctl inspect device.pem
  app-sso platform -s | usherctl inspect -
  security find-certificate -a -p | usherctl inspect -
  defaults read com.jamf.management.jamfAAD | usherctl inspect -
  # what a profile lacks
  usherctl inspect PlatformSSO.mobileconfig
  # what was copied from a ticket
  pbpaste | usherctl inspect - --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			content, err := readInspected(command.Context(), arguments[0], command.InOrStdin())
			if command.Context().Err() != nil {
				return answer.Explained(context.Cause(command.Context()))
			}
			if err != nil {
				return &answer.Failure{Code: answer.ExitUsage, Reason: "FILE_NOT_READABLE", Message: err.Error()}
			}
			return c.inspect(content, time.Now())
		},
	}
}

// formatList returns one line for each format.
func formatList(indent string) string {
	var lines []string
	for _, one := range recognise.Formats() {
		lines = append(lines, fmt.Sprintf("%s%s: %s", indent, one.Name, one.Mark))
	}
	return strings.Join(lines, "\n")
}

func readInspected(ctx context.Context, path string, stdin io.Reader) ([]byte, error) {
	if path != "-" {
		file, err := files.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		stdin = file
	}
	from, release, err := interruptible.Input(ctx, stdin)
	if err != nil {
		return nil, err
	}
	defer release()
	content, err := io.ReadAll(io.LimitReader(from, recognise.MaximumSize+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > recognise.MaximumSize:
		return nil, fmt.Errorf("%s is %w; `usherctl timeline` reads logs of any length", path, recognise.ErrTooLong)
	}
	return content, nil
}

// inspected reads content. If nothing in it can be used, the error is a [*answer.Failure].
func inspected(content []byte, now time.Time) (recognise.Report, error) {
	report, err := recognise.Read(content, now)
	switch {
	case err != nil:
		return report, &answer.Failure{Code: answer.ExitUsage, Reason: "NOT_RECOGNISED",
			Message: fmt.Sprintf("%v; what was looked for:\n%s", err, formatList(""))}
	case !report.Usable():
		thing := report.Things[0]
		return report, &answer.Failure{Code: answer.ExitUsage, Reason: "NOT_USABLE",
			Message: fmt.Sprintf("this is %s: %s", thing.Name, thing.Problem), Hint: thing.Advice}
	}
	return report, nil
}

func (c commands) inspect(content []byte, now time.Time) error {
	report, err := inspected(content, now)
	if err != nil {
		return err
	}
	found := inspection{ReadAs: report.ReadAs}
	for i, thing := range report.Things {
		one := inspectedThing{Format: thing.Format, Name: thing.Name, Facts: thing.Facts, Note: thing.Note,
			Problem: thing.Problem, Advice: thing.Advice}
		if err := one.judge(thing.Evidence, now); err != nil {
			return err
		}
		if i == 0 {
			found.inspectedThing = one
			continue
		}
		found.Others = append(found.Others, one)
	}
	if c.JSON {
		return c.Print(found)
	}
	c.printInspection(found)
	return nil
}

// judge adds the state that follows from the evidence. An empty place gives no state: a Mac has other places.
func (t *inspectedThing) judge(evidence *wpj.Evidence, now time.Time) error {
	if t.Facts == nil {
		t.Facts = []pasted.Fact{}
	}
	if evidence == nil {
		return nil
	}
	identity := wpj.Evaluate([]wpj.Evidence{*evidence}, wpj.Conditions{Now: now})
	if identity.State.Unknown() || evidence.Finding != wpj.Found {
		return nil
	}
	info, _ := identity.State.Info()
	said := contract.EvidenceToProto(*evidence)
	for _, certificate := range said.GetCertificates() {
		certificate.Der = nil // anyone who asks has the file
	}
	t.State, t.Meaning, t.Fix, t.Command = string(identity.State), info.Meaning, info.Fix, info.Command
	var err error
	if t.Identity, err = envelope.Data(contract.IdentityToProto(&identity)); err != nil {
		return err
	}
	t.Evidence, err = envelope.Data(said)
	return err
}

// printInspection prints each thing: what it is, the state that follows, if any, then its facts.
func (c commands) printInspection(found inspection) {
	w := c.Out
	for _, how := range found.ReadAs {
		c.Field("read as", how)
	}
	for i, thing := range append([]inspectedThing{found.inspectedThing}, found.Others...) {
		if i > 0 {
			fmt.Fprintln(w)
		}
		c.Field("taken for", thing.Name)
		if thing.State != "" {
			c.Field("state", thing.State+", by this text only")
			c.Field("meaning", thing.Meaning)
			c.Field("what to do", thing.Fix)
			if thing.Command != "" {
				fmt.Fprintf(w, "%-18s %s\n", "command:", terminal.Plain(thing.Command)) // on one line, to be pasted
			}
		}
		c.Field("cannot be used", thing.Problem)
		if len(thing.Facts) > 0 {
			fmt.Fprintln(w, "\nwhat this file shows:")
		}
		for _, fact := range thing.Facts {
			c.Field(fact.Name, fact.Value)
			if fact.Meaning != "" {
				c.Paragraph(fmt.Sprintf("%-19s", ""), fact.Meaning)
			}
		}
		c.Field("note", thing.Note)
		c.Field("what to do", thing.Advice)
	}
}
