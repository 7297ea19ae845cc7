package link_test

import (
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"usher.internal/internal/link"
)

// A client cannot send descriptors: their reader must close them, which can take as long as the client wants.
func TestDescriptorsAreRefused(t *testing.T) {
	path := socketPath(t)
	listen(t, path, link.ListenConfig{})
	connection, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, _, err = connection.(*net.UnixConn).WriteMsgUnix([]byte{0}, unix.UnixRights(int(file.Fd())), nil)
	if err == nil && !refusesDescriptors(t) {
		t.Skip("this kernel cannot refuse descriptors; Linux 6.16 can")
	}
	if !errors.Is(err, unix.EPERM) {
		t.Errorf("sending a descriptor: %v", err)
	}
}

// refusesDescriptors reports whether the kernel knows SO_PASSRIGHTS.
func refusesDescriptors(t *testing.T) bool {
	t.Helper()
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	return !errors.Is(unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_PASSRIGHTS, 0), unix.ENOPROTOOPT)
}
