package link

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Kernels before 6.5 have no SO_PEERPIDFD. This test covers usher's replacement for it, on any kernel.
func TestHoldByNumberWithoutTheKernelsHelp(t *testing.T) {
	client, server := connected(t)
	raw, err := server.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	hold := func(uid uint32) (pidfd int, err error) {
		raw.Control(func(fd uintptr) {
			pidfd, err = holdByNumber(int(fd), &unix.Ucred{Pid: int32(os.Getpid()), Uid: uid})
		})
		return pidfd, err
	}

	pidfd, err := hold(uint32(os.Getuid()))
	if err != nil {
		t.Fatal(err)
	}
	peer := &Peer{PID: os.Getpid(), process: process{pidfd: pidfd}}
	if !peer.Alive() {
		t.Error("this process is reported as ended")
	}
	peer.close()
	if peer.Alive() {
		t.Error("a released peer is reported as alive")
	}
	if _, err := hold(uint32(os.Getuid()) + 1); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a process of another user passes as the peer: %v", err)
	}
	client.Close()
	if _, err := hold(uint32(os.Getuid())); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a peer that has hung up is trusted by its number: %v", err)
	}
}
