package link_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"usher.internal/internal/link"
	"usher.internal/internal/trust"
)

func listenForever(path string) error {
	listener, err := link.Listen(path, link.ListenConfig{Mode: 0o666})
	if err != nil {
		return err
	}
	fmt.Println("listening")
	_, err = listener.Accept()
	return err
}

func TestLiveSocketIsNeverStolenAndAStaleOneReplaced(t *testing.T) {
	path := socketPath(t)
	holder, output := as(t, 0, "listen", path)
	line(t, output)
	_, err := link.Listen(path, link.ListenConfig{Mode: 0o666})
	if !errors.Is(err, link.ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(holder.Process.Pid)) ||
		!strings.Contains(err.Error(), path) {
		t.Fatalf("the second helper: %v", err)
	}
	holder.Process.Kill()
	holder.Wait()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("kill -9 left no stale socket to test with: %v", err)
	}
	serve(t, listen(t, path, link.ListenConfig{}), nil)
	if err := call(path, 0); err != nil {
		t.Errorf("the new helper cannot be reached: %v", err)
	}
}

func TestListenKeepsAFileThatIsNotASocket(t *testing.T) {
	path := socketPath(t)
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := link.Listen(path, link.ListenConfig{Mode: 0o666}); err == nil ||
		!strings.Contains(err.Error(), "not a socket") {
		t.Errorf("got %v", err)
	}
	if content, _ := os.ReadFile(path); string(content) != "precious" {
		t.Errorf("the file has changed to %q", content)
	}
}

func TestCloseRemovesTheSocketAndLetsTheNextOneServe(t *testing.T) {
	path := socketPath(t)
	for range 3 {
		listener := listen(t, path, link.ListenConfig{})
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o666 {
			t.Fatalf("socket: %v, %v", info, err)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("the socket still exists: %v", err)
		}
	}
}

// knock connects, sends nothing, and keeps the connection. A process that was turned away because its user connects too
// often tries again.
func knock(path string) error {
	left := make(chan struct{})
	go func() {
		defer close(left)
		io.Copy(io.Discard, os.Stdin)
	}()
	for {
		connection, err := net.Dial("unix", path)
		if err != nil {
			return err
		}
		defer connection.Close()
		fmt.Println("connected")
		turnedAway := make(chan struct{})
		go func() {
			defer close(turnedAway)
			io.Copy(io.Discard, connection)
		}()
		select {
		case <-left:
			return nil
		case <-turnedAway:
		}
	}
}

// The size of one user's flood, and how much of it is let in.
const (
	flood   = 1000
	flooded = 20
)

// floodConnections makes a thousand connections. It prints a line when all but those within the limit have been closed
// again.
func floodConnections(path string) error {
	closed := make(chan error)
	for held := 0; held < flood; {
		connection, err := net.Dial("unix", path)
		if errors.Is(err, link.BacklogFull) {
			runtime.Gosched()
			continue
		}
		if err != nil {
			return err
		}
		held++
		go func() {
			_, err := connection.Read(make([]byte, 1))
			closed <- err
		}()
	}
	for range flood - flooded {
		if err := <-closed; !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			return err
		}
	}
	fmt.Println("flooded")
	io.Copy(io.Discard, os.Stdin)
	return nil
}

