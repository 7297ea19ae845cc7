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

// floodPause is how long Accept takes a breath during a flood of connections. What arrives meanwhile waits in the
// socket's backlog (4096 connections): waking up for each connection would cost more than closing it.
const floodPause = 5 * time.Millisecond

// backlogFull is how connect(2) says that the backlog of a socket is full, and fullWithin how long [dial] tries again.
const (
	backlogFull = unix.EAGAIN
	fullWithin  = dialWithin
)

// dialTurn is how long [dialFull] waits for its turn, and then looks whether its caller still wants it. Who stops
// waiting goes to the end.
const dialTurn = time.Second

// dialFull connects to a socket whose backlog is full. A connect(2) that blocks gets its turn after those that came
// before (connect(2), SO_SNDTIMEO in socket(7)); one that is tried again and again can find the backlog full each time.
// The error may be [backlogFull].
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

// accept takes the next connection of a listening socket that does not block, and returns the user at its other end.
// The error is that of accept(2), or [errNoPeer]. It is called thousands of times a second when a user floods the
// socket, so it avoids [unix.Accept4] and [unix.GetsockoptUcred], which allocate. Neither call blocks.
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

// refuseDescriptors has the kernel refuse descriptors that a client sends (SCM_RIGHTS). Who reads such a message closes
// them, and that can take as long as the sender wants: a socket that lingers, or a file of a file system of the user's.
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
