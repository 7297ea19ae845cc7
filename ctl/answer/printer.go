// Package answer prints the answers of usherctl's commands. [Printer] prints for a person or as JSON. A [Failure] is
// printed once, at the end, with the exit code that Jamf policies act on.
//
// Commands return their failures, and do not print them. A failure without a message has already printed everything;
// only its exit code remains.
package answer

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"usher.internal/ctl/terminal"
	"usher.internal/internal/contract"
	"usher.internal/internal/envelope"
)

// Printer prints a command's answer on its terminal: for a person, or in the JSON envelope.
type Printer struct {
	*terminal.Terminal
	// Command is the full name of the running command, for the envelope.
	Command string
}

// Print prints a value as one line of JSON. In a message of the contract, a state that this usherctl does not know
// becomes CANNOT_TELL.
func (p *Printer) Print(value any) error {
	if message, ok := value.(proto.Message); ok {
		value = contract.Readable(message)
	}
	data, err := envelope.Data(value)
	if err != nil {
		return Defect(err)
	}
	return p.printEnvelope(envelope.Envelope{Data: data})
}

func (p *Printer) printEnvelope(e envelope.Envelope) error {
	e.Command = strings.TrimPrefix(p.Command, "usherctl ")
	if err := e.Write(p.Out); err != nil && p.Out.Err == nil {
		return Defect(err)
	}
	return nil // a write error is found at the end
}

// PrintFailure says in one sentence what went wrong, and how to fix it.
func (p *Printer) PrintFailure(f *Failure) {
	if f.Message == "" {
		return // everything is printed, and only the exit code remains
	}
	if p.JSON && p.Out.Err == nil {
		// If an error cannot be put into JSON, nothing more can be done.
		_ = p.printEnvelope(envelope.Envelope{
			Error: &envelope.Failure{ExitCode: int(f.Code), Reason: f.Reason, Message: f.Message, Hint: f.Hint}})
		return
	}
	// A configuration can have several errors, one a line.
	for i, line := range strings.Split(f.Message, "\n") {
		fmt.Fprintln(p.Err, [2]string{"usherctl: ", "  "}[min(i, 1)]+terminal.Plain(line))
	}
	if f.Hint != "" {
		fmt.Fprintf(p.Err, "hint: %s\n", terminal.Plain(f.Hint))
	}
}
