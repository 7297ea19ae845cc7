package link

import (
	"errors"
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPeerOfWhatIsNoConnection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	connection, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	connection.Close()
	if peer, err := readPeer(connection.(*net.UnixConn)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed connection: %+v, %v", peer, err)
	}
	if peer, err := peerOf(-1); !errors.Is(err, unix.EBADF) {
		t.Errorf("no connection: %+v, %v", peer, err)
	}
}

// nobodysPID is larger than any that a kernel assigns.
const nobodysPID = 1 << 30

func TestProgramOfAProcessThatIsNotThere(t *testing.T) {
	if path, err := executablePath(nobodysPID); err == nil {
		t.Errorf("program: %q", path)
	}
	if version, err := pidVersion(nobodysPID); err == nil {
		t.Errorf("version: %d", version)
	}
	program, err := executablePath(unix.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	token := auditToken{5: nobodysPID}
	for _, path := range []string{program, filepath.Join(t.TempDir(), "none")} {
		if err := (&Peer{process: process{token: token}}).provesCode(path); err == nil {
			t.Errorf("proven: %s", path)
		}
	}
}
