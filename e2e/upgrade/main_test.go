//go:build linux

// Package upgrade runs the programs of earlier versions against today's, as real processes, and opens their files. It
// needs root, and the repository's history to build the earlier programs.
package upgrade

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher.internal/internal/config"
	"usher.internal/internal/earlier"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
)

// today are the programs of this version, and the stand-ins; builds is the directory for earlier ones.
var (
	today  mac.Programs
	builds string
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == poorAgent {
		os.Exit(beAPoorAgent())
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "e2e/upgrade: these tests make users and act as them, so they need root; `sudo make "+
			"test` runs them")
		return 1
	}
	var err error
	if builds, err = os.MkdirTemp("", "usher-upgrade-"); err == nil {
		defer os.RemoveAll(builds)
		err = os.Chmod(builds, 0o755)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err == nil {
		today, err = mac.Build(ctx, filepath.Join(builds, "today"), "grpcnotrace")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e/upgrade:", err)
		return 1
	}
	return m.Run()
}

// built holds the programs of each earlier version, built once.
var built sync.Map

// programsOf returns usherd, usher-agent, usherctl and Company Portal of a version, with today's other stand-ins.
func programsOf(t *testing.T, version earlier.Version) mac.Programs {
	t.Helper()
	directory := filepath.Join(builds, version.Name)
	once, _ := built.LoadOrStore(version.Name, sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return err
		}
		return version.Build(ctx, directory)
	}))
	if err := once.(func() error)(); err != nil {
		t.Fatal(err)
	}
	programs := today
	programs.Helper, programs.Agent, programs.Control = filepath.Join(directory, "usherd"),
		filepath.Join(directory, "usher-agent"), filepath.Join(directory, "usherctl")
	programs.Portal = filepath.Join(directory, "companyportal")
	return programs
}

// keysOnlyOfToday are the configuration keys that a version does not know. Its programs refuse them.
func keysOnlyOfToday(t *testing.T, version earlier.Version) (keys []string) {
	t.Helper()
	content, err := os.ReadFile(version.Path("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range config.Keys("linux") {
		if !slices.ContainsFunc(strings.Split(string(content), "\n"),
			func(line string) bool { return strings.HasPrefix(line, key.Name+":") }) {
			keys = append(keys, key.Name)
		}
	}
	return keys
}

// story is a Mac for one test.
type story struct {
	*mac.Mac
	t       *testing.T
	ctx     context.Context
	jamfPro *jamfpro.Server
}

// newStory lays out a Mac with these programs, and a configuration without these keys.
func newStory(t *testing.T, without []string, programs mac.Programs) *story {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	directory, err := os.MkdirTemp("", "usher-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	log := &locked{}
	m, err := mac.New(mac.Options{Directory: directory, Programs: programs, Without: without, Tee: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close the Mac: %v", err)
		}
		if t.Failed() {
			t.Logf("what the processes wrote:\n%s", log.String())
		}
	})
	return &story{Mac: m, t: t, ctx: ctx}
}

// locked is a buffer that several processes write to.
type locked struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

var _ io.Writer = (*locked)(nil)

// Write implements [io.Writer].
func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// String returns what was written.
func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

func (s *story) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// withJamfPro gives the Mac a Jamf Pro.
func (s *story) withJamfPro() {
	s.t.Helper()
	server, err := jamfpro.New(jamfpro.Options{
		Computers: []jamfpro.Computer{{UDID: mac.UDID, SerialNumber: mac.SerialNumber, Name: mac.ComputerName}}})
	s.must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	serving, done := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}, make(chan struct{})
	go func() { defer close(done); serving.Serve(listener) }()
	s.t.Cleanup(func() { serving.Close(); <-done; server.Close() })
	s.jamfPro = server
	s.must(s.UseJamfPro("http://"+listener.Addr().String(), jamfpro.DefaultClientID, jamfpro.DefaultClientSecret))
}

// wantInJamfPro waits until Jamf Pro holds that state.
func (s *story) wantInJamfPro(state string) {
	s.t.Helper()
	holds := func() bool {
		computer, _ := s.jamfPro.Computer(mac.UDID)
		return computer.Value("Usher Registration State") == state
	}
	if err := s.jamfPro.Await(s.ctx, holds); err != nil {
		computer, _ := s.jamfPro.Computer(mac.UDID)
		s.t.Fatalf("Jamf Pro holds %v, want the state %s: %v", computer.ExtensionAttributes, state, err)
	}
}

// user makes a user with a unique name.
func (s *story) user(name string) *mac.User {
	s.t.Helper()
	u, err := s.AddUser(s.ctx, "usher-"+name+"-"+strings.ToLower(rand.Text()[:6]))
	s.must(err)
	return u
}

// control runs usherctl as root and wants that exit code.
func (s *story) control(exitCode int, arguments ...string) mac.Result {
	s.t.Helper()
	result, err := s.Control(s.ctx, arguments...)
	s.must(err)
	if result.ExitCode != exitCode {
		s.t.Fatalf("usherctl %s: exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(arguments, " "),
			result.ExitCode, exitCode, result.Stdout, result.Stderr)
	}
	return result
}

// newest is the newest registration.
func (s *story) newest() (id string) {
	s.t.Helper()
	list := decode(s.t, s.control(0, "registrations", "list", "--limit", "1", "--json").Stdout)
	return at(list, "data", "registrations", 0, "id").(string)
}

// waitState waits until a registration is in a state.
func (s *story) waitState(id, state string) {
	s.t.Helper()
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
			return
		}
	}
}

// decode reads the one JSON value that a command printed.
func decode(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("decode %q: %v", text, err)
	}
	return value
}

// at returns the value at a path of keys and indexes in a JSON value, nil if nothing is there.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}
