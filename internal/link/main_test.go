package link_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"usher.internal/internal/link"
)

// stranger is a uid without any part in the test.
const stranger = 65534

// roles are what this test's binary can do as another process. The environment variable USHER_LINK_ROLE selects one.
var roles = map[string]func(path string) error{
	"call":      callOnce,
	"listen":    listenForever,
	"fake":      serveAsStranger,
	"agent":     beAgent,
	"flood":     floodConnections,
	"knock":     knock,
	"knockMore": knockMore,
}

func TestMain(m *testing.M) {
	if role := os.Getenv("USHER_LINK_ROLE"); role != "" {
		if err := roles[role](os.Getenv("USHER_LINK_PATH")); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "internal/link: these tests act as several uids, so they need root; `sudo make "+
			"test` runs them")
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// logBuffer collects log lines.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.FieldsFunc(b.text.String(), func(r rune) bool { return r == '\n' })
}

func registerHealth(server *grpc.Server) {
	healthv1.RegisterHealthServer(server, health.NewServer())
}

// socketPath is in a directory that every uid can reach.
func socketPath(t testing.TB) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "link-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(directory, "x.sock")
}

// as starts this test's binary in a role, as uid, and returns it with its standard output. It ends with the test at the
// latest. A role that is done waits on its standard input.
func as(t testing.TB, uid uint32, role, path string) (*exec.Cmd, io.Reader) {
	t.Helper()
	program := filepath.Join(filepath.Dir(path), "role-"+role)
	if err := copyFile(os.Args[0], program); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program)
	command.Env = []string{"USHER_LINK_ROLE=" + role, "USHER_LINK_PATH=" + path, "GORACE=" + os.Getenv("GORACE")}
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	return command, output
}

// suspend stops a role with SIGSTOP, and returns when it has stopped.
func suspend(t testing.TB, command *exec.Cmd) {
	t.Helper()
	if err := command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	const stopped = 0x7f // the low byte of wait4(2)'s status then, on both systems
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(command.Process.Pid, &status, syscall.WUNTRACED, nil)
		if err == syscall.EINTR {
			continue
		}
		// On macOS Stopped of Go's WaitStatus is false for SIGSTOP: it takes that for a process that continues
		// (syscall_bsd.go).
		if err != nil || status&0xff != stopped {
			t.Fatalf("pid %d did not stop: %v, status %v", command.Process.Pid, err, status)
		}
		return
	}
}

func copyFile(from, to string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	// A child that is forked meanwhile would hold the file open for writing until its exec. The file could not be
	// executed then.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(to, content, 0o755)
}

// line reads one line of a role's output.
func line(t testing.TB, r io.Reader) string {
	t.Helper()
	var text []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, one); err != nil {
			t.Fatalf("role ended after %q: %v", text, err)
		}
		if one[0] == '\n' {
			return string(text)
		}
		text = append(text, one[0])
	}
}

// serve serves health on a listener, and reports each caller.
func serve(t testing.TB, listener net.Listener, callers chan<- *link.Peer) {
	t.Helper()
	server := grpc.NewServer(grpc.Creds(link.ServerCredentials()), grpc.ConnectionTimeout(2*time.Second),
		grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo,
			handler grpc.UnaryHandler) (any, error) {
			if peer, ok := link.PeerFromContext(ctx); ok && callers != nil {
				callers <- peer
			}
			return handler(ctx, request)
		}))
	healthv1.RegisterHealthServer(server, health.NewServer())
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
}

func listen(t testing.TB, path string, config link.ListenConfig) *link.Listener {
	t.Helper()
	config.Mode = 0o666
	listener, err := link.Listen(path, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func call(path string, serverUID uint32) error {
	client, err := link.Dial(path, serverUID)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = healthv1.NewHealthClient(client).Check(ctx, &healthv1.HealthCheckRequest{})
	return err
}

func check(ctx context.Context, connection *grpc.ClientConn) error {
	_, err := healthv1.NewHealthClient(connection).Check(ctx, &healthv1.HealthCheckRequest{})
	return err
}
