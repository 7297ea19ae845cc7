//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
)

// maximumResident is the limit of usherd's peak memory under every attack.
const maximumResident = 96 << 20

// startedFor begins a registration of a user and returns its id.
func (s *story) startedFor(u *mac.User) string {
	s.t.Helper()
	started, err := usherv1.NewRegistrationServiceClient(s.client(root)).StartRegistration(s.ctx,
		&usherv1.StartRegistrationRequest{Kind: usherv1.RegistrationKind_REGISTRATION_KIND_REGISTER, User: u.Name})
	s.must(err)
	return started.GetRegistration().GetId()
}

// unharmed fails the test unless usherd is the same process, answers root, and has remained small.
func (s *story) unharmed() {
	s.t.Helper()
	s.control(0, "outbox", "list")
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Helper.PID()))
	s.must(err)
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(content)
	if found == nil {
		s.t.Fatalf("no VmHWM in %s", content)
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	s.must(err)
	s.t.Logf("usherd had %d MB in memory at most", kilobytes>>10)
	if kilobytes<<10 > maximumResident {
		s.t.Errorf("usherd had %d MB in memory", kilobytes>>10)
	}
}

// served fails the test unless the helper answers a caller; gRPC waits for the connection.
func (s *story) served(c caller) {
	s.t.Helper()
	_, err := usherv1.NewTenantServiceClient(s.client(c)).GetTenant(s.ctx, &usherv1.GetTenantRequest{},
		grpc.WaitForReady(true))
	s.must(err)
}

// Another user cannot see, watch or cancel a registration. The answers are the same as for a registration that does not
// exist.
func TestRegistrationIsHiddenFromOtherUsers(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane, john := s.user("h-jane"), s.user("h-john")
	id, own := s.startedFor(jane), s.startedFor(john)
	for _, command := range []string{"show", "watch", "cancel"} {
		for _, length := range []int{1, 4, 8, 13, 18, len(id)} {
			// Ids begin with the time, so a beginning that both have finds John's own.
			theirs := id[:length]
			if strings.HasPrefix(own, theirs) {
				continue
			}
			absent := strings.Repeat("f", length)
			seen, err := john.Control(s.ctx, "registrations", command, theirs)
			s.must(err)
			none, err := john.Control(s.ctx, "registrations", command, absent)
			s.must(err)
			if seen.ExitCode != 14 || seen.Stdout != "" {
				t.Errorf("%s %s by another user: %+v", command, theirs, seen)
			}
			if strings.ReplaceAll(seen.Stderr, theirs, absent) != none.Stderr {
				t.Errorf("%s distinguishes another user's registration %q from a missing one: %q", command, seen.Stderr,
					none.Stderr)
			}
		}
	}
	// A beginning of both ids.
	s.controlAs(john, 0, "registrations", "show", own[:4])
	for _, arguments := range [][]string{{"status", "--json"}, {"registrations", "list", "--json"}, {"status"}} {
		result, err := john.Control(s.ctx, arguments...) // the exit code is that of John's state
		s.must(err)
		if result.Stdout == "" || strings.Contains(result.Stdout, jane.Name) || strings.Contains(result.Stdout, id) {
			t.Errorf("%v shows John something of Jane: %s", arguments, result.Stdout)
		}
	}
	s.controlAs(john, 4, "registrations", "list", "--user", jane.Name)
	s.controlAs(john, 4, "register", "--user", jane.Name)
	s.controlAs(john, 4, "outbox", "list")
	s.control(0, "registrations", "cancel", id)
}

