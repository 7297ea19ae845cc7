package link

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"usher.internal/internal/backoff"
	"usher.internal/internal/trust"
)

// The limits of a [ListenConfig] that sets none.
const (
	defaultMaxConnections       = 512
	defaultMaxConnectionsPerUID = 32
)

// ListenConfig says how to serve a socket. The zero value of each number means a sensible limit.
type ListenConfig struct {
	// Mode holds the permissions of the socket. Its directory decides who can replace it.
	Mode fs.FileMode
	// MaxConnections limits the connections of everyone but root and our own user, MaxConnectionsPerUID those of one
	// user. A connection over a limit is closed at once. Root and our own user have no limit. How often a user
	// connects, and how much they send, is limited too: see floods.go.
	MaxConnections, MaxConnectionsPerUID int
	// Logger logs connections over a limit, at most once a minute for each user. Nil is [slog.Default].
	Logger *slog.Logger
}

// Listener is a Unix socket that this process serves. It implements [net.Listener].
type Listener struct {
	// socket is the listening socket. It is a file because a [net.UnixListener] accepts only one connection at a time,
	// at a higher cost.
	socket *os.File
	path   string
	lock   *os.File
	limits *connectionLimits
	floods *floods
	log    *slog.Logger
	logged logLimit
	closed chan struct{}
	close  func() error
}

// Listen serves the socket at path. It replaces the socket of a dead helper, but never that of a live one: the server
// is the process that holds the lock on path+".lock", for life. For all others the error wraps [ErrInUse] and names
// that process. If path is not a socket, Listen does not change it and returns an error. It also returns an error for a
// directory that others than root and our own user can change ([trust.Sockets]).
func Listen(path string, config ListenConfig) (*Listener, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", path, err)
	}
	if _, err := trust.Sockets.Check(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("serve %s: %w", path, err)
	}
	lock, err := acquire(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", path, err)
	}
	socket, err := bind(path, config.Mode)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("serve %s: %w", path, err)
	}
	if config.MaxConnections == 0 {
		config.MaxConnections = defaultMaxConnections
	}
	if config.MaxConnectionsPerUID == 0 {
		config.MaxConnectionsPerUID = defaultMaxConnectionsPerUID
	}
	limits := &connectionLimits{all: config.MaxConnections, each: config.MaxConnectionsPerUID,
		byUID: make(map[uint32]int)}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	listener := &Listener{socket: socket, path: path, lock: lock, limits: limits, floods: newFloods(),
		log: config.Logger, closed: make(chan struct{})}
	listener.close = sync.OnceValue(listener.end)
	return listener, nil
}

// acquire takes the lock that makes this process the server. It writes its process id into the lock for others to read.
func acquire(path string) (*os.File, error) {
	// A user who could once write to the directory may hold a lock of their own, which is not a server's.
	_, err := trust.Lock.Check(path)
	if refused, ok := errors.AsType[*trust.Error](err); ok && refused.Reason == trust.Owner {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the lock of uid %d: %w", refused.UID, err)
		}
	}
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		defer lock.Close()
		holder := make([]byte, 16)
		count, _ := lock.ReadAt(holder, 0)
		return nil, fmt.Errorf("%w by another process, pid %s: there can be only one", ErrInUse,
			strings.TrimSpace(string(holder[:count])))
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := errors.Join(lock.Truncate(0), writeAt(lock, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		lock.Close()
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return lock, nil
}

func writeAt(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

// bind makes the socket under another name, sets its mode, and moves it to path. Nobody can therefore find a missing
// socket or one with other permissions. The caller holds the lock.
func bind(path string, mode fs.FileMode) (*os.File, error) {
	if found, err := os.Lstat(path); err == nil && found.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("the path is not a socket (%v): move it away", found.Mode())
	}
	fresh := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer socket.Close() // the file has a duplicate
	socket.SetUnlinkOnClose(false)
	if err := refuseDescriptors(socket); err != nil {
		return nil, err
	}
	if err := errors.Join(os.Chmod(fresh, mode), os.Rename(fresh, path)); err != nil {
		os.Remove(fresh)
		return nil, err
	}
	return socket.File()
}

// passing are temporary errors of accept(2).
var passing = []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM}