func TestThousandIdleConnectionsOfOneUserDoNotKeepOthersOut(t *testing.T) {
	path := socketPath(t)
	var log logBuffer
	listener := listen(t, path, link.ListenConfig{MaxConnectionsPerUID: flooded, Logger: textLogger(&log)})
	type accepted struct {
		net.Conn
		peer *link.Peer
	}
	connections := make(chan accepted, flood)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_, info, err := link.ServerCredentials().ServerHandshake(connection)
			if err != nil {
				t.Errorf("handshake: %v", err)
				return
			}
			connections <- accepted{connection, info.(link.AuthInfo).Peer}
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })

	_, output := as(t, stranger, "flood", path)
	if got := line(t, output); got != "flooded" {
		t.Fatalf("the flood printed %q", got)
	}
	strangers := make([]accepted, flooded)
	for i := range strangers {
		if strangers[i] = <-connections; strangers[i].peer.UID != stranger {
			t.Fatalf("connection %d has uid %d", i, strangers[i].peer.UID)
		}
	}
	root, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	next := <-connections
	defer next.Close()
	if next.peer.UID != 0 {
		t.Errorf("the next connection has uid %d: more than %d of one user were let in, or root was refused",
			next.peer.UID, flooded)
	}

	if lines := log.lines(); len(lines) != 1 || !strings.Contains(lines[0], "peer.uid=65534") ||
		!strings.Contains(lines[0], path) {
		t.Errorf("the log holds %d lines, want one that names the user: %q", len(lines), lines)
	}
	for _, connection := range strangers { // and there is room again
		connection.Close()
	}
	_, _ = as(t, stranger, "knock", path)
	next = <-connections
	defer next.Close()
	if next.peer.UID != stranger {
		t.Errorf("the connection after the flood has uid %d", next.peer.UID)
	}
}

func TestModeIsWhatWasAskedForWhateverTheUmask(t *testing.T) {
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	path := socketPath(t)
	listen(t, path, link.ListenConfig{})
	for name, want := range map[string]fs.FileMode{path: fs.ModeSocket | 0o666, path + ".lock": 0o600} {
		if info, err := os.Lstat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 2 {
		t.Errorf("the directory holds %v, %v; want the socket and its lock", files, err)
	}
}

func TestLockThatLeadsElsewhereIsRefused(t *testing.T) {
	path := socketPath(t)
	elsewhere := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(elsewhere, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, path+".lock"); err != nil {
		t.Fatal(err)
	}
	if listener, err := link.Listen(path, link.ListenConfig{}); err == nil {
		listener.Close()
		t.Error("the lock was opened through a symbolic link")
	}
	if content, _ := os.ReadFile(elsewhere); string(content) != "precious" {
		t.Errorf("the file has changed to %q", content)
	}
}

// Root puts no socket into a directory that somebody else can change.
func TestDirectoryOfAnotherUserIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(string) error{
		"somebody else's": func(directory string) error { return os.Chown(directory, stranger, stranger) },
		"for everybody":   func(directory string) error { return os.Chmod(directory, 0o777) },
		"sticky":          func(directory string) error { return os.Chmod(directory, 0o777|fs.ModeSticky) },
	} {
		path := socketPath(t)
		if err := spoil(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		listener, err := link.Listen(path, link.ListenConfig{})
		if !errors.Is(err, trust.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			listener.Close()
		}
	}
}

// Another user could once write to the directory and holds their own lock there. It does not block the server.
func TestLockOfAnotherUserIsNotWaitedFor(t *testing.T) {
	path := socketPath(t)
	held, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := errors.Join(held.Chown(stranger, stranger), syscall.Flock(int(held.Fd()), syscall.LOCK_EX)); err != nil {
		t.Fatal(err)
	}
	listen(t, path, link.ListenConfig{})
	if info, err := os.Lstat(path + ".lock"); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 ||
		info.Mode() != 0o600 {
		t.Errorf("the lock: %v, %v", info, err)
	}
}

func TestNonsenseOnHelperSocketHurtsOnlyItself(t *testing.T) {
	path := socketPath(t)
	serve(t, listen(t, path, link.ListenConfig{}), nil)
	for _, nonsense := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff"} {
		connection, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if _, err := io.WriteString(connection, nonsense); err != nil {
			t.Fatal(err)
		}
	}
	if err := call(path, 0); err != nil {
		t.Errorf("call: %v", err)
	}
}

// Both gRPC and the end of a context close a listener. Whichever the caller waits for, the next helper can start then.
func TestEachCloseReturnsWhenTheNextHelperCanServe(t *testing.T) {
	path := socketPath(t)
	for range 50 {
		listener, err := link.Listen(path, link.ListenConfig{Mode: 0o600})
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 2)
		for range cap(closed) {
			go func() { closed <- listener.Close() }()
		}
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		next, err := link.Listen(path, link.ListenConfig{Mode: 0o600})
		if err != nil {
			t.Fatal("after the first of two calls of Close: ", err)
		}
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