// An attacker could write to the socket directory and has put other sockets there: usherctl and the agent send nothing
// to them.
func TestFalseHelper(t *testing.T) {
	s := newStory(t, map[string]any{"log_level": "debug"})
	s.start()
	jane := s.user("h-jane")
	s.must(os.Chmod(filepath.Dir(s.HelperSocket()), 0o777))
	impostor := s.spawn(nobody, "/", s.actAs("helper"), s.HelperSocket(), s.AgentSocket())
	impostor.until("false helper serves")

	for who, run := range map[string]func(int, ...string) mac.Result{
		"root": s.control, "user": func(code int,
			arguments ...string) mac.Result {
			return s.controlAs(jane, code, arguments...)
		},
	} {
		if result := run(3, "status"); !strings.Contains(result.Stderr, "not trusted") {
			t.Errorf("usherctl of %s says: %s", who, result.Stderr)
		}
		if line := impostor.until("helper.sock:"); line != "helper.sock: 0 bytes" {
			t.Errorf("usherctl of %s sent something: %s", who, line)
		}
	}
	agent := s.spawn(callerOf(t, jane), jane.Home, s.Programs.Agent, "--config", s.ConfigFile())
	if line := agent.until("helper is away"); !strings.Contains(line, "server not trusted") {
		t.Errorf("the agent says %s", line)
	}
	if line := impostor.until("agent.sock:"); line != "agent.sock: 0 bytes" {
		t.Errorf("the agent sent something: %s", line)
	}
	// usherd takes its place again, and the agent finds it.
	s.KillHelper()
	s.start()
	agent.until("connected to the helper")
	s.control(0, "outbox", "list")
}

// A program that a person runs in place of the installed agent gets no session.
func TestFalseAgent(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane := s.loggedIn("h-jane")
	john := s.user("h-john")
	before := s.sessions()
	for _, test := range []struct {
		caller caller
		want   string
	}{
		{callerOf(t, john), "usher-link/1 refused not_installed_agent "},
		{callerOf(t, jane), "usher-link/1 refused not_installed_agent "},
		{root, "usher-link/1 refused not_a_person "},
		{nobody, "usher-link/1 refused not_a_person "},
		{caller{uid: 499, gid: 499}, "usher-link/1 refused not_a_person "},
	} {
		connection, err := test.caller.dial(s.AgentSocket())
		s.must(err)
		hello, err := io.ReadAll(connection)
		s.must(errors.Join(err, connection.Close()))
		if !strings.HasPrefix(string(hello), test.want) {
			t.Errorf("uid %d got %q, want %q", test.caller.uid, hello, test.want)
		}
	}
	// The right program, run by an account that is not a person. Root has called it by hand, which is wrong usage.
	for _, test := range []struct {
		caller caller
		code   int
	}{{root, 2}, {nobody, 0}} {
		agent := s.spawn(test.caller, "/", s.Programs.Agent, "--config", s.ConfigFile())
		if code := agent.wait(); code != test.code {
			t.Errorf("usher-agent of uid %d ended with %d: %s", test.caller.uid, code, agent.read)
		}
	}
	// A second agent for one session.
	second := s.spawn(callerOf(t, jane), jane.Home, s.Programs.Agent, "--config", s.ConfigFile())
	if code := second.wait(); code != 0 {
		t.Errorf("the second agent ended with %d: %s", code, second.read)
	}
	if after := s.sessions(); after != before || !strings.Contains(after, fmt.Sprint(jane.Agent.PID())) {
		t.Errorf("sessions were %s and are %s", before, after)
	}
}

// sessions lists the connected users, with the pids of their agents.
func (s *story) sessions() string {
	s.t.Helper()
	answer, err := usherv1.NewStatusServiceClient(s.client(root)).GetStatus(s.ctx, &usherv1.GetStatusRequest{})
	s.must(err)
	var list []string
	for _, user := range answer.GetUsers() {
		if session := user.GetSession(); session != nil {
			list = append(list, fmt.Sprintf("%s by pid %d", user.GetUser().GetName(), session.GetAgentPid()))
		}
	}
	return strings.Join(list, ", ")
}