// Accept returns the next connection that is within the limits. Its peer is known; [PeerFromContext] returns it.
// Connections of a user who connects too often are closed before any other work.
func (l *Listener) Accept() (net.Conn, error) {
	for pauses := (backoff.Pauses{First: time.Millisecond, Longest: time.Second}); ; {
		descriptor, uid, err := l.next()
		switch {
		case slices.ContainsFunc(passing, func(one unix.Errno) bool { return errors.Is(err, one) }):
			// gRPC ends its server on an error that is not temporary; these are temporary.
			l.warn(logKey{what: err.Error()}, "connections cannot be accepted", "error", err)
			l.pause(pauses.Next())
			continue
		case errors.Is(err, errTooOften):
			if uid == 0 { // all of them had hung up
				l.pause(floodPause)
				continue
			}
			l.warn(logKey{uid, "limit"}, "user connects too often; connections over the limit are closed", "uid", uid,
				"limit_per_second", connectionsPerSecond)
			l.pause(floodPause)
			continue
		case err != nil:
			return nil, err
		}
		pauses.Reset()
		connection, err := connectionOf(descriptor)
		if err != nil {
			l.warn(logKey{uid, err.Error()}, "connection cannot be served", "uid", uid, "error", err)
			continue
		}
		peer, err := readPeer(connection)
		if err != nil {
			connection.Close()
			l.warn(logKey{what: "unknown peer"}, "connection of an unknown peer closed", "error", err)
			continue
		}
		leave, ok := l.limits.enter(peer.UID)
		if !ok {
			peer.close()
			connection.Close()
			l.warn(logKey{peer.UID, "limit"}, "connection over the limit closed", "peer", peer,
				"limit", l.limits.all, "limit_per_uid", l.limits.each)
			continue
		}
		paced := l.floods.pace(connection, peer.UID)
		return &provenConn{Conn: paced, peer: peer, close: sync.OnceValue(func() error {
			defer leave()
			defer peer.close()
			return paced.Close()
		})}, nil
	}
}

// next waits for a connection that deserves a look: its user does not connect too often, and the other end has not hung
// up without a word. It returns the descriptor and that user. The error is that of accept(2), or [errTooOften] when it
// has closed others and none or many are left. That error names the user of the last one.
func (l *Listener) next() (descriptor int, uid uint32, err error) {
	raw, err := l.socket.SyscallConn()
	if err != nil {
		return 0, 0, net.ErrClosed
	}
	var failed error
	err = raw.Read(func(listening uintptr) (done bool) {
		flooder, known := uint32(0), false // the user whose connections are closed without asking again
		for closed := 0; closed < closedInARow; closed++ {
			descriptor, uid, failed = accept(int(listening))
			switch {
			case errors.Is(failed, unix.EINTR), errors.Is(failed, errNoPeer),
				errors.Is(failed, unix.ECONNABORTED): // macOS: it had hung up (not run on a Mac)
				continue
			case errors.Is(failed, unix.EAGAIN):
				if !known && closed == 0 {
					return false
				}
				uid, failed = flooder, errTooOften
				return true
			case failed != nil:
				return true
			case unlimited(uid):
				return true
			case known && uid == flooder:
			case !l.floods.mayConnect(uid):
				flooder, known = uid, true
			case !hungUpAtOnce(descriptor):
				return true
			}
			unix.Close(descriptor)
		}
		uid, failed = flooder, errTooOften
		return true // so that the listener can be closed
	})
	if err != nil {
		return 0, 0, net.ErrClosed
	}
	return descriptor, uid, failed
}

// hungUpAtOnce reports whether the other end of a connection was closed before it sent anything.
func hungUpAtOnce(descriptor int) bool {
	var first [1]byte
	count, _, err := unix.Recvfrom(descriptor, first[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == nil && count == 0
}

// pause waits for a time, or until the listener is closed.
func (l *Listener) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.closed:
	}
}

// connectionOf makes a connection of a descriptor. It closes the descriptor after an error.
func connectionOf(descriptor int) (*net.UnixConn, error) {
	file := os.NewFile(uintptr(descriptor), "")
	defer file.Close() // the connection has a duplicate
	connection, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return connection.(*net.UnixConn), nil
}

// warn logs events that a peer can cause as often as it likes, but not each time.
func (l *Listener) warn(key logKey, message string, details ...any) {
	if held, ok := l.logged.allow(key); ok {
		l.log.Warn(message, append(details, "socket", l.path, "not_logged_before", held)...)
	}
}

// Addr returns the socket's path, not the name that it was bound under.
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close ends serving, removes the socket, and lets another process serve. It may be called several times, also at once:
// each call returns when all of that is done.
func (l *Listener) Close() error { return l.close() }

func (l *Listener) end() error {
	err := l.socket.Close()
	close(l.closed)
	// While we hold the lock, the socket at path is ours. The lock is released explicitly. Closing it would leave the
	// lock with a child that another goroutine has just forked and that has not reached exec yet.
	return errors.Join(err, os.Remove(l.path), unix.Flock(int(l.lock.Fd()), unix.LOCK_UN), l.lock.Close())
}

// connectionLimits counts connections.
type connectionLimits struct {
	all, each int

	mu    sync.Mutex
	open  int
	byUID map[uint32]int
}

// enter records a connection of uid, and returns false if that is one too many. leave removes it.
func (l *connectionLimits) enter(uid uint32) (leave func(), ok bool) {
	if unlimited(uid) {
		return func() {}, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.all || l.byUID[uid] >= l.each {
		return nil, false
	}
	l.open++
	l.byUID[uid]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open--
		if l.byUID[uid]--; l.byUID[uid] == 0 {
			delete(l.byUID, uid)
		}
	}, true
}
