//go:build !simkeychain

package keychain_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/useragent/keychain"
)

// security is a program that writes down its arguments, one call a line, and then runs script.
func security(t *testing.T, script string) (tool keychain.SecurityTool, calls func() []string) {
	t.Helper()
	directory := t.TempDir()
	program, trace := filepath.Join(directory, "security"), filepath.Join(directory, "calls")
	content := "#!/bin/sh\nprintf '%s|' \"$@\" >>" + trace + "\necho >>" + trace + "\ncalls=$(wc -l <" + trace + ")\n" +
		script + "\n"
	if err := os.WriteFile(program, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return keychain.SecurityTool{Program: program, Keychain: "/login.keychain-db"}, func() []string {
		content, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(content))
	}
}

func TestCommandsOfSecurity(t *testing.T) {
	const sha1OfA = "6DCD4CE23D88E2EE9568BA546C007C63D9131C1B"
	tool, calls := security(t, `case $calls in 4|5) exit 0;; 6) exit 44;; esac`)
	if err := errors.Join(
		tool.RemoveCertificate(t.Context(), keychain.Certificate{DER: []byte("A")}),
		tool.RemoveCertificate(t.Context(), keychain.Certificate{DER: []byte("A"), HasPrivateKey: true}),
	); err != nil {
		t.Fatal(err)
	}
	tool.RemoveGenericPassword(t.Context(), keychain.GenericPassword{Account: "-x", Label: "label"})
	want := []string{
		"delete-certificate|-Z|" + sha1OfA + "|/login.keychain-db|",
		"delete-identity|-Z|" + sha1OfA + "|/login.keychain-db|",
	}
	for range 4 { // until security finds no more
		want = append(want, "delete-generic-password|-a|-x|-l|label|/login.keychain-db|")
	}
	if got := calls(); !slices.Equal(got, want) {
		t.Errorf("called\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEndsOfSecurity(t *testing.T) {
	for _, test := range []struct {
		script string
		want   error
	}{
		{"exit 44", nil},
		{"echo 'Unable to delete certificate matching \"secret\"' >&2; exit 1", nil},
		{"exit 36", keychain.ErrLocked},
		{"exit 51", keychain.ErrAccessDenied},
		{"exit 128", keychain.ErrAccessDenied},
		{"exit 50", keychain.ErrUnavailable},
		{"kill -9 $$", keychain.ErrUnavailable},
		{"echo 'of secret' >&2; exit 1", errAny},
	} {
		tool, _ := security(t, test.script)
		err := tool.RemoveCertificate(t.Context(), keychain.Certificate{DER: []byte("A")})
		if test.want == errAny && err == nil || test.want != errAny && !errors.Is(err, test.want) {
			t.Errorf("%s: got %v", test.script, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells what security printed: %v", test.script, err)
		}
	}
}

// errAny represents an error that wraps no sentinel.
var errAny = errors.New("any")

func TestWhatSecurityCannotRemove(t *testing.T) {
	if err := (keychain.SecurityTool{}).RemoveKey(t.Context(), keychain.Key{}); !errors.Is(err,
		keychain.ErrNotRemovable) || !strings.Contains(err.Error(), "Keychain Access") {
		t.Errorf("key: %v", err)
	}
	tool, _ := security(t, "exit 0")
	if err := tool.RemoveGenericPassword(t.Context(), keychain.GenericPassword{Label: "label"}); !errors.Is(err,
		keychain.ErrNotRemovable) {
		t.Errorf("password of which the label alone is known: %v", err)
	}
	if err := tool.RemoveGenericPassword(t.Context(), keychain.GenericPassword{Account: "a"}); err == nil ||
		!strings.Contains(err.Error(), "more than 64") {
		t.Errorf("passwords without end: %v", err)
	}
}

func TestSecurityThatHangsDoesNotHangUs(t *testing.T) {
	tool, _ := security(t, "exec sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tool.RemoveCertificate(ctx, keychain.Certificate{DER: []byte("A")}); !errors.Is(err,
		keychain.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