// The agent's program was replaced after its start, as by an upgrade. usherd does not let the old agent in again; it
// ends, and the session's service manager starts the new one.
func TestAgentReplacedOnDisk(t *testing.T) {
	s := newStory(t, nil)
	installed := s.Programs.Agent
	s.Programs.Agent = s.copyProgram(installed, "usher-agent")
	s.must(s.WriteConfig())
	s.start()
	jane := s.loggedIn("h-jane")
	old := jane.Agent
	t.Cleanup(old.Kill)
	s.copyProgram(installed, "usher-agent")
	s.KillHelper()
	s.start()
	_, err := s.Helper.WaitLog(s.ctx, "replaced_agent", 0)
	s.must(err)
	<-old.Done()
	if code := old.ExitCode(); code != 75 {
		t.Errorf("the old agent ended with %d", code)
	}
	if list := s.sessions(); list != "" {
		t.Errorf("sessions: %s", list)
	}
	s.must(jane.StartAgent(s.ctx))
	_, err = s.Helper.WaitLog(s.ctx, "session connected", 0)
	s.must(err)
}

// An agent that hangs does not block its successor, and ends when it wakes up.
func TestHungAgentIsReplaced(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane := s.loggedIn("h-jane")
	_, err := s.Helper.WaitLog(s.ctx, "session connected", 0)
	s.must(err)
	hung := jane.Agent
	t.Cleanup(hung.Kill)
	s.must(hung.Signal(syscall.SIGSTOP))
	begun := time.Now()
	s.must(jane.StartAgent(s.ctx))
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, log, refused := strings.Cut(jane.Agent.Log(), "refused"); refused {
		t.Errorf("the successor was refused first: %s", log)
	}
	s.must(hung.Signal(syscall.SIGCONT))
	if code := hung.ExitCode(); code != 0 {
		t.Errorf("the hung agent ended with %d: %s", code, hung.Log())
	}
	if list := s.sessions(); list != fmt.Sprintf("%s by pid %d", jane.Name, jane.Agent.PID()) {
		t.Errorf("sessions: %s", list)
	}
}

// A session lasts as long as its connection: it ends at once with it.
func TestSessionEndsWithItsAgent(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane := s.loggedIn("h-jane")
	next, err := s.Helper.WaitLog(s.ctx, "session connected", 0)
	s.must(err)
	begun := time.Now()
	jane.Agent.Kill()
	_, err = s.Helper.WaitLog(s.ctx, "session ended", next)
	s.must(err)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if list := s.sessions(); list != "" {
		t.Errorf("sessions: %s", list)
	}
}

// settings is an empty SETTINGS frame after the preface of HTTP/2, the minimum that a client must send.
const settings = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// Bytes that are not gRPC are dropped, on either socket, and nobody else notices.
func TestGarbage(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane := callerOf(t, s.user("h-jane"))
	var wait sync.WaitGroup
	for name, bytes := range map[string]string{
		"zeros":                 strings.Repeat("\x00", 1<<16),
		"HTTP/1":                "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"half a preface":        settings[:11],
		"nothing":               "",
		"a frame of 16 MB":      settings + "\xff\xff\xff\x00\x01\x00\x00\x00\x01",
		"an endless header":     settings + headersWithoutEnd(),
		"a message cut off":     settings + cutMessage,
		"a hundred SETTINGS":    settings + strings.Repeat("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 100),
		"data without a stream": settings + "\x00\x00\x04\x00\x00\x00\x00\x00\x07abcd",
	} {
		for _, path := range []string{s.HelperSocket(), s.AgentSocket()} {
			connection, err := jane.dial(path)
			s.must(err)
			wait.Go(func() {
				defer connection.Close()
				// usherd may close it before all is written, and does not wait for a client that remains silent.
				io.WriteString(connection, bytes)
				if name != "nothing" && name != "half a preface" {
					connection.(*net.UnixConn).CloseWrite()
				}
				reads(connection)
			})
		}
	}
	wait.Wait()
	s.served(jane)
	s.unharmed()
}

// headersWithoutEnd is a header list that never ends, in CONTINUATION frames.
func headersWithoutEnd() string {
	frames := "\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82"
	for range 2000 {
		frames += "\x00\x04\x00\x09\x00\x00\x00\x00\x01" + strings.Repeat("\x82", 1024)
	}
	return frames
}

// cutMessage begins a call of TenantService/GetTenant by hand (literal headers, no Huffman code). It announces a
// message of 100 bytes, and sends two.
var cutMessage = func() string {
	header := "\x83\x86" + literal(":path", "/usher.v1.TenantService/GetTenant") + literal(":authority", "localhost") +
		literal("content-type", "application/grpc") + literal("te", "trailers")
	body := "\x00\x00\x00\x00\x64ab"
	return frame(0x1, 0x4, header) + frame(0x0, 0x0, body)
}()

func frame(kind, flags byte, payload string) string {
	return string([]byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0,
		1}) + payload
}

