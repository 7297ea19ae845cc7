package ctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/fleetview"
	"usher.internal/ctl/terminal"
	usherv1 "usher.internal/proto/usher/v1"
)

// hostileText moves a cursor, and reverses the direction of writing.
const hostileText = "a\u009b2J\u0085\u007f\u061c\u200e\u202e\u2066b"

// Text from a program or a Mac never reaches a terminal with control sequences, except as escapes in any kind of JSON.
func TestJSONHoldsNothingThatATerminalObeys(t *testing.T) {
	for name, print := range map[string]func(a *answer.Printer) error{
		"a message": func(a *answer.Printer) error {
			return a.Print(&usherv1.Identity{Detail: hostileText, DeviceId: hostileText})
		},
		"a value": func(a *answer.Printer) error { return a.Print(map[string]string{hostileText: hostileText}) },
		"a failure": func(a *answer.Printer) error {
			a.PrintFailure(
				&answer.Failure{Code: answer.ExitDefect, Message: hostileText})
			return nil
		},
		"a change": func(a *answer.Printer) error {
			return a.Print(
				[]proto.Message{&usherv1.Identity{Detail: hostileText}})
		},
		"the fleet": func(a *answer.Printer) error { return a.Print(fleetview.Standing{Computer: hostileText}) },
	} {
		var printed, aside bytes.Buffer
		a := &answer.Printer{Terminal: &terminal.Terminal{Out: &terminal.Output{To: &printed}, Err: &aside, JSON: true},
			Command: "usherctl status"}
		if err := errors.Join(print(a), a.Out.Err); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(printed.String(), "\u009b\u0085\u007f\u061c\u200e\u202e\u2066") ||
			!strings.Contains(printed.String(), `\u202e`) || !json.Valid(printed.Bytes()) {
			t.Errorf("%s: %q", name, printed.String())
		}
	}
}
