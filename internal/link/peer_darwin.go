package link

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Nothing in this file was run on a Mac, only under the loader of sim/darwin.

// auditTokenSize is sizeof(audit_token_t): eight 32-bit words.
const auditTokenSize = 32

// auditToken is Darwin's audit_token_t. Its sixth word is the process id and its last one the version of that, so that
// two processes never share a token although they may share a number (set_security_token_task_internal in xnu's
// bsd/kern/kern_prot.c [XNU]). The id is taken from here and not from LOCAL_PEERPID: asked one after the other, the two
// may be of different processes.
type auditToken [auditTokenSize / 4]uint32

func (t auditToken) pid() int { return int(int32(t[5])) }

func (t auditToken) pidVersion() uint32 { return t[7] }

// process holds the audit token of the process that connected.
type process struct {
	token auditToken
	ended bool
}

// readPeer asks the kernel who is at the other end of connection.
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
	credentials, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return nil, fmt.Errorf("read peer credentials: %w", os.NewSyscallError("LOCAL_PEERCRED", err))
	}
	peer := &Peer{UID: credentials.Uid}
	length := uint32(auditTokenSize)
	// x/sys has no call for a socket option that is neither a number nor text.
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_LOCAL, unix.LOCAL_PEERTOKEN,
		uintptr(unsafe.Pointer(&peer.process.token)), uintptr(unsafe.Pointer(&length)), 0)
	switch {
	case errno == unix.EINVAL || errno == unix.ENOTCONN:
		// It has closed the connection: what it had written can still be read.
		peer.process.ended = true
	case errno != 0:
		return nil, fmt.Errorf("read peer token: %w", os.NewSyscallError("LOCAL_PEERTOKEN", errno))
	default:
		peer.PID = peer.process.token.pid()
	}
	return peer, nil
}

// Alive reports whether the process that made the connection still runs: whether a process has its id, and the version
// of the id that is in its audit token. One that had closed the connection before it was asked for is reported as
// ended. It does not block.
func (p *Peer) Alive() bool {
	if p.process.ended {
		return false
	}
	version, err := pidVersion(p.PID)
	return err == nil && version == p.process.token.pidVersion()
}

func (p *Peer) close() {}

// From Darwin's bsd/sys/proc_info.h, called as libproc does.
const (
	procInfoCallPIDInfo  = 2
	procPIDUniqIdentInfo = 17
	procPIDPathInfo      = 11
	procPIDPathInfoSize  = 4096
)

// uniqueIdentifierInfo is Darwin's struct proc_uniqidentifierinfo.
type uniqueIdentifierInfo struct {
	UUID                   [16]byte
	UniqueID, ParentUnique uint64
	IDVersion              int32
	OriginalParentVersion  int32
	_, _                   uint64
}

func pidVersion(pid int) (uint32, error) {
	var info uniqueIdentifierInfo
	_, _, errno := syscall.Syscall6(syscall.SYS_PROC_INFO, procInfoCallPIDInfo, uintptr(pid), procPIDUniqIdentInfo, 0,
		uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info))
	if errno != 0 {
		return 0, os.NewSyscallError("proc_pidinfo", errno)
	}
	return uint32(info.IDVersion), nil
}

func executablePath(pid int) (string, error) {
	path := make([]byte, procPIDPathInfoSize)
	_, _, errno := syscall.Syscall6(syscall.SYS_PROC_INFO, procInfoCallPIDInfo, uintptr(pid), procPIDPathInfo, 0,
		uintptr(unsafe.Pointer(&path[0])), uintptr(len(path)))
	if errno != 0 {
		return "", os.NewSyscallError("proc_pidpath", errno)
	}
	end := bytes.IndexByte(path, 0)
	if end <= 0 {
		return "", errors.New("proc_pidpath returned no path")
	}
	return string(path[:end]), nil
}

// replaced tells whether a process runs whose file is no longer anywhere, as after an upgrade that has put another in
// its place: the kernel has no path for it then. Such a process is not let in in any case; it is told to end and to be
// started again.
func replaced(_, _ string, err error) bool { return errors.Is(err, unix.ENOENT) }

// statExecutable looks the file up by its path, where it may have been swapped: [Peer.provesCode] is what cannot be
// fooled.
func statExecutable(pid int) (os.FileInfo, error) {
	path, err := executablePath(pid)
	if err != nil {
		return nil, err
	}
	return os.Stat(path)
}
