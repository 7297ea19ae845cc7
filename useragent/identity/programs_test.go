package identity_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/internal/command"
	"usher.internal/internal/wpj"
	"usher.internal/useragent/identity"
)

// program is a shell script in a program's place.
func program(t *testing.T, text string) command.Command {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return command.Command{Path: path, OutputLimit: 1 << 10}
}

func TestProgramsThatReport(t *testing.T) {
	missing := command.Command{Path: filepath.Join(t.TempDir(), "none")}
	forbidden := program(t, "")
	if err := os.Chmod(forbidden.Path, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		source   identity.Source
		finding  wpj.Finding
		obstacle wpj.Obstacle
		detail   string
	}{
		"Platform SSO is configured": {
			identity.PlatformSSO(program(t, `echo 'Device Configuration: {"registrationCompleted": true}'`)), wpj.Found,
			"", "the device is registered"},
		"Platform SSO is not": {identity.PlatformSSO(program(t, `echo 'Device Configuration: (null)'`)),
			wpj.NotThere, "", "not configured"},
		"app-sso is missing": {identity.PlatformSSO(missing), wpj.CouldNotLook, wpj.ObstacleUnsupported,
			"missing"},
		"app-sso may not be run": {identity.PlatformSSO(forbidden), wpj.CouldNotLook, wpj.ObstacleAccessDenied,
			"permission denied"},
		"app-sso prints something else": {identity.PlatformSSO(program(t, `printf 'Usage:\033 app-sso'; exit 64`)),
			wpj.CouldNotLook, wpj.ObstacleFailed, `it begins with "Usage:`},
		"app-sso prints nothing": {identity.PlatformSSO(program(t, ``)), wpj.CouldNotLook, wpj.ObstacleFailed,
			""},
		"app-sso fails, and has said it": {
			identity.PlatformSSO(program(t, `echo 'Device Configuration: (null)'; exit 1`)), wpj.NotThere, "",
			"not configured"},
		"app-sso is a directory": {identity.PlatformSSO(command.Command{Path: t.TempDir(), OutputLimit: 1}),
			wpj.CouldNotLook, wpj.ObstacleAccessDenied, "permission denied"},
		"app-sso is not absolute": {identity.PlatformSSO(command.Command{Path: "app-sso"}), wpj.CouldNotLook,
			wpj.ObstacleUnsupported, "not absolute"},
		"app-sso prints for ever": {identity.PlatformSSO(program(t, `exec yes`)), wpj.CouldNotLook,
			wpj.ObstacleFailed, "too much"},
		"app-sso is killed": {identity.PlatformSSO(program(t, `kill -9 $$`)), wpj.CouldNotLook,
			wpj.ObstacleFailed, "killed"},
		"a device in the enclave": {
			identity.SecureEnclave(program(t,
				`echo 0; echo '[AnyHashable("primary_registration_metadata_device_id"): d]'`)), wpj.Found, "",
			"a device is named"},
		"none": {identity.SecureEnclave(program(t, `echo 0; echo '[:]'`)), wpj.NotThere, "",
			"NotEnabled"},
		"an old Jamf": {identity.SecureEnclave(program(t, `echo 'Usage: JamfAAD'; exit 1`)),
			wpj.CouldNotLook, wpj.ObstacleUnsupported, "11.21.1"},
		"needs repair": {identity.SecureEnclave(program(t, `echo 3`)), wpj.Found, "",
			"RegistrationNeedsRepair"},
		"an old Jamf that exits with 0": {identity.SecureEnclave(program(t, `echo 'Usage: JamfAAD'`)),
			wpj.CouldNotLook, wpj.ObstacleFailed, `it begins with "Usage: JamfAAD"`},
		"an answer, and then a failure": {
			identity.SecureEnclave(program(t, `echo 2; echo '["primary_registration_metadata_device_id": d]'; exit 1`)),
			wpj.Found, "", "a device is named"},
		"Jamf is killed": {identity.SecureEnclave(program(t, `echo 0; kill -9 $$`)), wpj.CouldNotLook,
			wpj.ObstacleFailed, "killed"},
		"a silent Jamf": {identity.SecureEnclave(program(t, ``)), wpj.CouldNotLook,
			wpj.ObstacleUnsupported, "11.21.1"},
		"a Jamf that says other things": {identity.SecureEnclave(program(t, `echo 9`)), wpj.CouldNotLook,
			wpj.ObstacleFailed, `it begins with "9"`},
		"Jamf is missing": {identity.SecureEnclave(missing), wpj.CouldNotLook, wpj.ObstacleUnsupported,
			"missing"},
	} {
		t.Run(name, func(t *testing.T) {
			got := test.source.Look(t.Context())
			if got.Finding != test.finding || got.Obstacle != test.obstacle ||
				!strings.Contains(got.Detail, test.detail) || got.ObservedAt.IsZero() || got.Source == "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A program that hangs ends with its call, even against its will, and half an answer is no answer.
func TestProgramThatHangsEndsWithItsCall(t *testing.T) {
	for name, script := range map[string]string{
		"hangs": "sleep 600", "has answered": "echo 'Device Configuration: (null)'; sleep 600",
		"does not listen": "trap '' TERM; while :; do sleep 1; done",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			began := time.Now()
			got := identity.PlatformSSO(program(t, script)).Look(ctx)
			if got.Finding != wpj.CouldNotLook || got.Obstacle != wpj.ObstacleUnavailable || got.PlatformSSO != nil {
				t.Errorf("%+v", got)
			}
			if took := time.Since(began); took >= identity.Deadline {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A program has answered even if a child keeps its output open.
func TestProgramThatLeavesAChildBehind(t *testing.T) {
	got := identity.SecureEnclave(program(t, "echo 0; sleep 600 &")).Look(t.Context())
	if got.Finding != wpj.NotThere {
		t.Errorf("%+v", got)
	}
}

func TestJamfAgent(t *testing.T) {
	directory := t.TempDir()
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "state.plist")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plist := func(dict string) string { return `<plist version="1.0"><dict>` + dict + `</dict></plist>` }
	loop, pipe := filepath.Join(directory, "loop"), filepath.Join(directory, "pipe")
	if err := errors.Join(os.Symlink(loop, loop), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	full := plist("<key>have_an_Azure_id</key><true/>")
	full += strings.Repeat("\n", 1<<20-len(full))
	for name, test := range map[string]struct {
		path     string
		finding  wpj.Finding
		obstacle wpj.Obstacle
		detail   string
	}{
		"acquired": {file(plist("<key>have_an_Azure_id</key><true/>")), wpj.Found, "",
			"have_an_Azure_id is true"},
		"key missing": {file(plist("")), wpj.Found, "", "have_an_Azure_id is missing"},
		"no file":     {filepath.Join(directory, "none"), wpj.NotThere, "", "no state"},
		"given up": {file(plist("<key>have_an_Azure_id</key><false/>")), wpj.Found, "",
			"have_an_Azure_id is false"},
		"somebody else's": {file(plist("<key>have_an_Azure_id</key><string>perhaps</string>")), wpj.CouldNotLook,
			wpj.ObstacleFailed, "have_an_Azure_id"},
		"no home": {filepath.Join(directory, "none", "none"), wpj.NotThere, "", "no state"},
		"a file for home": {filepath.Join(file(""), "state.plist"), wpj.CouldNotLook, wpj.ObstacleFailed,
			"not a directory"},
		"a loop":       {loop, wpj.CouldNotLook, wpj.ObstacleFailed, "too many levels"},
		"a directory":  {directory, wpj.CouldNotLook, wpj.ObstacleFailed, "not a file"},
		"a named pipe": {pipe, wpj.CouldNotLook, wpj.ObstacleFailed, "not a file"},
		"cut":          {file("bplist00"), wpj.CouldNotLook, wpj.ObstacleFailed, "not an XML or binary property list"},
		"larger than any": {file(plist("<key>x</key><string>" + strings.Repeat("x", 1<<20) + "</string>")),
			wpj.CouldNotLook, wpj.ObstacleFailed, "larger than"},
		"large enough": {file(full), wpj.Found, "", "have_an_Azure_id is true"},
		"too large":    {file(full + "\n"), wpj.CouldNotLook, wpj.ObstacleFailed, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			got := identity.JamfAgent(test.path).Look(t.Context())
			if got.Source != wpj.SourceJamfAgent || got.Finding != test.finding || got.Obstacle != test.obstacle ||
				!strings.Contains(got.Detail, test.detail) {
				t.Errorf("%+v", got)
			}
		})
	}
}
