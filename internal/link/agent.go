package link

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"usher.internal/internal/backoff"
	"usher.internal/internal/filewatch"
)

// agentPauses are the pauses between an agent's attempts to reconnect. They have jitter, because all agents of a Mac
// lose the helper at the same time. A connection of at least lastedLongEnough resets them.
var agentPauses = backoff.Pauses{First: 100 * time.Millisecond, Longest: 30 * time.Second, Jitter: 0.5}

const (
	lastedLongEnough = 10 * time.Second
	dialWithin       = 5 * time.Second
	stopAgentWithin  = 2 * time.Second

	maximumAgentMessageBytes = 1 << 20
	maximumAgentHeaderBytes  = 16 << 10
	callsToAgentAtOnce       = 32
)

// AgentConfig says how an agent serves the helper.
type AgentConfig struct {
	// Path is agent.sock.
	Path string
	// ServerUID is the uid that must serve it: root, except in development.
	ServerUID uint32
	// Register registers the agent's services on a new gRPC server. It is called for each connection.
	Register func(*grpc.Server)
	// ServerOptions are added to the server's own, for example interceptors.
	ServerOptions []grpc.ServerOption
	Logger        *slog.Logger
	// Connected is called each time the helper has accepted the agent. It may be nil.
	Connected func()
}

// ServeReversed dials the helper and serves it on that connection, again and again, until ctx ends; then it returns
// nil. It waits for temporary problems to end, such as a missing helper. It returns a [*RefusedError] when the helper
// refuses the agent for a lasting reason. It is the agent's side of the reversed link.
func ServeReversed(ctx context.Context, config AgentConfig) error {
	logged := false
	for pauses := agentPauses; ; {
		begun := time.Now()
		before := socketAt(config.Path)
		err := config.serveOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if refusal, ok := errors.AsType[*RefusedError](err); ok && refusal.Reason.Lasting() {
			return refusal
		}
		if time.Since(begun) >= lastedLongEnough {
			logged = false
			pauses.Reset()
		}
		pause := pauses.Next()
		within := pauses.Bound(pauses.Failures())
		// Logged once for each absence that is longer than a restart. A helper that is gone for a week is logged once,
		// too.
		level := slog.LevelDebug
		if within >= time.Second && !logged {
			level, logged = slog.LevelInfo, true
		}
		config.Logger.Log(ctx, level, "helper is away", "reason", err, "retry_within", within)
		waitForHelper(ctx, config.Path, before, pause)
	}
}

// waitForHelper returns after pause, or earlier when path has another socket than before, because then a helper has
// come.
func waitForHelper(ctx context.Context, path string, before fs.FileInfo, pause time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	watcher, err := filewatch.New()
	if err != nil { // no descriptor is left, for example: wait for the pause
		<-ctx.Done()
		return
	}
	defer watcher.Close()
	for {
		_ = watcher.Follow(path) // if it cannot be watched, the loop looks again in a minute, or after the pause
		if now := socketAt(path); now != nil && !same(before, now) {
			return
		}
		select {
		case <-watcher.Changes():
		case <-ctx.Done():
			return
		}
	}
}

// socketAt returns the file at path, or nil if there is none. It follows a link, as connect(2) does.
func socketAt(path string) fs.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

// same reports whether two looks at a path found the same file. File systems reuse the number of a removed file, but
// hardly at the same time.
func same(before, now fs.FileInfo) bool {
	return before != nil && os.SameFile(before, now) && before.ModTime().Equal(now.ModTime())
}

// serveOnce connects and serves until the connection ends. Its error says why it ended.
func (c AgentConfig) serveOnce(ctx context.Context) error {
	connection, err := dial(ctx, c.Path)
	if err != nil {
		return fmt.Errorf("dial %s: %w", c.Path, err)
	}
	return c.serveOn(ctx, connection)
}

// serveOn serves on a connection until it ends. It also reads the hello of a helper that has refused us and closed the
// connection.
func (c AgentConfig) serveOn(ctx context.Context, connection net.Conn) error {
	proven, err := prove(connection)
	if err != nil {
		connection.Close()
		return err
	}
	defer proven.Close()
	if err := proven.whoIs().servedBy(c.ServerUID); err != nil {
		return err
	}
	interrupt := context.AfterFunc(ctx, func() { proven.Close() })
	err = readHello(proven)
	if !interrupt() || err != nil {
		return err
	}
	server := grpc.NewServer(append([]grpc.ServerOption{
		grpc.Creds(ServerCredentials()),
		grpc.MaxRecvMsgSize(maximumAgentMessageBytes),
		grpc.MaxSendMsgSize(maximumAgentMessageBytes),
		grpc.MaxConcurrentStreams(callsToAgentAtOnce),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingsNoFaster, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	}, c.ServerOptions...)...)
	c.Register(server)
	c.Logger.Info("connected to the helper", "helper", proven.whoIs())
	if c.Connected != nil {
		c.Connected()
	}
	return serveConnection(ctx, server, proven)
}

// serveConnection serves one connection until it or ctx ends.
func serveConnection(ctx context.Context, server *grpc.Server, connection proven) error {
	listener := newOneConnListener(connection)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		hard := time.AfterFunc(stopAgentWithin, server.Stop)
		defer hard.Stop()
		server.GracefulStop()
	})
	err := server.Serve(listener)
	if !stop() {
		<-stopped
		return nil
	}
	server.Stop()
	if errors.Is(err, errConnectionEnded) {
		return errConnectionEnded
	}
	return err
}

var errConnectionEnded = errors.New("the helper closed the connection")

// oneConnListener returns its one connection once, and ends when that connection ends.
type oneConnListener struct {
	connection proven
	accepted   sync.Once
	ended      chan struct{}
	end        func()
}

func newOneConnListener(connection proven) *oneConnListener {
	ended := make(chan struct{})
	return &oneConnListener{connection: connection, ended: ended, end: sync.OnceFunc(func() { close(ended) })}
}

// Accept implements [net.Listener].
func (l *oneConnListener) Accept() (net.Conn, error) {
	var first net.Conn
	l.accepted.Do(func() { first = &endingConn{proven: l.connection, end: l.end} })
	if first != nil {
		return first, nil
	}
	<-l.ended
	return nil, errConnectionEnded
}

// Close implements [net.Listener].
func (l *oneConnListener) Close() error {
	l.end()
	return nil
}

// Addr implements [net.Listener].
func (l *oneConnListener) Addr() net.Addr { return l.connection.LocalAddr() }

// endingConn informs its listener when gRPC has closed it.
type endingConn struct {
	proven
	end func()
}

// Close implements [net.Conn].
func (c *endingConn) Close() error {
	defer c.end()
	return c.proven.Close()
}
