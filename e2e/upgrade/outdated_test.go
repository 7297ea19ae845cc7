//go:build linux

package upgrade

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"

	"usher.internal/internal/config"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

// poorAgent is the name under which this test's binary is an agent that only reports its version.
const poorAgent = "usher-agent-of-another-version"

type onlyIntroducesItself struct {
	usherv1.UnimplementedUserAgentServiceServer
}

func (onlyIntroducesItself) GetSessionInfo(context.Context,
	*usherv1.GetSessionInfoRequest) (*usherv1.GetSessionInfoResponse, error) {
	return &usherv1.GetSessionInfoResponse{AgentVersion: "0.1.0"}, nil
}

// beAPoorAgent runs as usher-agent does: --config FILE.
func beAPoorAgent() (exitCode int) {
	loaded, err := config.Load(os.Args[2])
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		err = link.ServeReversed(ctx, link.AgentConfig{
			Path: loaded.AgentSocket(), ServerUID: loaded.Development.HelperUID,
			Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
			Register: func(server *grpc.Server) {
				usherv1.RegisterUserAgentServiceServer(server,
					onlyIntroducesItself{})
			},
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// An agent lacks a method that usherd needs: for every request, the user is advised to log out and in, which helps.
func TestAgentWithoutTheMethod(t *testing.T) {
	const advice = "log out and in to update usher-agent"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	directory, err := os.MkdirTemp("", "usher-agents-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	programs := today
	programs.Agent = filepath.Join(directory, poorAgent)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Chmod(directory, 0o755), os.WriteFile(programs.Agent, content, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := newStory(t, nil, programs)
	s.withJamfPro()
	s.must(s.StartHelper(ctx))
	jane := s.user("jane")
	s.must(jane.Login(ctx))
	for _, arguments := range [][]string{
		{"register", "--user", jane.Name, "--wait"}, {"gather", "--user", jane.Name},
		{"clean", "--user", jane.Name, "--dry-run"},
	} {
		for _, more := range [][]string{nil, {"--json"}} {
			result := s.control(5, append(arguments, more...)...)
			said := result.Stdout + result.Stderr
			if !strings.Contains(said, advice) || more != nil && !strings.Contains(said, `"reason":"AGENT_OUTDATED"`) {
				t.Errorf("usherctl %s:\n%s", strings.Join(append(arguments, more...), " "), said)
			}
		}
	}
	shown := s.control(0, "registrations", "show", s.newest()).Stdout
	if !strings.Contains(shown, "FAILED: AGENT_OUTDATED") || !strings.Contains(shown, advice) {
		t.Errorf("the registration:\n%s", shown)
	}
	if doctor, err := s.Control(ctx, "doctor"); err != nil || !strings.Contains(doctor.Stdout, advice) ||
		!strings.Contains(doctor.Stdout, "usher-agent 0.1.0") {
		t.Errorf("doctor, %v:\n%s", err, doctor.Stdout)
	}

	// Logging out and in starts the installed agent.
	s.must(jane.Agent.Stop())
	s.Programs.Agent = today.Agent
	s.must(s.WriteConfig())
	s.must(s.StopHelper())
	s.must(s.StartHelper(ctx))
	s.must(jane.StartAgent(ctx))
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.wantInJamfPro("REGISTERED")
}
