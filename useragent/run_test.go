package useragent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"

	"usher.internal/internal/config"
	usherv1 "usher.internal/proto/usher/v1"
)

// runAgent runs the agent as a package until the test ends, with the home and the configuration in directory. It
// returns the helper's connection and a function that writes another configuration.
func runAgent(t *testing.T, lines string) (connection *grpc.ClientConn, live *config.Live, write func(lines string)) {
	t.Helper()
	directory := temporary(t)
	t.Setenv("HOME", directory)
	helper := newHelper(t, directory, nil)
	file := filepath.Join(directory, "config.yaml")
	write = func(lines string) {
		t.Helper()
		text := fmt.Sprintf("socket_directory: %s\ndevelopment.helper_uid: %d\n%s", directory, os.Getuid(), lines)
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write(lines)
	live, err := config.Open(file, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, live, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	return <-helper.connections, live, write
}

// The configuration names the sources that are looked at, and may change; a wrong configuration changes nothing.
func TestAgentTakesAChangedConfiguration(t *testing.T) {
	connection, live, write := runAgent(t, "identity.sources: [jamf_agent]\n")
	client := usherv1.NewUserAgentServiceClient(connection)
	const jamfAgent, platformSSO = usherv1.IdentitySource_IDENTITY_SOURCE_JAMF_AGENT,
		usherv1.IdentitySource_IDENTITY_SOURCE_PLATFORM_SSO
	looksAt := func(want usherv1.IdentitySource) bool {
		t.Helper()
		answer, err := client.ReadIdentity(t.Context(), &usherv1.ReadIdentityRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(answer.GetEvidence(),
			func(one *usherv1.Evidence) bool { return one.GetSource() != want })
	}
	if !looksAt(jamfAgent) {
		t.Error("it does not look at the source that is configured")
	}
	changed := live.Changed()
	write("identity.sources: [none of them]\n")
	<-changed
	if problem := live.Problem(); problem == nil || !strings.Contains(problem.Err.Error(), "identity.sources") {
		t.Errorf("the problem is %v", problem)
	}
	if !looksAt(jamfAgent) {
		t.Error("with a wrong configuration it looks at another source")
	}
	write("identity.sources: [platform_sso]\n")
	for !looksAt(platformSSO) { // it takes effect a moment after it was accepted
		if t.Context().Err() != nil {
			t.Fatal("it does not look at the source that is configured now")
		}
	}
	if live.Problem() != nil {
		t.Errorf("the problem is %v", live.Problem())
	}
}

// A running call ends with the program with which it began.
func TestAgentsWorkInProgressKeepsItsConfiguration(t *testing.T) {
	old, here := script(t, `echo >"$here/begun"; cat "$here/proceed" >/dev/null; exit 3`)
	for _, name := range []string{"begun", "proceed"} {
		if err := syscall.Mkfifo(filepath.Join(here, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	next, _ := script(t, "exit 4")
	connection, live, write := runAgent(t, "jamf.conditional_access_executable: "+old+"\n")
	client := usherv1.NewUserAgentServiceClient(connection)
	exited := make(chan int32, 1)
	go func() {
		answer, err := client.GatherWithJamf(t.Context(), &usherv1.GatherWithJamfRequest{})
		if err != nil {
			t.Error(err)
		}
		exited <- answer.GetExitCode()
	}()
	read(t, here+"/begun")
	changed := live.Changed()
	write("jamf.conditional_access_executable: " + next + "\n")
	<-changed
	if err := os.WriteFile(here+"/proceed", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := <-exited; code != 3 {
		t.Errorf("the call under way ended with %d", code)
	}
	for code := int32(3); code != 4; {
		answer, err := client.GatherWithJamf(t.Context(), &usherv1.GatherWithJamfRequest{})
		if err != nil {
			t.Fatal(err)
		}
		code = answer.GetExitCode()
	}
}
