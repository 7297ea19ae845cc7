package link

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// floodPause is how long Accept pauses during a flood of connections. Connections that arrive meanwhile wait in the
// socket's backlog. It has 128 places unless kern.ipc.somaxconn says otherwise.
const floodPause = time.Millisecond

// backlogFull is the error of connect(2) when the backlog of a socket is full. macOS returns the same error for a
// socket that nobody listens on any more. fullWithin is therefore also how long usherctl takes to report a missing
// usherd that has left its socket (unp_connect in
// https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/uipc_usrreq.c). Nobody ran this on a Mac yet.
const (
	backlogFull = unix.ECONNREFUSED
	fullWithin  = time.Second
)

// dialAgain is how long [dialFull] waits for a place in the socket's backlog.
const dialAgain = 10 * time.Millisecond

// dialFull tries once more to connect to a socket whose backlog is full. The error may be [backlogFull].
func dialFull(ctx context.Context, path string) (net.Conn, error) {
	select {
	case <-time.After(dialAgain):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return new(net.Dialer).DialContext(ctx, "unix", path)
}

// accept takes the next connection of a non-blocking listening socket, and returns the user at its other end. The error
// is that of accept(2), or [errNoPeer]. The lock prevents a child that is forked meanwhile from inheriting the
// connection.
func accept(listening int) (descriptor int, uid uint32, err error) {
	syscall.ForkLock.RLock()
	descriptor, _, err = unix.Accept(listening)
	if err == nil {
		unix.CloseOnExec(descriptor)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, 0, err
	}
	credentials, err := unix.GetsockoptXucred(descriptor, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err == nil {
		err = unix.SetNonblock(descriptor, true)
	}
	if err != nil {
		unix.Close(descriptor)
		return -1, 0, fmt.Errorf("%w: %w", errNoPeer, os.NewSyscallError("LOCAL_PEERCRED", err))
	}
	return descriptor, credentials.Uid, nil
}

// refuseDescriptors does nothing: macOS has no way to refuse descriptors that a client sends. It is not known how long
// closing them can take there.
func refuseDescriptors(*net.UnixListener) error { return nil }
