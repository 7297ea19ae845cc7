//go:build linux

// Package e2e plays whole stories on a Mac of real processes (sim/mac): with real users, real Unix sockets, real
// keyrings, and an usherd that is really killed. It needs root, and the programs that `make test` installs.
package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/internal/config"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/darwin"
	"usher.internal/sim/mac"
)

// programs are the shipped programs and the stand-ins; crashHelper is usherd with the build tag crashtest.
var (
	programs    mac.Programs
	crashHelper string
)

// asMacOS has usherd, usher-agent and usherctl play the stories as built for macOS, under the loader of sim/darwin.
// withCgo builds the agent as it ships, with Security for the keychain; without it a build tag has the agent read a
// file. counted measures coverage.
var (
	asMacOS = flag.Bool("darwin", false, "play the stories with usher's programs for macOS")
	withCgo = flag.Bool("cgo", false, "with -darwin: build usher-agent with cgo")
	counted = flag.String("counted", "",
		"with -darwin: measure the coverage of these `packages`, separated by commas, in usher's programs "+
			"($GOCOVERDIR)")
)

func TestMain(m *testing.M) {
	if exitCode, plays := playPart(); plays {
		os.Exit(exitCode)
	}
	if os.Getuid() == 0 {
		if err := withOwnSeats(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			os.Exit(1)
		}
	}
	os.Exit(runAll(m))
}

// ownSeats is set in the environment of a run with separate seats.
const ownSeats = "USHER_E2E_OWN_SEATS"

// withOwnSeats has this program run in a mount namespace, in which the stories write who is in front of the computer.
// Tests of other packages run at the same time and look there too. The namespace also removes the leftovers of a killed
// run.
func withOwnSeats() error {
	if os.Getenv(ownSeats) != "" {
		return os.Unsetenv(ownSeats)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return err
	}
	const script = `mkdir -p "$1" && mount -t tmpfs tmpfs "$1" && shift && exec "$0" "$@"`
	arguments := append([]string{"unshare", "--mount", "--propagation", "private", "sh", "-c", script, self,
		filepath.Dir(seatFile)}, os.Args[1:]...)
	return fmt.Errorf("run in a mount namespace: %w",
		syscall.Exec(unshare, arguments, append(os.Environ(), ownSeats+"=1")))
}

func runAll(m *testing.M) int {
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "e2e: these tests make users and act as them, so they need root; `sudo make "+
			"test` runs them")
		return 1
	}
	directory, err := os.MkdirTemp("", "usher-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(directory)
	if err := os.Chmod(directory, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	flag.Parse()
	build := mac.Build
	if *asMacOS {
		build, err = forMacOS(ctx, directory)
	}
	if err == nil {
		programs, err = build(ctx, filepath.Join(directory, "programs"), "grpcnotrace")
	}
	var crashing mac.Programs
	if err == nil {
		crashing, err = build(ctx, filepath.Join(directory, "crashtest"), "grpcnotrace,crashtest")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	crashHelper = crashing.Helper
	if counters := os.Getenv("GOCOVERDIR"); counters != "" {
		programs.Environment = []string{"GOCOVERDIR=" + counters}
	}
	return m.Run()
}

// forMacOS returns the build of usher's programs for macOS.
func forMacOS(ctx context.Context,
	directory string) (func(ctx context.Context, directory, tags string) (mac.Programs, error), error) {
	loader, err := darwin.Build(ctx, filepath.Join(directory, "loader"))
	if err != nil {
		return nil, err
	}
	kit, err := loader.WriteSDK(ctx, filepath.Join(directory, "sdk"))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, directory, tags string) (mac.Programs, error) {
		var flags []string
		if *counted != "" {
			flags = []string{"-cover", "-covermode=atomic", "-coverpkg=" + *counted}
		}
		built, err := mac.BuildForMacOS(ctx, directory, tags, loader.Path, flags...)
		if err == nil && *withCgo {
			err = kit.Compile(ctx, built.Agent, "usher.internal/cmd/usher-agent", flags...)
		}
		return built, err
	}, nil
}

// story is a Mac with a Jamf Pro, for one test.
type story struct {
	*mac.Mac
	jamfPro *jamfPro
	t       *testing.T
	ctx     context.Context
}

// newStory lays out a Mac that delivers by the API, with usherd not started.
func newStory(t *testing.T, settings map[string]any) *story {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	log := &bytes.Buffer{}
	if _, says := settings["identity.sources"]; *asMacOS && !says {
		// As on Linux, where the stories are written. On macOS usherd also looks at Jamf's own view and Platform SSO,
		// and both affect the state.
		settings = maps.Clone(settings)
		if settings == nil {
			settings = map[string]any{}
		}
		settings["identity.sources"] = []string{config.LoginKeychain}
	}
	m, err := mac.New(mac.Options{Directory: publicDirectory(t), Programs: programs, Settings: settings,
		FileKeychain: *asMacOS, Tee: &locked{writer: log}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close the Mac: %v", err)
		}
		if t.Failed() {
			t.Logf("what the processes wrote:\n%s", log)
		}
	})
	s := &story{Mac: m, t: t, ctx: ctx}
	return s
}

