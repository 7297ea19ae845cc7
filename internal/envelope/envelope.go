// Package envelope is the one form of usher's JSON: usherctl --json prints it, and usherd writes it into the files of a
// support archive. docs/json.md describes it.
package envelope

import (
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/oneline"
)

// schema is the version of the form. docs/json.md says what may change within it.
const schema = "usher.v1"

// Envelope is one JSON object. It has either Data or Error.
type Envelope struct {
	Schema string `json:"schema"`
	// Command is the command of usherctl that prints this, without "usherctl".
	Command string          `json:"command"`
	Data    json.RawMessage `json:"data,omitempty"`
	Error   *Failure        `json:"error,omitempty"`
}

// Failure is the reason why a command failed.
type Failure struct {
	ExitCode int    `json:"exit_code"`
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

// Data encodes a value for an envelope. A message of the contract has the field names of its proto, and all fields.
func Data(value any) (json.RawMessage, error) {
	data, err := json.Marshal(value)
	if message, ok := value.(proto.Message); ok {
		data, err = protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(message)
	}
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", value, err)
	}
	return data, nil
}

// Write writes an envelope as one line without control characters for a terminal. It sets the schema.
func (e Envelope) Write(to io.Writer) error {
	e.Schema = schema
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode the envelope: %w", err)
	}
	_, err = fmt.Fprintf(to, "%s\n", oneline.JSON(line))
	return err
}
