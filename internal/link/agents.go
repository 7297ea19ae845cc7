package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// These pings detect a hung agent during a call: the call fails within 20 seconds. Without a call there are no pings,
// so that a sleeping Mac stays asleep; the kernel reports an agent's end at once. Both ends must agree [GRPC#3093].
const (
	pingAfter     = 10 * time.Second
	pingWithin    = 10 * time.Second
	pingsNoFaster = 5 * time.Second
)

// The number of agents that may wait to be let in, in total and of one user. A user who keeps Admit busy must not block
// the others. Root and our own user have no limit.
const (
	admittingAtOnce       = 64
	admittingAtOncePerUID = 4
)

// AgentsConfig says what the helper does with agents.
type AgentsConfig struct {
	// Admit decides about the process that dialled, before any call to it. nil lets it in. The agent gets a
	// [*RefusedError] unchanged, and any other error as a temporary one. Admit may block for some seconds.
	Admit func(ctx context.Context, peer *Peer) error
	// Serve is called in its own goroutine with a client of the agent's services. Its ctx ends when the connection
	// ends. The connection is closed when Serve returns.
	Serve  func(ctx context.Context, peer *Peer, connection *grpc.ClientConn)
	Logger *slog.Logger
}

// ServeAgents accepts agents until ctx ends. Then it closes the listener and every connection, waits for each Serve,
// and returns nil. It is the helper's side of the reversed link.
func ServeAgents(ctx context.Context, listener *Listener, config AgentsConfig) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The end of ctx interrupts Accept. The second Close waits until the first has released the socket, because the
	// next helper may already be starting.
	defer listener.Close()
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	var agents sync.WaitGroup
	defer agents.Wait()
	defer cancel()
	door := door{
		AgentsConfig: config,
		admitting:    &connectionLimits{all: admittingAtOnce, each: admittingAtOncePerUID, byUID: make(map[uint32]int)},
	}
	for {
		connection, err := listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				connection.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept agent: %w", err)
		}
		proven := connection.(*provenConn)
		agents.Go(func() {
			defer proven.Close()
			if door.admit(ctx, proven) {
				door.serve(ctx, proven)
			}
		})
	}
}

// door is where agents come in.
type door struct {
	AgentsConfig
	admitting *connectionLimits
	logged    logLimit
}

// admit decides whether the agent may come in, and sends it the answer.
func (d *door) admit(ctx context.Context, connection *provenConn) bool {
	refusal := d.judge(ctx, connection.peer)
	if refusal != nil {
		d.logSeldom(slog.LevelWarn, connection.peer, "agent refused", "reason", refusal.Reason, "detail",
			refusal.Message)
	}
	if err := writeHello(connection, refusal); err != nil {
		d.logSeldom(slog.LevelInfo, connection.peer, "agent left before it was let in", "error", err)
		return false
	}
	return refusal == nil
}

// judge returns why the agent may not come in, or nil if it may.
func (d *door) judge(ctx context.Context, peer *Peer) *RefusedError {
	leave, ok := d.admitting.enter(peer.UID)
	if !ok {
		return &RefusedError{Reason: TooManyConnections,
			Message: fmt.Sprintf("too many agents of uid %d, or of all users, are connecting at this moment", peer.UID)}
	}
	defer leave()
	err := d.Admit(ctx, peer)
	refusal, ok := errors.AsType[*RefusedError](err)
	if err != nil && !ok {
		refusal = &RefusedError{Reason: RefusedForNow, Message: err.Error()}
	}
	return refusal
}

// logSeldom logs messages that an agent can cause as often as it likes. It logs each at most once a minute for each
// user.
func (d *door) logSeldom(level slog.Level, peer *Peer, message string, details ...any) {
	if held, ok := d.logged.allow(logKey{peer.UID, message}); ok {
		d.Logger.Log(context.Background(), level, message, append(details, "peer", peer, "not_logged_before", held)...)
	}
}

// serve reverses the connection: the helper becomes the gRPC client of the agent that dialled it.
func (d *door) serve(ctx context.Context, connection *provenConn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if paced, ok := connection.Conn.(*pacedConn); ok {
		paced.fromServer()
	}
	watched := &watchedConn{provenConn: connection, ended: cancel}
	var taken sync.Once
	client, err := grpc.NewClient("passthrough:///agent",
		grpc.WithTransportCredentials(&transport{}),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			var once net.Conn
			taken.Do(func() { once = watched })
			if once == nil {
				return nil, net.ErrClosed
			}
			return once, nil
		}),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithAuthority("localhost"),
		grpc.WithIdleTimeout(0), // an idle client would close the one connection
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingWithin,
			PermitWithoutStream: false}),
		grpc.WithMaxHeaderListSize(maximumAgentHeaderBytes), // holds the text of an error
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maximumAgentMessageBytes),
			grpc.MaxCallSendMsgSize(maximumAgentMessageBytes)),
	)
	if err != nil {
		d.Logger.Error("agent cannot be called", "peer", connection.peer, "error", err)
		return
	}
	defer client.Close()
	client.Connect()
	d.Serve(ctx, connection.peer, client)
}

// watchedConn reports when the connection has ended. gRPC always reads from it, also between calls.
type watchedConn struct {
	*provenConn
	ended context.CancelFunc
}

// Read implements [net.Conn].
func (c *watchedConn) Read(p []byte) (int, error) {
	count, err := c.provenConn.Read(p)
	if err != nil {
		c.ended()
	}
	return count, err
}

// Close implements [net.Conn].
func (c *watchedConn) Close() error {
	c.ended()
	return c.provenConn.Close()
}
