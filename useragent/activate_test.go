package useragent

import (
	"strings"
	"testing"

	"usher.internal/internal/command"
)

// open(1) gets only the bundle's identifier: with -n, or with arguments, it starts a second instance.
func TestOpenIsAskedToActivateAndNothingElse(t *testing.T) {
	program, here := script(t, `printf '%s\n' "$@" > "$here/arguments"`)
	open := command.ActivatePortal.At(program)
	wanted := false
	activate := activateWith(open, func() bool { return wanted })
	if err := activate(t.Context()); err != nil {
		t.Fatal(err)
	}
	wanted = true
	if err := activate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(read(t, here+"/arguments")); strings.Join(got, " ") !=
		"-b com.microsoft.CompanyPortalMac" {
		t.Errorf("arguments %q", got)
	}
	fails, _ := script(t, "exit 1")
	if err := activateWith(open.At(fails), func() bool { return true })(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "ended with 1") {
		t.Errorf("got %v", err)
	}
}