func literal(name, value string) string {
	return "\x00" + string([]byte{byte(len(name))}) + name + string([]byte{byte(len(value))}) + value
}

// Messages and headers that are too large are refused and not kept.
func TestHugeMessages(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane := callerOf(t, s.user("h-jane"))
	huge := strings.Repeat("x", 10<<20)
	registrations := usherv1.NewRegistrationServiceClient(s.client(jane))
	_, err := registrations.GetRegistration(s.ctx, &usherv1.GetRegistrationRequest{Id: huge})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("10 MB: %.200v", err)
	}
	_, err = registrations.GetRegistration(s.ctx, &usherv1.GetRegistrationRequest{Id: huge[:60<<10]})
	if status.Code(err) != codes.InvalidArgument || len(err.Error()) > 500 {
		t.Errorf("60 KB: %.200v", err)
	}
	_, err = registrations.StartRegistration(s.ctx, &usherv1.StartRegistrationRequest{Kind: 1, User: huge[:60<<10]})
	if status.Code(err) != codes.InvalidArgument || len(err.Error()) > 500 {
		t.Errorf("a name of 60 KB: %.200v", err)
	}
	for _, text := range []string{"../../../../etc/passwd", "\x00", "root\x1b[2J", "-u 0", " "} {
		_, err = registrations.StartRegistration(s.ctx, &usherv1.StartRegistrationRequest{Kind: 1, User: text})
		if code := status.Code(err); code != codes.NotFound && code != codes.InvalidArgument {
			t.Errorf("user %q: %v", text, err)
		}
	}
	header := contextWith(s.ctx, "x-huge", huge[:1<<20])
	if _, err = registrations.ListRegistrations(header, &usherv1.ListRegistrationsRequest{}); err == nil {
		t.Error("a header of 1 MB was accepted")
	}
	s.served(jane)
	s.unharmed()
}

// A user opens a thousand idle connections: 32 are accepted, and everyone else is served.
func TestThousandIdleConnections(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane, john := s.user("h-jane"), s.user("h-john")
	var connections []net.Conn
	for range 1000 {
		connection, err := callerOf(t, jane).dial(s.HelperSocket())
		s.must(err)
		defer connection.Close()
		io.WriteString(connection, settings) // a refused one is closed already
		connections = append(connections, connection)
	}
	open := 0
	for _, connection := range connections {
		// usherd greets accepted connections with its own SETTINGS.
		if count, _ := connection.Read(make([]byte, 1)); count == 1 {
			open++
		}
	}
	if open != 32 {
		t.Errorf("%d connections of one user are open", open)
	}
	s.unharmed()
	s.controlAs(john, 0, "registrations", "list")
	s.controlAs(jane, 3, "status")
	for _, connection := range connections {
		connection.Close()
	}
	s.served(callerOf(t, jane))
	if lines := strings.Count(s.Helper.Log(), "connection over the limit"); lines != 1 {
		t.Errorf("%d lines in the log report it", lines)
	}
}

// limited counts the errors that say RATE_LIMITED, and fails the test for any other.
func limited(t *testing.T, errs []error) (count int) {
	t.Helper()
	for _, err := range errs {
		switch {
		case err == nil:
		case contract.Reason(err) == usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED &&
			status.Code(err) == codes.ResourceExhausted:
			count++
		default:
			t.Errorf("got %v", err)
		}
	}
	return count
}

