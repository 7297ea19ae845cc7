package ctl

import (
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"usher.internal/ctl/terminal"
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

// Printer prints a command's answer on its terminal: for a person, or in the envelope of JSON.
type Printer struct {
	*terminal.Terminal
	// Command is the full name of the command that runs, for the envelope.
	Command string
}

// printMessage prints a message of the contract as one line of JSON, by its field names in the proto. A state that this
// usherctl does not know is CANNOT_TELL there too.
func (p *Printer) printMessage(message proto.Message) error {
	data, err := protojson.MarshalOptions{UseProtoNames: true,
		EmitDefaultValues: true}.Marshal(contract.Readable(message))
	if err != nil {
		return defect(fmt.Errorf("print %T: %w", message, err))
	}
	return p.printEnvelope(envelope{Data: data})
}

// printValue prints a value that is no message of the contract as one line of JSON.
func (p *Printer) printValue(value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return defect(fmt.Errorf("print %T: %w", value, err))
	}
	return p.printEnvelope(envelope{Data: data})
}

func (p *Printer) printEnvelope(e envelope) error {
	e.Schema, e.Command = jsonSchema, strings.TrimPrefix(p.Command, "usherctl ")
	line, err := json.Marshal(e)
	if err != nil {
		return defect(fmt.Errorf("print JSON: %w", err))
	}
	fmt.Fprintf(p.Out, "%s\n", oneline.JSON(line))
	return nil
}

// printFailure says in one sentence what went wrong, and how to mend it.
func (p *Printer) printFailure(f *failure) {
	if f.message == "" {
		return // all is printed already, and only the exit code is left to tell
	}
	if p.JSON && p.Out.Err == nil {
		// Nothing more can be done about an error that cannot be put into JSON.
		_ = p.printEnvelope(envelope{
			Error: &errorBody{ExitCode: int(f.code), Reason: f.reason, Message: f.message, Hint: f.hint}})
		return
	}
	// A configuration has several things wrong, one a line.
	for i, line := range strings.Split(f.message, "\n") {
		fmt.Fprintln(p.Err, [2]string{"usherctl: ", "  "}[min(i, 1)]+terminal.Plain(line))
	}
	if f.hint != "" {
		fmt.Fprintf(p.Err, "hint: %s\n", terminal.Plain(f.hint))
	}
}
