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

// A hung agent is found out while something is asked of it, by these pings: a call to it fails within 20 seconds. While
// nothing is asked there is silence, so that a sleeping Mac stays asleep; the kernel tells of an agent's end at once.
// Both ends must agree [GRPC#3093].
const (
	pingAfter     = 10 * time.Second
	pingWithin    = 10 * time.Second
	pingsNoFaster = 5 * time.Second
)

// How many agents may be on their way in, of everyone and of one user: one who keeps Admit waiting must not keep the
// others out. Root and our own user have no limit.
const (
	admittingAtOnce       = 64
	admittingAtOncePerUID = 4
)

// AgentsConfig says what the helper does with agents.
type AgentsConfig struct {
	// Admit decides on the process that dialled, before anything is asked of it: nil lets it in. An error that is a
	// [*RefusedError] is told to the agent as it is, any other as one that may heal. It may block for some seconds.
	Admit func(ctx context.Context, peer *Peer) error
	// Serve is called in a goroutine of its own with a client of the agent's services. Its ctx ends the moment the
	// connection does. When it returns the connection is closed.
	Serve  func(ctx context.Context, peer *Peer, connection *grpc.ClientConn)
	Logger *slog.Logger
}

// ServeAgents accepts agents until ctx ends, then closes the listener and every connection, waits for each Serve, and
// returns nil. It is the helper's side of the reversed link.
func ServeAgents(ctx context.Context, listener *Listener, config AgentsConfig) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The end of ctx interrupts Accept. Closing again waits until that has let go of the socket: the next helper may be
	// on its way.
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

// admit asks whether the agent may come in, and tells it.
func (d *door) admit(ctx context.Context, connection *provenConn) bool {
	refusal := d.judge(ctx, connection.peer)
	if refusal != nil {
		d.tell(slog.LevelWarn, connection.peer, "agent refused", "reason", refusal.Reason, "detail", refusal.Message)
	}
	if err := writeHello(connection, refusal); err != nil {
		d.tell(slog.LevelInfo, connection.peer, "agent left before it was let in", "error", err)
		return false
	}
	return refusal == nil
}

// judge returns why the agent may not come in, nil when it may.
func (d *door) judge(ctx context.Context, peer *Peer) *RefusedError {
	leave, ok := d.admitting.enter(peer.UID)
	if !ok {
		return &RefusedError{Reason: TooManyConnections,
			Message: fmt.Sprintf("too many agents of uid %d, or of everyone, are coming in at this moment", peer.UID)}
	}
	defer leave()
	err := d.Admit(ctx, peer)
	refusal, ok := errors.AsType[*RefusedError](err)
	if err != nil && !ok {
		refusal = &RefusedError{Reason: RefusedForNow, Message: err.Error()}
	}
	return refusal
}

// tell logs what an agent can bring about as often as it likes, but at most once a minute for each user.
func (d *door) tell(level slog.Level, peer *Peer, message string, details ...any) {
	if held, ok := d.logged.allow(logKey{peer.UID, message}); ok {
		d.Logger.Log(context.Background(), level, message, append(details, "peer", peer, "not_logged_before", held)...)
	}
}

// serve turns the connection round: the helper becomes the gRPC client of the agent that dialled it.
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
		grpc.WithIdleTimeout(0), // an idle client would give the one connection up
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

// watchedConn tells when the connection has ended: gRPC reads from it all the time, also while no call is under way.
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
