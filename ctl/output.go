package ctl

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/contract"
	"usher.internal/internal/oneline"
)

// jsonSchema is the version of what --json prints; docs/json.md says what may change within it.
const jsonSchema = "usher.v1"

// envelope is what every JSON output stands in: one of Data and Error.
type envelope struct {
	Schema  string          `json:"schema"`
	Command string          `json:"command"`
	Data    json.RawMessage `json:"data,omitempty"`
	Error   *errorBody      `json:"error,omitempty"`
}

type errorBody struct {
	ExitCode int    `json:"exit_code"`
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

// output remembers the first error of a writer, so that a full disk is noticed once, at the end, and not line by line.
// It is used by one goroutine.
type output struct {
	to  io.Writer
	err error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	written, err := o.to.Write(p)
	o.err = err
	return written, err
}

// printMessage prints a message of the contract as one line of JSON, by its field names in the proto. A state that this
// usherctl does not know is CANNOT_TELL there too.
func (a *app) printMessage(message proto.Message) error {
	data, err := protojson.MarshalOptions{UseProtoNames: true,
		EmitDefaultValues: true}.Marshal(contract.Readable(message))
	if err != nil {
		return defect(fmt.Errorf("print %T: %w", message, err))
	}
	return a.printEnvelope(envelope{Data: data})
}

// printValue prints a value that is no message of the contract as one line of JSON.
func (a *app) printValue(value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return defect(fmt.Errorf("print %T: %w", value, err))
	}
	return a.printEnvelope(envelope{Data: data})
}

func (a *app) printEnvelope(e envelope) error {
	e.Schema, e.Command = jsonSchema, strings.TrimPrefix(a.command, "usherctl ")
	line, err := json.Marshal(e)
	if err != nil {
		return defect(fmt.Errorf("print JSON: %w", err))
	}
	fmt.Fprintf(a.stdout, "%s\n", oneline.JSON(line))
	return nil
}

// printFailure says in one sentence what went wrong, and how to mend it.
func (a *app) printFailure(f *failure) {
	if f.message == "" {
		return // all is printed already, and only the exit code is left to tell
	}
	if a.json && a.stdout.err == nil {
		// Nothing more can be done about an error that cannot be put into JSON.
		_ = a.printEnvelope(envelope{
			Error: &errorBody{ExitCode: int(f.code), Reason: f.reason, Message: f.message, Hint: f.hint}})
		return
	}
	// A configuration has several things wrong, one a line.
	for i, line := range strings.Split(f.message, "\n") {
		fmt.Fprintln(a.stderr, [2]string{"usherctl: ", "  "}[min(i, 1)]+plain(line))
	}
	if f.hint != "" {
		fmt.Fprintf(a.stderr, "hint: %s\n", plain(f.hint))
	}
}

// plain makes one line of text: much of what is shown was once written by somebody's Company Portal, or by a web
// server, and is read by root.
func plain(text string) string {
	return oneline.Of(text, math.MaxInt)
}

// table prints rows in columns for a person, as wide as the terminal, and tab-separated, without the heading, for a
// program.
func (a *app) table(heading []string, rows [][]string) {
	all := make([][]string, 0, 1+len(rows))
	for _, row := range append([][]string{heading}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = plain(cell)
		}
		all = append(all, cells)
	}
	if !a.terminal {
		for _, row := range all[1:] {
			fmt.Fprintln(a.stdout, strings.Join(row, "\t"))
		}
		return
	}
	widths := narrowed(all, a.width)
	writer := tabwriter.NewWriter(a.stdout, 0, 0, columnGap, ' ', 0)
	defer writer.Flush()
	for _, row := range all {
		wrappedRow(writer, row, widths)
	}
}

// field prints "name: value" of a description, wrapped at the terminal's width, and nothing for an empty value.
func (a *app) field(name, value string) {
	if value != "" {
		a.paragraph(fmt.Sprintf("%-18s ", name+":"), value)
	}
}

// clock is a moment for a person: the time of day today, the date too for any other day; "-" for none.
func (a *app) clock(moment *timestamppb.Timestamp) string {
	if moment == nil {
		return "-"
	}
	local := moment.AsTime().Local()
	if !a.terminal {
		return local.Format(time.RFC3339)
	}
	if now := time.Now(); local.YearDay() == now.YearDay() && local.Year() == now.Year() {
		return local.Format("15:04:05")
	}
	return local.Format("2006-01-02 15:04")
}