// publicDirectory is a temporary directory that every user can reach, with a short path for a Unix socket.
func publicDirectory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "usher-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	return directory
}

func (s *story) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// start starts usherd.
func (s *story) start(environment ...string) {
	s.t.Helper()
	s.must(s.StartHelper(s.ctx, environment...))
}

// user makes a user with that name prefix and a unique name. An interrupted run may have left accounts behind, and
// another may be in progress.
func (s *story) user(name string) *mac.User {
	s.t.Helper()
	u, err := s.AddUser(s.ctx, "usher-"+name+"-"+strings.ToLower(rand.Text()[:6]))
	s.must(err)
	return u
}

// loggedIn makes a user and logs them in.
func (s *story) loggedIn(name string) *mac.User {
	s.t.Helper()
	u := s.user(name)
	s.must(u.Login(s.ctx))
	return u
}

// control runs usherctl as root and wants that exit code.
func (s *story) control(exitCode int, arguments ...string) mac.Result {
	s.t.Helper()
	result, err := s.Control(s.ctx, arguments...)
	s.must(err)
	s.wantExit(result, exitCode, arguments)
	return result
}

// controlAs runs usherctl as a user and wants that exit code.
func (s *story) controlAs(u *mac.User, exitCode int, arguments ...string) mac.Result {
	s.t.Helper()
	result, err := u.Control(s.ctx, arguments...)
	s.must(err)
	s.wantExit(result, exitCode, arguments)
	return result
}

func (s *story) wantExit(result mac.Result, exitCode int, arguments []string) {
	s.t.Helper()
	if result.ExitCode != exitCode {
		s.t.Fatalf("usherctl %s: exit code %d, want %d\nstdout:\n%s\nstderr:\n%s",
			strings.Join(arguments, " "), result.ExitCode, exitCode, result.Stdout, result.Stderr)
	}
}

// decode reads the one JSON object that a command printed.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("decode %q: %v", text, err)
	}
	return value
}

// ranOnce fails the test unless the user's portal was started exactly once.
func (s *story) ranOnce(u *mac.User) {
	s.t.Helper()
	runs, err := u.PortalRuns()
	s.must(err)
	if len(runs) != 1 {
		s.t.Errorf("Company Portal of %s was started %d times, want once:\n%s", u.Name, len(runs),
			strings.Join(runs, "\n"))
	}
}

// waitState watches the newest registration until it is in a state, and returns its id.
func (s *story) waitState(state string) string {
	s.t.Helper()
	list := decode[struct {
		Data struct {
			Registrations []struct{ ID string }
		}
	}](s.t, s.control(0, "registrations", "list", "--limit", "1", "--json").Stdout)
	if len(list.Data.Registrations) != 1 {
		s.t.Fatal("there is no registration")
	}
	id := list.Data.Registrations[0].ID
	connection, err := link.Dial(s.HelperSocket(), uint32(os.Getuid()))
	s.must(err)
	defer connection.Close()
	stream, err := usherv1.NewRegistrationServiceClient(connection).WatchRegistration(s.ctx,
		&usherv1.WatchRegistrationRequest{Id: id})
	s.must(err)
	for {
		message, err := stream.Recv()
		if err != nil {
			s.t.Fatalf("registration %s did not reach %s: %v", id, state, err)
		}
		if message.GetRegistration().GetState().String() == "REGISTRATION_STATE_"+state {
			return id
		}
	}
}
