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

	"usher.internal/internal/trust"
)

// The limits of a [ListenConfig] that names none.
const (
	defaultMaxConnections       = 512
	defaultMaxConnectionsPerUID = 32
)

// ListenConfig says how a socket is served. The zero value of each number is a sensible limit.
type ListenConfig struct {
	// Mode are the permissions of the socket; its directory decides who can replace it.
	Mode fs.FileMode
	// MaxConnections counts the connections of everyone but root and our own user, MaxConnectionsPerUID those of one
	// user. A connection over a limit is closed at once. Root and our own user have no limit.
	MaxConnections, MaxConnectionsPerUID int
	// Logger is told, at most once a minute a user, of connections over a limit. Nil is [slog.Default].
	Logger *slog.Logger
}

// Listener is a Unix socket that this process serves. It implements [net.Listener].
type Listener struct {
	socket *net.UnixListener
	path   string
	lock   *os.File
	limits *connectionLimits
	log    *slog.Logger
	logged logLimit
	closed chan struct{}
	close  func() error
}

// Listen serves the socket at path. The socket of a helper that has died is replaced, that of a live one never: who serves
// is who holds the lock on path+".lock", for life, and the error for everyone else wraps [ErrInUse] and names that
// process. Something at path that is not a socket is left alone and is an error, and so is a directory that others than root and our own
// user can change ([trust.Sockets]).
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
	limits := &connectionLimits{all: config.MaxConnections, each: config.MaxConnectionsPerUID, byUID: make(map[uint32]int)}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	listener := &Listener{socket: socket, path: path, lock: lock, limits: limits, log: config.Logger, closed: make(chan struct{})}
	listener.close = sync.OnceValue(listener.end)
	return listener, nil
}

// acquire takes the lock that makes this process the server, and writes its process id into it for the others to read.
func acquire(path string) (*os.File, error) {
	// Who could write to the directory at some time may hold a lock of their own, which is not a server's.
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
		return nil, fmt.Errorf("%w by another process, pid %s: there can be only one", ErrInUse, strings.TrimSpace(string(holder[:count])))
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

// bind makes the socket under another name and moves it to path when it has its mode, so that nobody meets one that is
// missing or has other permissions. The caller holds the lock.
func bind(path string, mode fs.FileMode) (*net.UnixListener, error) {
	if found, err := os.Lstat(path); err == nil && found.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("there is something that is not a socket (%v): move it away", found.Mode())
	}
	fresh := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, err
	}
	socket.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(fresh, mode), os.Rename(fresh, path)); err != nil {
		socket.Close()
		os.Remove(fresh)
		return nil, err
	}
	return socket, nil
}

// passing are the errors of accept(2) that a moment heals.
var passing = []unix.Errno{unix.ECONNABORTED, unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM}

// Accept returns the next connection that is within the limits. Its peer is known, and is what [PeerFromContext] returns.
func (l *Listener) Accept() (net.Conn, error) {
	for backoff := time.Millisecond; ; {
		connection, err := l.socket.AcceptUnix()
		switch {
		case slices.ContainsFunc(passing, func(one unix.Errno) bool { return errors.Is(err, one) }):
			// gRPC ends its server on an error that is not temporary; these pass.
			l.warn(logKey{what: err.Error()}, "connections cannot be accepted", "error", err)
			select {
			case <-time.After(backoff):
			case <-l.closed:
			}
			backoff = min(2*backoff, time.Second)
			continue
		case err != nil:
			return nil, err
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
		return &provenConn{Conn: connection, peer: peer, close: sync.OnceValue(func() error {
			defer leave()
			defer peer.close()
			return connection.Close()
		})}, nil
	}
}

// warn logs what can happen as often as a peer likes, but not as often as it happens.
func (l *Listener) warn(key logKey, message string, details ...any) {
	if held, ok := l.logged.allow(key); ok {
		l.log.Warn(message, append(details, "socket", l.path, "not_logged_before", held)...)
	}
}

// Addr returns the socket's path, not the name it was bound under.
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close ends serving, removes the socket, and lets another process serve. It may be called several times, also at once: each call
// returns when all of that is done.
func (l *Listener) Close() error { return l.close() }

func (l *Listener) end() error {
	err := l.socket.Close()
	close(l.closed)
	// While the lock is held the socket at path is ours. The lock is let go by name: closing would leave it with a child that
	// another goroutine has just forked and that has not yet reached exec.
	return errors.Join(err, os.Remove(l.path), unix.Flock(int(l.lock.Fd()), unix.LOCK_UN), l.lock.Close())
}

// connectionLimits counts connections.
type connectionLimits struct {
	all, each int

	mu    sync.Mutex
	open  int
	byUID map[uint32]int
}

// enter counts a connection of uid in, false when that would be one too many; leave counts it out.
func (l *connectionLimits) enter(uid uint32) (leave func(), ok bool) {
	if uid == 0 || uid == uint32(os.Getuid()) {
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