// Streams and calls of one user are bounded, while another user is served.
func TestOneUserAsksTooMuch(t *testing.T) {
	t.Run("watches", func(t *testing.T) {
		s := newStory(t, nil)
		s.start()
		jane, john := s.user("h-jane"), s.user("h-john")
		id := s.startedFor(jane)
		var errs []error
		for range 10 {
			registrations := usherv1.NewRegistrationServiceClient(s.client(callerOf(t, jane)))
			for range 20 {
				stream, err := registrations.WatchRegistration(s.ctx, &usherv1.WatchRegistrationRequest{Id: id})
				if err == nil {
					_, err = stream.Recv()
				}
				errs = append(errs, err)
			}
		}
		if count := limited(t, errs); len(errs)-count > 64 || len(errs)-count < 32 {
			t.Errorf("%d of %d watches are open", len(errs)-count, len(errs))
		}
		s.controlAs(john, 0, "registrations", "list")
		s.unharmed()
	})
	t.Run("calls", func(t *testing.T) {
		s := newStory(t, nil)
		s.start()
		jane, john := s.user("h-jane"), s.user("h-john")
		tenant := usherv1.NewTenantServiceClient(s.client(callerOf(t, jane)))
		outbox := usherv1.NewDeliveryServiceClient(s.client(callerOf(t, john)))
		var errs []error
		for range 400 {
			_, err := tenant.GetTenant(s.ctx, &usherv1.GetTenantRequest{})
			errs = append(errs, err)
		}
		if limited(t, errs) == 0 {
			t.Error("400 calls at once were served")
		}
		s.controlAs(john, 0, "registrations", "list")
		// Refused calls are limited too, and so are their log lines.
		refused := 0
		for range 400 {
			_, err := outbox.ListDeliveries(s.ctx, &usherv1.ListDeliveriesRequest{})
			if status.Code(err) == codes.PermissionDenied {
				refused++
			} else if contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED {
				t.Errorf("got %v", err)
			}
		}
		if lines := strings.Count(s.Helper.Log(), "call refused"); lines > 25 || refused > 300 {
			t.Errorf("%d refusals wrote %d lines", refused, lines)
		}
		s.unharmed()
	})
}

// An agent that was let in lies: usherd remains up and small, and the registration ends.
func TestLyingAgent(t *testing.T) {
	for part, want := range map[string]struct {
		exitCode int
		reason   string
	}{
		"endless":            {6, "SIGN_IN_TIMEOUT"},
		"huge":               {6, "SIGN_IN_TIMEOUT"},
		"silent-portal":      {6, "SIGN_IN_TIMEOUT"},
		"silent-identity":    {5, "SESSION_TIMEOUT"},
		"garbage":            {7, "IDENTITY_NOT_FOUND"},
		"broken-certificate": {8, "IDENTITY_UNREADABLE"},
		"enums":              {15, "PORTAL_OUTCOME_UNKNOWN"},
		"exit-first":         {66, "PORTAL_FAILED"},
		"root":               {7, "IDENTITY_NOT_FOUND"},
		"mute":               {5, "SESSION_TIMEOUT"},
	} {
		t.Run(part, func(t *testing.T) {
			s := newStory(t, map[string]any{
				"registration.session_timeout": "4s", "registration.sign_in_timeout": "4s",
				"registration.identity_timeout": "2s",
			})
			s.Programs.Agent = s.actAs(part)
			s.must(s.WriteConfig())
			s.start()
			jane := s.loggedIn("h-jane")
			if part == "root" {
				_, err := s.Helper.WaitLog(s.ctx, "session connected", 0)
				s.must(err)
				if list := s.sessions(); list != fmt.Sprintf("%s by pid %d", jane.Name, jane.Agent.PID()) {
					t.Errorf("sessions: %s", list)
				}
			}
			result := s.control(want.exitCode, "register", "--user", jane.Name, "--wait")
			shown := s.control(0, "registrations", "list", "--json").Stdout
			if !strings.Contains(shown, want.reason) {
				t.Errorf("registration is %s", shown)
			}
			if text := result.Stdout + result.Stderr + s.Helper.Log(); strings.ContainsAny(text, "\x1b\a") {
				t.Errorf("the agent's text reaches the terminal: %q", text)
			}
			for line := range strings.Lines(s.Helper.Log()) {
				if len(line) > 2000 {
					t.Errorf("a line of %d bytes in the log: %.200s", len(line), line)
				}
			}
			s.unharmed()
		})
	}
}

