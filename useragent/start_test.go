package useragent

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

// The test binary is also each program that the tests run: copies of it act by their name. The agent's arguments are a
// configuration and a log file.
const (
	agentName  = "usher-agent"
	portalName = "Company Portal"
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case agentName:
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		code := Start(ctx, os.Args[1], os.Args[2])
		stop()
		os.Exit(code)
	case portalName:
		syscall.Exit(portalMain()) // without the race detector's extra second
	}
	goleak.VerifyTestMain(m)
}

// portalMain is a Company Portal that connects to the test at $HOME/control.sock and follows its commands.
func portalMain() int {
	connection, err := net.Dial("unix", filepath.Join(os.Getenv("HOME"), "control.sock"))
	if err != nil {
		return 98
	}
	for commands := bufio.NewScanner(connection); commands.Scan(); {
		var code int
		if _, err := fmt.Sscanf(commands.Text(), "exit %d", &code); err == nil {
			return code
		}
		fmt.Fprintln(connection, os.Getpid())
	}
	return 97
}

func install(t *testing.T, path string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("/bin/cp", self, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}

// controlled is a running fake portal.
type controlled struct {
	t          *testing.T
	connection net.Conn
}

func accept(t *testing.T, socket net.Listener) *controlled {
	t.Helper()
	connection, err := socket.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() }) // which also ends it
	return &controlled{t, connection}
}

func (c *controlled) do(command string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.connection, command); err != nil {
		c.t.Fatal(err)
	}
}

func (c *controlled) wantEnd() {
	c.t.Helper()
	if _, err := c.connection.Read(make([]byte, 1)); err != io.EOF {
		c.t.Errorf("it has not ended: %v", err)
	}
}

func (c *controlled) wantAlive() {
	c.t.Helper()
	c.do("pid")
	if _, err := bufio.NewReader(c.connection).ReadString('\n'); err != nil {
		c.t.Errorf("it has ended: %v", err)
	}
}

// nobody is the uid of the user in whose session the agent runs.
const nobody = 65534

// session is a place where an agent can run as a user.
type session struct {
	t                    *testing.T
	directory, home      string
	agent, configuration string
}

func newSession(t *testing.T) *session {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("needs root, to run the agent as another user")
	}
	s := &session{t: t, directory: temporary(t)}
	s.home, s.agent = filepath.Join(s.directory, "home"), filepath.Join(s.directory, agentName)
	s.configuration = filepath.Join(s.directory, "config.yaml")
	install(t, s.agent)
	install(t, filepath.Join(s.directory, portalName))
	if err := os.Mkdir(s.home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(s.home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("socket_directory: %s\nportal:\n  executable: %s\n", s.directory,
		filepath.Join(s.directory, portalName))
	if err := os.WriteFile(s.configuration, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts the agent with its standard error in a buffer.
func (s *session) start(uid uint32, configFile, logFile string) (*exec.Cmd, *bytes.Buffer) {
	s.t.Helper()
	command := exec.Command(s.agent, configFile, logFile)
	command.Env = []string{"HOME=" + s.home, "PATH=/usr/bin:/bin", "GORACE=" + os.Getenv("GORACE")}
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	output := &bytes.Buffer{}
	command.Stderr, command.Stdout = output, output
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = command.Process.Kill() })
	return command, output
}

// wantExit waits until an agent ends by itself.
func (s *session) wantExit(command *exec.Cmd, output *bytes.Buffer, code int, words string) {
	s.t.Helper()
	_ = command.Wait()
	if got := command.ProcessState.ExitCode(); got != code || !strings.Contains(output.String(), words) {
		s.t.Errorf("ended with %d, want %d and %q in:\n%s", got, code, words, output)
	}
}

func TestAgentThatHasNoBusinessHereEnds(t *testing.T) {
	s := newSession(t)
	for _, test := range []struct {
		uid        uint32
		configFile string
		code       int
		words      string
	}{
		{0, s.configuration, 2, "refuses to run as root: it is usher's part in the login session of a user"},
		{0, "", 0, "refuses to run as root"}, // by launchd or systemd, which restart it after any other code
		{nobody, filepath.Join(s.directory, "none.yaml"), 78, "none.yaml"},
	} {
		command, output := s.start(test.uid, test.configFile, "")
		s.wantExit(command, output, test.code, test.words)
	}
}

func TestAgentEndsWhenTheHelperRefusesItForGood(t *testing.T) {
	for reason, code := range map[link.RefusalReason]int{link.SessionExists: 0, link.NotAPerson: 0,
		link.ProtocolVersion: 0, link.ReplacedAgent: 75} {
		t.Run(string(reason), func(t *testing.T) {
			s := newSession(t)
			newHelper(t, s.directory, func(peer *link.Peer) error {
				if peer.UID != nobody {
					t.Errorf("peer is %d", peer.UID)
				}
				return &link.RefusedError{Reason: reason, Message: "for this reason"}
			})
			command, output := s.start(nobody, s.configuration, "")
			s.wantExit(command, output, code, "for this reason")
		})
	}
}

// TestPortalSurvivesTheAgent tests the whole agent. The helper's call launches the portal. The portal outlives two
// agents, one that is ended and one that is killed, and the third one reports how it ended.
func TestPortalSurvivesTheAgent(t *testing.T) {
	s := newSession(t)
	socket, err := net.Listen("unix", filepath.Join(s.home, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := os.Chmod(filepath.Join(s.home, "control.sock"), 0o666); err != nil {
		t.Fatal(err)
	}
	helper := newHelper(t, s.directory, nil)
	runPortal := func(connection *grpc.ClientConn,
		attachOnly bool) (grpc.ServerStreamingClient[usherv1.RunPortalResponse], *usherv1.PortalStarted) {
		t.Helper()
		stream, err := usherv1.NewUserAgentServiceClient(connection).RunPortal(t.Context(),
			&usherv1.RunPortalRequest{RegistrationId: "one", AttachOnly: attachOnly})
		if err != nil {
			t.Fatal(err)
		}
		first, err := stream.Recv()
		if err != nil || first.GetStarted().GetPid() == 0 {
			t.Fatalf("got %v, %v", first, err)
		}
		return stream, first.GetStarted()
	}

	command, output := s.start(nobody, s.configuration, "")
	_, started := runPortal(<-helper.connections, false)
	running := accept(t, socket)
	ending := time.Now()
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.wantExit(command, output, 0, "usher-agent ends")
	if took := time.Since(ending); took > 3*time.Second {
		t.Errorf("took %s to end", took)
	}
	running.wantAlive()

	command, _ = s.start(nobody, s.configuration, "")
	if _, again := runPortal(<-helper.connections, true); again.Pid != started.Pid || !again.Attached {
		t.Errorf("second agent: %v, first %v", again, started)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	running.wantAlive()

	s.start(nobody, s.configuration, "")
	stream, again := runPortal(<-helper.connections, false)
	if again.Pid != started.Pid || !again.Attached {
		t.Errorf("third agent: %v, first %v", again, started)
	}
	running.do("exit 0")
	last, err := stream.Recv()
	if err != nil || !last.GetExit().GetUnknown() { // it was nobody's child, and has no log
		t.Errorf("got %v, %v", last, err)
	}
}
