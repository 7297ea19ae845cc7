package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// floodPause is how long Accept pauses during a flood of connections. Connections that arrive meanwhile wait in the
// socket's backlog (4096 connections). Waking up for each connection would cost more than closing it.
const floodPause = 5 * time.Millisecond

// backlogFull is the error of connect(2) when the backlog of a socket is full. fullWithin is how long [dial] tries
// again.
const (
	backlogFull = unix.EAGAIN
	fullWithin  = dialWithin
)

// dialTurn is how long [dialFull] waits for its turn before it checks that its caller still waits. A caller that gives
// up loses its turn.
const dialTurn = time.Second

// dialFull connects to a socket whose backlog is full. A blocking connect(2) gets its turn after earlier ones
// (connect(2), SO_SNDTIMEO in socket(7)). Repeated non-blocking attempts can find the backlog full each time. The error
// may be [backlogFull].
func dialFull(_ context.Context, path string) (net.Conn, error) {
	descriptor, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	socket := os.NewFile(uintptr(descriptor), path)
	defer socket.Close() // the connection has a duplicate
	turn := unix.NsecToTimeval(dialTurn.Nanoseconds())
	if err := unix.SetsockoptTimeval(descriptor, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &turn); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	switch err := unix.Connect(descriptor, &unix.SockaddrUnix{Name: path}); {
	case errors.Is(err, unix.EINTR):
		return nil, backlogFull
	case err != nil:
		return nil, &net.OpError{Op: "dial", Net: "unix", Addr: &net.UnixAddr{Name: path, Net: "unix"},
			Err: os.NewSyscallError("connect", err)}
	}
	return net.FileConn(socket)
}

// accept takes the next connection of a non-blocking listening socket, and returns the user at its other end. The error
// is that of accept(2), or [errNoPeer]. In a flood it is called thousands of times a second. It therefore avoids
// [unix.Accept4] and [unix.GetsockoptUcred], which allocate. Neither call blocks.
func accept(listening int) (descriptor int, uid uint32, err error) {
	fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listening), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC,
		0, 0)
	if errno != 0 {
		return -1, 0, errno
	}
	var credentials unix.Ucred
	length := uint32(unix.SizeofUcred)
	_, _, errno = unix.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERCRED,
		uintptr(unsafe.Pointer(&credentials)), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		unix.Close(int(fd))
		return -1, 0, fmt.Errorf("%w: %w", errNoPeer, os.NewSyscallError("SO_PEERCRED", errno))
	}
	return int(fd), credentials.Uid, nil
}

// refuseDescriptors makes the kernel refuse descriptors that a client sends (SCM_RIGHTS). The reader of such a message
// must close them. That can take as long as the sender wants: a socket that lingers, or a file of a user's file system.
// Linux before 6.16 cannot refuse them.
func refuseDescriptors(socket *net.UnixListener) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(descriptor uintptr) {
		failed = unix.SetsockoptInt(int(descriptor), unix.SOL_SOCKET, unix.SO_PASSRIGHTS, 0)
	})
	if errors.Is(failed, unix.ENOPROTOOPT) {
		failed = nil
	}
	return errors.Join(err, os.NewSyscallError("setsockopt", failed))
}
