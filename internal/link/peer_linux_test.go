package link_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/credentials"

	"usher.internal/internal/link"
	"usher.internal/internal/trust"
)

// visitor lets a role connect and returns its end of the connection, which remains open whatever the role does.
func visitor(t *testing.T) (*exec.Cmd, *link.Peer) {
	t.Helper()
	path := socketPath(t)
	listener := listen(t, path, link.ListenConfig{})
	command, output := as(t, stranger, "knock", path)
	if got := line(t, output); got != "connected" {
		t.Fatalf("the visitor printed %q", got)
	}
	connection, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	_, info, err := link.ServerCredentials().ServerHandshake(connection)
	if err != nil {
		t.Fatal(err)
	}
	return command, info.(link.AuthInfo).Peer
}

func TestRecycledProcessIDFoolsNobody(t *testing.T) {
	command, peer := visitor(t)
	if path, err := peer.Executable(); err != nil || path != command.Path || !peer.Alive() {
		t.Fatalf("before: executable %s, %v, alive %t", path, err, peer.Alive())
	}
	command.Process.Kill()
	command.Wait()

	impostor := startWithPID(t, command.Process.Pid)
	if path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", impostor.Process.Pid)); err != nil || path == command.Path {
		t.Fatalf("the impostor runs %s, %v", path, err)
	}
	if peer.Alive() {
		t.Error("the peer is reported as alive")
	}
	if path, err := peer.Executable(); !errors.Is(err, link.ErrPeerGone) {
		t.Errorf("executable: %q, %v", path, err)
	}
	if err := peer.RunsExecutable(impostor.Path); !errors.Is(err, link.ErrPeerGone) {
		t.Errorf("the impostor's program passes as the peer's: %v", err)
	}
}

// startWithPID starts a process with the process id of one that has ended. Other processes also get ids meanwhile, so
// it may need some tries.
func startWithPID(t *testing.T, pid int) *exec.Cmd {
	t.Helper()
	for range 1000 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0o644); err != nil {
			t.Fatalf("choose the next process id, as root: %v", err)
		}
		command := exec.Command("/bin/sleep", "600")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		end := func() { command.Process.Kill(); command.Wait() }
		if command.Process.Pid == pid {
			t.Cleanup(end)
			return command
		}
		end()
	}
	t.Fatalf("no process got pid %d", pid)
	return nil
}

func TestPeerIsLoggedOnlyAsNumbers(t *testing.T) {
	command, peer := visitor(t)
	var log logBuffer
	textLogger(&log).Info("seen", "peer", peer)
	want := fmt.Sprintf("peer.uid=65534 peer.pid=%d", command.Process.Pid)
	if lines := log.lines(); len(lines) != 1 || !strings.HasSuffix(lines[0], want) {
		t.Errorf("logged %q, want %q at its end", lines, want)
	}
}

func TestClosedConnectionsLeaveNoDescriptorBehind(t *testing.T) {
	path := socketPath(t)
	listener := listen(t, path, link.ListenConfig{})
	for name, clientCredentials := range map[string]credentials.TransportCredentials{
		"accepted": link.ClientCredentials(0), "refused by the client": link.ClientCredentials(stranger),
	} {
		before := openDescriptors(t)
		for range 50 {
			client, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			server, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			proven, _, err := clientCredentials.ClientHandshake(t.Context(), "", client)
			if refused := name != "accepted"; refused != errors.Is(err, link.ErrUntrustedServer) {
				t.Fatalf("%s: handshake: %v", name, err)
			}
			if err == nil {
				proven.Close()
			}
			client.Close() // gRPC closes refused connections
			server.Close()
		}
		if after := openDescriptors(t); after > before {
			t.Errorf("%s: %d descriptors are open, %d before", name, after, before)
		}
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(descriptors)
}

func TestProgramOfAnotherOwnerIsNotTrusted(t *testing.T) {
	command, peer := visitor(t)
	if err := peer.RunsExecutable(command.Path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(command.Path, stranger, stranger); err != nil {
		t.Fatal(err)
	}
	refused := func(what, path string, wrapped error) {
		t.Helper()
		err := peer.RunsExecutable(path)
		if !errors.Is(err, link.ErrOtherProgram) || !errors.Is(err, wrapped) ||
			wrapped == trust.ErrUntrusted && !strings.Contains(err.Error(), "belongs to uid 65534") {
			t.Errorf("%s passed: %v", what, err)
		}
	}
	refused("a program that its own user can change", command.Path, trust.ErrUntrusted)
	if err := os.Chown(command.Path, 0, 0); err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(t.TempDir(), "theirs")
	if err := errors.Join(os.Mkdir(theirs, 0o755), os.Symlink(command.Path, filepath.Join(theirs, "agent")),
		os.Chown(theirs, stranger, stranger)); err != nil {
		t.Fatal(err)
	}
	refused("a program behind a link in a directory of its user's", filepath.Join(theirs, "agent"), trust.ErrUntrusted)
	refused("a program that is not installed", filepath.Join(filepath.Dir(command.Path), "missing"), os.ErrNotExist)
}

func TestOnlyUnixSocketsProveTheirPeer(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	if _, _, err := link.ServerCredentials().ServerHandshake(server); err == nil {
		t.Error("a pipe passes as a Unix socket")
	}
	if _, ok := link.PeerFromContext(context.Background()); ok {
		t.Error("a context without a call has a peer")
	}
}

// A forked child shares every open file until its exec. A closed lock would therefore remain with a child that another
// goroutine happens to start. The duplicate plays such a child's part.
func TestNextHelperServesWhileAForkedChildStillHasTheLock(t *testing.T) {
	path := socketPath(t)
	first, err := link.Listen(path, link.ListenConfig{Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	held := duplicateOf(t, path+".lock")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	listen(t, path, link.ListenConfig{})
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := link.Listen(path, link.ListenConfig{Mode: 0o600}); !errors.Is(err, link.ErrInUse) {
		t.Errorf("a third helper: %v", err)
	}
}

// duplicateOf duplicates this process's open descriptor of path.
func duplicateOf(t *testing.T, path string) *os.File {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err != nil || target != path {
			continue
		}
		descriptor, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		duplicate, err := unix.Dup(descriptor)
		if err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(duplicate), path)
	}
	t.Fatalf("%s is not open", path)
	return nil
}
