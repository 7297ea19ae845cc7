package link

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

// The limits for what one user may send, over all of their connections to a socket. Root and our own user have no
// limit. An honest user is far below: each usherctl is one connection, and a call is four or five frames. A user who
// sends more is not cut off. Their connections are read more slowly, and nobody else has to wait.
const (
	connectionsPerSecond = 20
	connectionsAtOnce    = 100

	framesPerSecond = 1000
	framesAtOnce    = 3000
	// bytesPerFrame is how many bytes written to a peer allow it one more frame. The peer acknowledges what it has read
	// (WINDOW_UPDATE) and that it is there (PING). grpc-go sends such a frame for each 16 KiB or more.
	bytesPerFrame = 2 << 10
	// readAtOnce limits what is read before frames are counted: at most 455 frames.
	readAtOnce = 4 << 10
	// timePerFrame is how much of the kernel's time for one read equals one frame. Data that was sent a byte at a time
	// is as many buffers in the kernel. Reading them takes a hundred times longer than reading one message. An
	// interrupted read equals at most framesPerRead.
	timePerFrame  = 100 * time.Microsecond
	framesPerRead = 100

	// hungUpAfter is how long a waiting connection keeps its place after the other end has closed it.
	hungUpAfter = time.Second

	// usersInMemory is how many users are remembered before quiet ones are forgotten.
	usersInMemory = 1024
)

// closedInARow is how many connections are closed before Accept pauses for [floodPause]. Together they limit the rate
// at which a flood is closed, and so its cost. Faster connections find the backlog full and wait there.
const closedInARow = 50

// errTooOften says that connections of a user who connects too often were closed.
var errTooOften = errors.New("user connects too often")

// errNoPeer says that the user at the other end of a new connection is not known, for example because they hung up. The
// connection was closed.
var errNoPeer = errors.New("peer of a new connection is not known")

// floods holds each user to a rate of connections and of frames. It is safe for concurrent use.
type floods struct {
	mu    sync.Mutex
	users map[uint32]*allowance
}

// allowance is what one user may still send.
type allowance struct{ connections, frames *rate.Limiter }

func newFloods() *floods { return &floods{users: make(map[uint32]*allowance)} }

// unlimited reports whether the user has no limits.
func unlimited(uid uint32) bool { return uid == 0 || uid == uint32(os.Getuid()) }

// mayConnect records a connection of a user, and reports whether it is within their limit.
func (f *floods) mayConnect(uid uint32) bool { return unlimited(uid) || f.of(uid).connections.Allow() }

func (f *floods) of(uid uint32) *allowance {
	f.mu.Lock()
	defer f.mu.Unlock()
	user := f.users[uid]
	if user == nil {
		f.forgetQuiet()
		user = &allowance{rate.NewLimiter(connectionsPerSecond, connectionsAtOnce),
			rate.NewLimiter(framesPerSecond, framesAtOnce)}
		f.users[uid] = user
	}
	return user
}

// forgetQuiet keeps the table small: a user with a full allowance is like a new one.
func (f *floods) forgetQuiet() {
	if len(f.users) < usersInMemory {
		return
	}
	for uid, user := range f.users {
		if user.connections.Tokens() >= connectionsAtOnce && user.frames.Tokens() >= framesAtOnce {
			delete(f.users, uid)
		}
	}
}

// pace returns the connection with the limits of its user: for a user with limits it reads no faster than these allow.
func (f *floods) pace(connection net.Conn, uid uint32) net.Conn {
	if unlimited(uid) {
		return connection
	}
	closed := make(chan struct{})
	var raw syscall.RawConn
	if socket, ok := connection.(syscall.Conn); ok {
		raw, _ = socket.SyscallConn() // reading a closed connection returns the same error
	}
	return &pacedConn{Conn: connection, raw: raw, frames: f.of(uid).frames, closed: closed,
		close: sync.OnceValue(func() error {
			close(closed)
			return connection.Close()
		})}
}

// pacedConn is a connection whose frames are counted as they are read. Frames above the limit are read later and wait
// in the kernel, where they cost nothing. Only one goroutine may read it.
type pacedConn struct {
	net.Conn
	// raw is the socket, or nil if there is none.
	raw    syscall.RawConn
	frames *rate.Limiter
	closed chan struct{}
	close  func() error

	// due is when the next Read may begin.
	due     time.Time
	counter frameCounter

	mu sync.Mutex
	// written is how many written bytes have not allowed a frame yet.
	written int
}

