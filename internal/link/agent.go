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

// agentPauses are between two attempts of an agent to come back. They have jitter: the agents of all users of a Mac
// lose the helper together. A connection that was lastedLongEnough resets them.
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
	// ServerUID is who must serve it; root but in development.
	ServerUID uint32
	// Register puts the agent's services on a new gRPC server; it is called for each connection.
	Register func(*grpc.Server)
	// ServerOptions are added to the server's own, interceptors for example.
	ServerOptions []grpc.ServerOption
	Logger        *slog.Logger
	// Connected is called each time the helper has accepted the agent; it may be nil.
	Connected func()
}

// ServeReversed dials the helper and serves it on that connection, again and again, until ctx ends; then it returns
// nil. What may heal (no helper yet, helper away) is waited for inside. It returns a [*RefusedError] when the helper
// refuses the agent for a reason that lasts. It is the agent's side of the reversed link.
func ServeReversed(ctx context.Context, config AgentConfig) error {
	told := false
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
			told = false
			pauses.Reset()
		}
		pause := pauses.Next()
		within := pauses.Bound(pauses.Failures())
		// Once for each time that it is away for longer than a restart takes: a helper that is gone for a week is no
		// news.
		level := slog.LevelDebug
		if within >= time.Second && !told {
			level, told = slog.LevelInfo, true
		}
		config.Logger.Log(ctx, level, "helper is away", "reason", err, "retry_within", within)
		waitForHelper(ctx, config.Path, before, pause)
	}
}

// waitForHelper returns after pause, or earlier when another socket than before is at path: a helper has come.
func waitForHelper(ctx context.Context, path string, before fs.FileInfo, pause time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	watcher, err := filewatch.New()
	if err != nil { // no descriptor is left, for example: the pause is waited for
		<-ctx.Done()
		return
	}
	defer watcher.Close()
	for {
		_ = watcher.Follow(path) // what cannot be watched is looked at in a minute, or after the pause
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

// socketAt returns what is at path, and nil for nothing. A link is followed, as connect(2) follows it.
func socketAt(path string) fs.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

// same tells whether two looks at a path met the same file: file systems give the number of a removed one away again,
// but hardly at the same time.
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

// serveOn serves on a connection until it ends. A helper that has refused us and closed it is read all the same.
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

// oneConnListener hands out the one connection, and ends when that does.
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

// endingConn tells its listener when gRPC has closed it.
type endingConn struct {
	proven
	end func()
}

// Close implements [net.Conn].
func (c *endingConn) Close() error {
	defer c.end()
	return c.proven.Close()
}
