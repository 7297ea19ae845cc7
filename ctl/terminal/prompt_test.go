package terminal

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestConsent(t *testing.T) {
	for answer, want := range map[string]bool{
		"y\n": true, "Yes\r\n": true, "yes": true, "n\n": false, "\n": false, "": false, "yess\n": false,
		"remove\n": false,
	} {
		var asked strings.Builder
		got, err := Confirmed(t.Context(), strings.NewReader(answer), &asked, "Remove 2\x1bthings of jane?")
		if err != nil || got != want || !strings.Contains(asked.String(), "Remove 2 things of jane? [y/N] ") {
			t.Errorf("%q: %t, %v, asked %q", answer, got, err, asked.String())
		}
	}
}

func TestInterruptWhileAsked(t *testing.T) {
	terminal, keys := io.Pipe()
	defer keys.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	agreed, err := Confirmed(ctx, terminal, io.Discard, "Remove?")
	if agreed || !errors.Is(err, context.Canceled) {
		t.Errorf("%t, %v", agreed, err)
	}
}
