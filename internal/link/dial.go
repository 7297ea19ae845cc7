package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
)

// maximumMessageBytes limits the answers of the helper, which is trusted. The largest is a list of a thousand
// registrations, each with as many milestones as an agent may send.
const maximumMessageBytes = 64 << 20

// Dial returns a gRPC client of the socket at path. It does not connect yet: the first call does. If another user than
// serverUID serves the socket, the call fails with an error that [IsUntrusted] recognises. The caller closes the
// client.
func Dial(path string, serverUID uint32, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	base := []grpc.DialOption{
		grpc.WithTransportCredentials(ClientCredentials(serverUID)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return dial(ctx, path)
		}),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
		grpc.WithAuthority("localhost"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maximumMessageBytes)),
	}
	// The resolver "passthrough" takes the path unchanged; "unix" would read it as a URL.
	client, err := grpc.NewClient("passthrough:///usher", append(base, options...)...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", path, err)
	}
	return client, nil
}

// IsUntrusted reports whether a call failed because another user than expected serves the socket. gRPC keeps only the
// text of the handshake's error.
func IsUntrusted(err error) bool {
	return err != nil && strings.Contains(err.Error(), ErrUntrustedServer.Error())
}

// DialConn returns a connection to the socket at path, for callers that do not use gRPC through [Dial]. It fails with
// [ErrUntrustedServer] if another user than serverUID serves the socket. The caller closes it.
func DialConn(ctx context.Context, path string, serverUID uint32) (net.Conn, error) {
	connection, err := dial(ctx, path)
	if err != nil {
		return nil, err
	}
	proven, _, err := ClientCredentials(serverUID).ClientHandshake(ctx, "", connection)
	if err != nil {
		connection.Close()
		return nil, err
	}
	return proven, nil
}

// dial connects to the socket at path. While a flood of another user's connections fills its backlog ([backlogFull]),
// it tries again until ctx ends, or for fullWithin.
func dial(ctx context.Context, path string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	givenUp := time.Now().Add(fullWithin)
	connection, err := new(net.Dialer).DialContext(ctx, "unix", path)
	for errors.Is(err, backlogFull) && ctx.Err() == nil && time.Now().Before(givenUp) {
		connection, err = dialFull(ctx, path)
	}
	return connection, err
}
