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

// Nobody ran this file on a Mac, only under the loader of sim/darwin.

// auditTokenSize is sizeof(audit_token_t): eight 32-bit words.
const auditTokenSize = 32

// auditToken is Darwin's audit_token_t. Its sixth word is the process id; its last word is the version of that id. Two
// processes can share an id but never a token (set_security_token_task_internal in xnu's bsd/kern/kern_prot.c [XNU]).
// The id comes from the token and not from LOCAL_PEERPID: two questions, one after the other, can be answered for
// different processes.
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
		// The peer has closed the connection. Data that it had written can still be read.
		peer.process.ended = true
	case errno != 0:
		return nil, fmt.Errorf("read peer token: %w", os.NewSyscallError("LOCAL_PEERTOKEN", errno))
	default:
		peer.PID = peer.process.token.pid()
	}
	return peer, nil
}

// Alive reports whether the process that made the connection still runs: whether a process has the id and the version
// of its audit token. A process that closed the connection before it was asked for is reported as ended. It does not
// block.
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

// replaced reports whether a process runs whose file no longer exists, for example because an upgrade has replaced it.
// The kernel has no path for it then. Such a process is refused in any case; the answer says that it must end and start
// again.
func replaced(_, _ string, err error) bool { return errors.Is(err, unix.ENOENT) }

// statExecutable looks the file up by its path, where it may have been exchanged. [Peer.provesCode] cannot be fooled
// like that.
func statExecutable(pid int) (os.FileInfo, error) {
	path, err := executablePath(pid)
	if err != nil {
		return nil, err
	}
	return os.Stat(path)
}
