package envelope_test

import (
	"strings"
	"testing"

	"usher.internal/internal/envelope"
	usherv1 "usher.internal/proto/usher/v1"
)

// A message has the names and all the fields of its proto. Control characters in its texts never reach a terminal.
func TestWrite(t *testing.T) {
	data, err := envelope.Data(&usherv1.User{Name: "ja\u202ene"})
	if err != nil {
		t.Fatal(err)
	}
	var written strings.Builder
	if err := (envelope.Envelope{Command: "status", Data: data}).Write(&written); err != nil {
		t.Fatal(err)
	}
	const want = `{"schema":"usher.v1","command":"status","data":{"name":"ja\u202ene","uid":0}}` + "\n"
	if got := written.String(); got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
}
