package link

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// process holds on to a process by a pidfd, which no later process can take over.
type process struct {
	mu    sync.Mutex
	pidfd int // -1: closed
}

// readPeer asks the kernel who is at the other end of connection. The caller closes the result.
func readPeer(connection *net.UnixConn) (*Peer, error) {
	raw, err := connection.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("read peer credentials: %w", err)
	}
	var peer *Peer
	var inner error
	if err := raw.Control(func(fd uintptr) { peer, inner = peerOf(int(fd)) }); err != nil {
		return nil, fmt.Errorf("read peer credentials: %w", err)
	}
	return peer, inner
}

func peerOf(fd int) (*Peer, error) {
	credentials, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return nil, fmt.Errorf("read peer credentials: %w", os.NewSyscallError("SO_PEERCRED", err))
	}
	// SO_PEERPIDFD (Linux 6.5) is a descriptor of the very process that connected.
	pidfd, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	if errors.Is(err, unix.ENOPROTOOPT) {
		pidfd, err = holdByNumber(fd, credentials)
	}
	peer := &Peer{UID: credentials.Uid, PID: int(credentials.Pid)}
	peer.process.pidfd = pidfd
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		// The process has ended and was reaped. It is known who it was, and that it has ended.
		peer.process.pidfd = -1
		return peer, nil
	}
	if err != nil {
		return nil, fmt.Errorf("hold on to pid %d: %w", credentials.Pid, os.NewSyscallError("SO_PEERPIDFD", err))
	}
	return peer, nil
}

// holdByNumber opens a pidfd by the peer's process id. Linux before 6.5 offers nothing else. Another process may have
// got the id meanwhile. Therefore the process must belong to the same user, and the peer's end of the connection must
// be open. Otherwise it returns ESRCH, as for a process that has ended.
//
// One gap remains between connecting and being accepted. A process hands its end to a second one and ends, and a third
// one of the same user gets its id.
func holdByNumber(fd int, credentials *unix.Ucred) (int, error) {
	pidfd, err := unix.PidfdOpen(int(credentials.Pid), 0)
	if err != nil {
		return -1, err
	}
	var status unix.Stat_t
	if err := unix.Stat("/proc/"+strconv.Itoa(int(credentials.Pid)), &status); err != nil ||
		status.Uid != credentials.Uid || hungUp(fd) {
		unix.Close(pidfd)
		return -1, unix.ESRCH
	}
	return pidfd, nil
}

// hungUp reports whether the other end of the connection is closed.
func hungUp(fd int) bool {
	polled := []unix.PollFd{{Fd: int32(fd)}} // POLLHUP is always reported
	for {
		count, err := unix.Poll(polled, 0)
		if !errors.Is(err, unix.EINTR) {
			return err != nil || count > 0
		}
	}
}

// Alive reports whether the process that made the connection still runs. It does not block.
func (p *Peer) Alive() bool {
	p.process.mu.Lock()
	defer p.process.mu.Unlock()
	if p.process.pidfd < 0 {
		return false
	}
	// A pidfd becomes readable when its process ends.
	polled := []unix.PollFd{{Fd: int32(p.process.pidfd), Events: unix.POLLIN}}
	for {
		count, err := unix.Poll(polled, 0)
		if !errors.Is(err, unix.EINTR) {
			return err == nil && count == 0
		}
	}
}

// close releases the process.
func (p *Peer) close() {
	p.process.mu.Lock()
	defer p.process.mu.Unlock()
	if p.process.pidfd >= 0 {
		unix.Close(p.process.pidfd)
		p.process.pidfd = -1
	}
}

func executablePath(pid int) (string, error) {
	return os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
}

// provesCode is for macOS. Here the kernel's link to the running file is proof enough.
func (p *Peer) provesCode(string) error { return nil }

// replaced reports whether the program at seen (from executablePath) was once at path, which contains no link.
func replaced(seen, path string, _ error) bool { return seen == path+" (deleted)" }

// statExecutable follows the kernel's own link to the running file, even if another file is at its path now.
func statExecutable(pid int) (os.FileInfo, error) {
	return os.Stat("/proc/" + strconv.Itoa(pid) + "/exe")
}