// A whole registration writes neither names of Entra, nor ids of the device, nor the secret into a log.
func TestLogsHoldNothingPersonal(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("h-jane")
	s.must(jane.SetPortal(mac.PortalSettings{"upn": "planted-name@planted-domain.example"}))
	s.controlAs(jane, 0, "register", "--wait")
	answer, err := usherv1.NewStatusServiceClient(s.client(root)).GetStatus(s.ctx, &usherv1.GetStatusRequest{})
	s.must(err)
	identity := answer.GetUsers()[0].GetIdentity()
	planted := map[string]string{
		"UPN": identity.GetUserPrincipalName(), "domain": "planted-domain", "device id": identity.GetDeviceId(),
		"object id": identity.GetUserObjectId(), "thumbprint": identity.GetThumbprint(),
		"client secret": jamfpro.DefaultClientSecret,
	}
	// The same for one that fails.
	s.must(jane.Keyring.Lock(s.ctx))
	s.controlAs(jane, 8, "gather")
	for name, log := range map[string]string{"usherd": s.Helper.Log(), "usher-agent": jane.Agent.Log()} {
		for what, value := range planted {
			if value == "" {
				t.Errorf("nothing planted as %s", what)
			} else if strings.Contains(strings.ToLower(log), strings.ToLower(value)) {
				t.Errorf("the log of %s shows the %s %q:\n%s", name, what, value, log)
			}
		}
	}
	secret := jamfpro.DefaultClientSecret
	for _, arguments := range [][]string{{"status", "--json"}, {"outbox", "list", "--json"},
		{"config", "show", "--json"}, {"registrations", "list", "--json"}} {
		result, err := s.Control(s.ctx, arguments...)
		s.must(err)
		if result.Stdout == "" || strings.Contains(result.Stdout, secret) {
			t.Errorf("%v shows the secret", arguments)
		}
	}
}

// Only one helper runs: the second ends, gives the reason, and leaves the first untouched. Leftovers of a killed one
// are replaced.
func TestSecondHelper(t *testing.T) {
	s := newStory(t, nil)
	s.start()
	jane := s.loggedIn("h-jane")
	refused := func(what string, texts ...string) {
		t.Helper()
		exitCode, log, err := s.RunHelper(s.ctx)
		s.must(err)
		if exitCode <= 0 {
			t.Errorf("a second helper with the same %s ended with %d", what, exitCode)
		}
		for _, text := range texts {
			if !strings.Contains(log, text) {
				t.Errorf("a second helper with the same %s does not name %s: %s", what, text, log)
			}
		}
	}
	refused("sockets", s.HelperSocket(), fmt.Sprintf("pid %d", s.Helper.PID()))
	elsewhere := filepath.Join(publicDirectory(t), "run")
	s.must(s.Set(map[string]any{"socket_directory": elsewhere}))
	refused("journal", filepath.Join(s.StateDirectory(), "journal.db"), "in use")
	if _, err := os.Lstat(filepath.Join(elsewhere, "helper.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left its socket behind: %v", err)
	}
	s.must(s.Set(map[string]any{"socket_directory": filepath.Dir(s.HelperSocket())}))
	s.control(0, "outbox", "list")
	if list := s.sessions(); list != fmt.Sprintf("%s by pid %d", jane.Name, jane.Agent.PID()) {
		t.Errorf("sessions: %s", list)
	}

	s.KillHelper()
	for _, path := range []string{s.HelperSocket(), s.AgentSocket()} {
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeSocket {
			t.Errorf("kill -9 left %s as %v, %v", path, info, err)
		}
	}
	s.control(3, "status")
	s.start()
	s.control(0, "outbox", "list")
	_, err := s.Helper.WaitLog(s.ctx, "session connected", 0)
	s.must(err)
}
