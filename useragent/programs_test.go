package useragent

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/command"
	usherv1 "usher.internal/proto/usher/v1"
)

// script writes a shell script; $here in it is the returned directory.
func script(t *testing.T, text string) (path, here string) {
	t.Helper()
	here = t.TempDir()
	path = filepath.Join(here, "a program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nhere='"+here+"'\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path, here
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestGatherRunsJamfsProgram(t *testing.T) {
	t.Setenv("A_SECRET", "x")
	program, here := script(t,
		`echo "$# $1" > "$here/arguments"; env > "$here/environment"; echo secret; echo secret >&2
printf '<plist version="1.0"><dict><key>have_an_Azure_id</key><true/></dict></plist>' > "$here/state"; exit 3`)
	client := call(t, serverConfig{settings: settings{Gather: command.GatherAADInfo.At(program)},
		JamfState: filepath.Join(here, "state")})
	response, err := client.GatherWithJamf(t.Context(), &usherv1.GatherWithJamfRequest{})
	if err != nil || response.ExitCode != 3 || !response.HaveAnAzureId {
		t.Errorf("got %v, %v", response, err)
	}
	if got := read(t, filepath.Join(here, "arguments")); got != "1 gatherAADInfo\n" {
		t.Errorf("arguments %q", got)
	}
	if strings.Contains(read(t, filepath.Join(here, "environment")), "A_SECRET") {
		t.Error("environment is not clean")
	}
}

func TestGatherThatFails(t *testing.T) {
	killed, here := script(t, "kill -9 $$")
	hangs, _ := script(t, "trap '' TERM; sleep 1000 & wait; sleep 1000")
	fine, _ := script(t, "exit 0")
	if err := os.WriteFile(filepath.Join(here, "state"), []byte("{nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(here, "none")
	for name, config := range map[string]serverConfig{
		"missing":    {settings: settings{Gather: command.GatherAADInfo.At(none)}},
		"relative":   {settings: settings{Gather: command.GatherAADInfo.At("sh")}},
		"no program": {settings: settings{Gather: command.GatherAADInfo.At(filepath.Join(here, "state"))}},
		"killed":     {settings: settings{Gather: command.GatherAADInfo.At(killed)}},
		"too slow":   {settings: settings{Gather: command.GatherAADInfo.At(hangs).Within(50 * time.Millisecond)}},
		"unreadable state": {settings: settings{Gather: command.GatherAADInfo.At(fine)},
			JamfState: filepath.Join(here, "state")},
	} {
		t.Run(name, func(t *testing.T) {
			if config.JamfState == "" {
				config.JamfState = none
			}
			_, err := call(t, config).GatherWithJamf(t.Context(), &usherv1.GatherWithJamfRequest{})
			wantError(t, err, codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_PROGRAM_FAILED)
		})
	}
}

func TestGatherIsOneAtATimeAndEndsWithItsCall(t *testing.T) {
	directory := temporary(t)
	socket, err := net.Listen("unix", filepath.Join(directory, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("HOME", directory)
	// The fake portal can serve as a program: it connects, and lives until its connection ends or SIGTERM comes.
	program := filepath.Join(directory, portalName)
	install(t, program)
	client := call(t, serverConfig{settings: settings{Gather: command.GatherAADInfo.At(program)},
		JamfState: filepath.Join(directory, "none")})
	gather := func(ctx context.Context) chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := client.GatherWithJamf(ctx, &usherv1.GatherWithJamfRequest{})
			ended <- err
		}()
		return ended
	}
	firstContext, breakOff := context.WithCancel(t.Context())
	defer breakOff()
	first := gather(firstContext)
	one := accept(t, socket)
	second := gather(t.Context())
	breakOff()
	if err := <-first; status.Code(err) != codes.Canceled {
		t.Errorf("the first ended with %v", err)
	}
	two := accept(t, socket) // only now, because the program of the first call has ended
	one.wantEnd()
	two.do("exit 0")
	if err := <-second; err != nil {
		t.Errorf("the second ended with %v", err)
	}
}

func TestHaveAzureID(t *testing.T) {
	value := func(text string) string {
		return `<plist version="1.0"><dict><key>last_aad_token_timestamp</key><real>1</real>` + text + `</dict></plist>`
	}
	const key = "<key>have_an_Azure_id</key>"
	for content, want := range map[string]string{
		value(key + "<true/>"):              "true",
		value(key + "<false/>"):             "false",
		value(""):                           "false",
		value(key + "<integer>1</integer>"): "true",
		value(key + "<integer>0</integer>"): "false",
		value(key + "<string>1</string>"):   "true",
		value(key + "<string>NO</string>"):  "false",
		value(key + "<array/>"):             "error",
		"bplist00nonsense":                  "error",
		"":                                  "error",
	} {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		have, err := haveAzureID(t.Context(), path)
		if got := map[bool]string{true: "true", false: "false"}[have]; err != nil && want != "error" ||
			err == nil && got != want {
			t.Errorf("%s: got %v, %v, want %s", content, have, err, want)
		}
	}
	if have, err := haveAzureID(t.Context(), filepath.Join(t.TempDir(), "none")); have || err != nil {
		t.Errorf("no file: got %v, %v", have, err)
	}
}