// fromServer says that the other end of a connection is an HTTP/2 server, such as an agent: its data begins with a
// frame. Call it before the first Read.
func (c *pacedConn) fromServer() { c.counter.begun = true }

// Read implements [net.Conn].
func (c *pacedConn) Read(p []byte) (int, error) {
	for wait := time.Until(c.due); wait > 0; wait = time.Until(c.due) {
		timer := time.NewTimer(min(wait, hungUpAfter))
		select {
		case <-timer.C:
		case <-c.closed:
			timer.Stop()
			return 0, net.ErrClosed
		}
		if c.hungUp() {
			return 0, io.EOF // nobody needs the rest of a flood, and it would keep the place for minutes
		}
	}
	read, took, err := c.readOnce(p[:min(len(p), readAtOnce)])
	count := max(c.unexplained(max(1, c.counter.count(p[:read]))), min(int(took/timePerFrame), framesPerRead))
	if count > 0 {
		now := time.Now()
		c.due = now.Add(c.frames.ReserveN(now, count).DelayFrom(now))
	}
	return read, err
}

// readOnce reads available data, or waits for some. It returns how long the kernel took to read it.
func (c *pacedConn) readOnce(p []byte) (read int, took time.Duration, err error) {
	if c.raw == nil || len(p) == 0 {
		read, err = c.Conn.Read(p)
		return read, 0, err
	}
	var failed error
	err = c.raw.Read(func(descriptor uintptr) (done bool) {
		begin := time.Now()
		for {
			read, failed = unix.Read(int(descriptor), p)
			if failed != unix.EINTR {
				break
			}
		}
		took = time.Since(begin)
		return failed != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, 0, err
	case failed != nil:
		return 0, took, os.NewSyscallError("read", failed)
	case read == 0:
		return 0, took, io.EOF
	}
	return read, took, nil
}

// hungUp reports whether the other end has closed the connection, even if there is still data to read.
func (c *pacedConn) hungUp() (gone bool) {
	if c.raw == nil {
		return false
	}
	err := c.raw.Control(func(descriptor uintptr) {
		look := []unix.PollFd{{Fd: int32(descriptor)}} // POLLHUP need not be requested
		ready, err := unix.Poll(look, 0)
		gone = err == nil && ready > 0 && look[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return gone || err != nil
}

// unexplained returns how many of the frames exceed those that written bytes explain.
func (c *pacedConn) unexplained(frames int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	explained := min(frames, c.written/bytesPerFrame)
	c.written -= explained * bytesPerFrame
	return frames - explained
}

// Write implements [net.Conn].
func (c *pacedConn) Write(p []byte) (int, error) {
	count, err := c.Conn.Write(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written = min(c.written+count, framesAtOnce*bytesPerFrame)
	return count, err
}

// Close implements [net.Conn].
func (c *pacedConn) Close() error { return c.close() }

// The sizes of a client's preface and of a frame's header (RFC 9113, 3.4 and 4.1).
const (
	prefaceLength     = 24
	frameHeaderLength = 9
)

// frameCounter counts the HTTP/2 frames that begin in a stream of bytes. Bytes that are not HTTP/2 can give any number;
// gRPC closes such a connection. The zero value is at the beginning of a client's preface.
type frameCounter struct {
	begun bool
	// skip is how many bytes remain of the preface or of a frame's payload.
	skip   int
	header [frameHeaderLength]byte
	// filled is how much of header has been read.
	filled int
}

// count returns how many frames begin in the next bytes.
func (f *frameCounter) count(p []byte) (frames int) {
	if !f.begun {
		f.begun, f.skip = true, prefaceLength
	}
	for len(p) > 0 {
		if f.skip > 0 {
			skipped := min(f.skip, len(p))
			f.skip, p = f.skip-skipped, p[skipped:]
			continue
		}
		taken := copy(f.header[f.filled:], p)
		if f.filled == 0 {
			frames++
		}
		f.filled, p = f.filled+taken, p[taken:]
		if f.filled == frameHeaderLength {
			f.filled, f.skip = 0, int(f.header[0])<<16|int(f.header[1])<<8|int(f.header[2])
		}
	}
	return frames
}
