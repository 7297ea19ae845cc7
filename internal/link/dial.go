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

// maximumMessageBytes bounds what the helper, which is trusted, may answer: the largest is a list of a thousand
// registrations, each with as many milestones as an agent may tell.
const maximumMessageBytes = 64 << 20

// Dial returns a gRPC client of the socket at path. Nothing is connected yet: the first call connects, and is refused
// with an error that [IsUntrusted] knows when another user than serverUID serves the socket. The caller
// closes it.
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
	// The resolver "passthrough" takes the path as it stands; "unix" would read it as a URL.
	client, err := grpc.NewClient("passthrough:///usher", append(base, options...)...)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", path, err)
	}
	return client, nil
}

// IsUntrusted tells whether a call failed because another user than the expected one serves the socket. gRPC keeps of
// the handshake's error only the text.
func IsUntrusted(err error) bool {
	return err != nil && strings.Contains(err.Error(), ErrUntrustedServer.Error())
}

// DialConn returns a connection to the socket at path, for whoever speaks another way than through [Dial]. It is
// refused with [ErrUntrustedServer] when another user than serverUID serves the socket. The caller closes it.
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
