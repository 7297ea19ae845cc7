//go:build linux

package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// An admin without usherctl asks usherd with grpcurl, which knows usher only through reflection.
func TestGrpcurl(t *testing.T) {
	grpcurl := buildGrpcurl(t)
	s := newStory(t, nil)
	s.start()
	jane := s.loggedIn("h-jane")
	ask := func(arguments ...string) string {
		t.Helper()
		result, err := s.Run(s.ctx, grpcurl, append([]string{"-plaintext", "-unix", s.HelperSocket()}, arguments...)...)
		s.must(err)
		if result.ExitCode != 0 {
			t.Fatalf("grpcurl %s: exit code %d: %s", strings.Join(arguments, " "), result.ExitCode, result.Stderr)
		}
		return result.Stdout
	}
	want := "grpc.health.v1.Health grpc.reflection.v1.ServerReflection " +
		"usher.v1.CleanService usher.v1.DeliveryService usher.v1.DoctorService usher.v1.JamfProService " +
		"usher.v1.RegistrationService " +
		"usher.v1.StatusService usher.v1.SupportService usher.v1.TenantService usher.v1.UserService"
	if got := strings.Join(strings.Fields(ask("list")), " "); got != want {
		t.Errorf("list: %s\nwant: %s", got, want)
	}
	if got := ask("describe", "usher.v1.RegistrationService"); !strings.Contains(got, "rpc StartRegistration") {
		t.Errorf("describe: %s", got)
	}
	health := decode[struct{ Status string }](t, ask("grpc.health.v1.Health/Check"))
	if health.Status != "SERVING" {
		t.Errorf("health is %q", health.Status)
	}
	status := decode[struct {
		Helper struct{ Version, StartTime, DeliveryMode string }
		Users  []struct {
			User    struct{ Name string }
			Session struct{ AgentPid int }
		}
	}](t, ask("usher.v1.StatusService/GetStatus"))
	if status.Helper.Version == "" || status.Helper.StartTime == "" || status.Helper.DeliveryMode != "recon" {
		t.Errorf("status of the helper is %+v", status.Helper)
	}
	if len(status.Users) != 1 || status.Users[0].User.Name != jane.Name ||
		status.Users[0].Session.AgentPid != jane.Agent.PID() {
		t.Errorf("users are %+v", status.Users)
	}
	// A refusal carries its reason.
	result, err := jane.Run(s.ctx, grpcurl, "-plaintext", "-unix", s.HelperSocket(),
		"usher.v1.DeliveryService/ListDeliveries")
	s.must(err)
	if result.ExitCode == 0 || !strings.Contains(result.Stderr, "PermissionDenied") ||
		!strings.Contains(result.Stderr, "NOT_PERMITTED") {
		t.Errorf("the outbox for a user: exit code %d: %s", result.ExitCode, result.Stderr)
	}
}

// buildGrpcurl builds the version that tools/go.mod pins, from the module cache if it is there.
func buildGrpcurl(t *testing.T) string {
	t.Helper()
	tools, err := filepath.Abs("../tools/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(publicDirectory(t), "grpcurl")
	build := exec.CommandContext(t.Context(), "go", "build", "-modfile="+tools, "-o", program,
		"github.com/fullstorydev/grpcurl/cmd/grpcurl")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build grpcurl: %v\n%s", err, output)
	}
	return program
}
