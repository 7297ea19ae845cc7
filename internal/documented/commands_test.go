package documented_test

import (
	"fmt"
	"slices"
	"testing"

	"usher.internal/internal/documented"
)

const page = "See `usherctl\n  status` and `jane`, 5` long.\n\n| `a \\| b` |\n\n   ```sh\n   usherctl status --json " +
	"|\\\n     jq .\n\n   make demo\n   ```\n```sh\n#!/bin/sh\nexit 1\n```\n```yaml\na: `b`\n```\nThen " +
	"`usherctl doctor`.\n"

func TestCommandsOfAPage(t *testing.T) {
	if got := documented.Spans(page); !slices.Equal(got,
		[]string{"usherctl status", "jane", "a | b", "usherctl doctor"}) {
		t.Errorf("spans %q", got)
	}
	if got := documented.Lines(page); !slices.Equal(got, []string{"usherctl status --json |      jq .", "make demo"}) {
		t.Errorf("lines %q", got)
	}
}

func TestCalls(t *testing.T) {
	for line, want := range map[string]string{
		"usherctl status":                        "[{false false usherctl [status]}]",
		"sudo /usr/local/usher/usherctl restart": "[{true false /usr/local/usher/usherctl [restart]}]",
		"sudo -u jane usherctl status":           "[{true false usherctl [status]}]",
		"usherctl clean && usherctl register": "[{false false usherctl [clean]} {false false " +
			"usherctl [register]}]",
		"app-sso platform -s | usherctl inspect -": "[{false false app-sso [platform -s]} {false false " +
			"usherctl [inspect -]}]",
		"ssh mac.example.org usherctl send-logs > logs.zip": "[{false true usherctl [send-logs]}]",
		"USHER_CONFIG=./new.yaml usherctl config show":      "[{false false usherctl [config show]}]",
		`usherctl explain 'two words' "and more"`:           "[{false false usherctl [explain two words and more]}]",
		`usherctl explain "$(tail -1 jamf.log)"`:            "[{false false usherctl [explain $(tail -1 jamf.log)]}]",
		`/bin/mv a\ b c`:                                    "[{false false /bin/mv [a b c]}]",
	} {
		if got, err := documented.Calls(line); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v", line, got, err)
		}
	}
	for _, line := range []string{
		"", "sudo", "usherctl status # of this Mac", "usherctl explain <CODE>",
		"usherctl fleet status --filter version=1.2.*", "usherctl ea NAME…",
		"usherctl status &", "usherctl status; usherctl doctor", "usherctl explain 'open", `usherctl explain "$HOME"`,
		`usherctl explain "wow!"`,
		"usherctl --host ssh://[user@]host status", "usherctl status >", "usherctl status |", "usherctl “status”",
		"usherctl explain `date`",
	} {
		if got, err := documented.Calls(line); err == nil {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestRuns(t *testing.T) {
	for line, want := range map[string]bool{
		"usherctl status": true, "sudo /usr/local/usher/usherctl restart": true, "pbpaste | usherctl inspect -": true,
		"sudo -u jane ./usherctl status":      true,
		"ssh mac.example.org usherctl status": true, "usherctl clean && usherctl register": true,
		"USHER_CONFIG=x usherctl status": true,
		"usherctl":                       false, "/usr/local/usher/usherctl": false,
		"Path of usherctl (default: none)": false,
		"run usherctl status":              false, "make demo": false,
	} {
		if got := documented.Runs(line); got != want {
			t.Errorf("%s: %t", line, got)
		}
	}
}

func TestFill(t *testing.T) {
	values := map[string]string{"FILE": "device.pem"}
	if got, err := documented.Fill("usherctl inspect FILE --json", values); err != nil ||
		got != "usherctl inspect device.pem --json" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := documented.Fill("usherctl inspect THING", values); err == nil {
		t.Errorf("an unknown placeholder: %q", got)
	}
	if got, err := documented.Fill("usherctl explain AADSTS53003 -25308 0A1B-BEEF", nil); err != nil ||
		got != "usherctl explain AADSTS53003 -25308 0A1B-BEEF" {
		t.Errorf("%q, %v", got, err)
	}
}
