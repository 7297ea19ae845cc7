package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"usher.internal/internal/wpj"
	"usher.internal/sim/keyring"
	"usher.internal/useragent/identity"
	"usher.internal/useragent/keychain"
)

// untilItHangs waits, by inotify, until the log shows that the sign-in has begun.
func (u *user) untilItHangs(start func()) {
	u.t.Helper()
	if err := os.MkdirAll(u.logDirectory(), 0o755); err != nil {
		u.t.Fatal(err)
	}
	descriptor, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		u.t.Fatal(err)
	}
	events := os.NewFile(uintptr(descriptor), "inotify")
	defer events.Close()
	if _, err := unix.InotifyAddWatch(descriptor, u.logDirectory(), unix.IN_MODIFY); err != nil {
		u.t.Fatal(err)
	}
	start()
	if err := events.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		u.t.Fatal(err)
	}
	for {
		if _, err := bufio.NewReader(events).Peek(1); err != nil {
			u.t.Fatalf("wait for log: %v", err)
		}
		content, _ := os.ReadFile(filepath.Join(u.logDirectory(), logName))
		if strings.Contains(string(content), "ADALLoginStarted") {
			return
		}
	}
}

func TestHangs(t *testing.T) {
	for _, test := range []struct {
		ignore bool
		ending syscall.Signal
	}{{false, syscall.SIGTERM}, {true, syscall.SIGKILL}} {
		t.Run(fmt.Sprintf("ignore_sigterm=%t", test.ignore), func(t *testing.T) {
			u := newUser(t)
			u.set(map[string]any{"hang": true, "ignore_sigterm": test.ignore})
			command := u.command("-r")
			u.untilItHangs(func() {
				if err := command.Start(); err != nil {
					t.Fatal(err)
				}
			})
			for _, signal := range []syscall.Signal{syscall.SIGTERM, test.ending} {
				if err := command.Process.Signal(signal); err != nil {
					t.Error(err)
				}
			}
			_ = command.Wait()
			if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != test.ending {
				t.Errorf("ended with %v", command.ProcessState)
			}
		})
	}
}

// Into a real keyring of a login session, and back with the agent's own reader.
func TestRegistersInARealKeyring(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	u := newUser(t)
	ring, err := keyring.Start(ctx, keyring.Options{UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), Home: u.home})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ring.Close(); err != nil {
			t.Error(err)
		}
	})
	u.environment = ring.Environment()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", ring.Address())
	source := identity.LoginKeychain(keychain.Open(), func() wpj.Conditions { return wpj.Conditions{Now: time.Now()} })
	comesTo := func(leave string, exitCode int, want wpj.State) {
		t.Helper()
		u.set(map[string]any{"keychain": "secretservice", "leave": leave})
		if code, stderr := u.run("-r"); code != exitCode {
			t.Errorf("%s: exit code %d: %s", leave, code, stderr)
		}
		if got := wpj.Evaluate([]wpj.Evidence{source.Look(ctx)},
			wpj.Conditions{Now: time.Now(), Tenant: tenantID}); got.State != want {
			t.Errorf("%s: %s: %s", leave, got.State, got.Detail)
		}
	}
	comesTo("nothing", 0, wpj.StateNotRegistered)
	comesTo("half", 0, wpj.StateOrphaned)
	comesTo("two", 0, wpj.StateOrphaned)
	comesTo("all", 0, wpj.StateRegistered)
	comesTo("locked", 0, wpj.StateUnreadable)
	comesTo("all", int(wpj.ExitRegistrationKeychainError), wpj.StateUnreadable)
	if err := ring.Unlock(ctx); err != nil {
		t.Fatal(err)
	}
	comesTo("nothing", 0, wpj.StateRegistered) // the items of the "locked" run
}
