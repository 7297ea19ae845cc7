package link

import (
	"context"
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc/credentials"
)

// ServerCredentials ask the kernel who is calling, and let everyone in. Each method decides what a caller may do, from
// [PeerFromContext].
func ServerCredentials() credentials.TransportCredentials { return &transport{} }

// ClientCredentials refuse a server that another user than serverUID runs, before they send it a byte. The error wraps
// [ErrUntrustedServer].
func ClientCredentials(serverUID uint32) credentials.TransportCredentials {
	return &transport{checked: true, serverUID: serverUID}
}

// transport is a gRPC transport over a Unix socket. It encrypts nothing, because only the kernel is in between.
type transport struct {
	checked   bool
	serverUID uint32
}

// ClientHandshake implements [credentials.TransportCredentials].
func (t *transport) ClientHandshake(_ context.Context, _ string, connection net.Conn) (net.Conn, credentials.AuthInfo,
	error) {
	return t.handshake(connection)
}

// ServerHandshake implements [credentials.TransportCredentials].
func (t *transport) ServerHandshake(connection net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return t.handshake(connection)
}

func (t *transport) handshake(connection net.Conn) (net.Conn, credentials.AuthInfo, error) {
	proven, err := prove(connection)
	if err != nil {
		return nil, nil, err
	}
	if t.checked {
		if err := proven.whoIs().servedBy(t.serverUID); err != nil {
			proven.Close()
			return nil, nil, err
		}
	}
	return proven, AuthInfo{
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		Peer:           proven.whoIs(),
	}, nil
}

func (p *Peer) servedBy(uid uint32) error {
	if p.UID == uid {
		return nil
	}
	return fmt.Errorf("%w: %s, which serves it, is run by uid %d and not by uid %d", ErrUntrustedServer, p.name(),
		p.UID, uid)
}

// Info implements [credentials.TransportCredentials].
func (t *transport) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "usher-peer"}
}

// Clone implements [credentials.TransportCredentials].
func (t *transport) Clone() credentials.TransportCredentials {
	clone := *t
	return &clone
}

// OverrideServerName implements [credentials.TransportCredentials]. A Unix socket has no server name.
func (t *transport) OverrideServerName(string) error { return nil }

// provenConn is a connection together with the process at its other end.
type provenConn struct {
	net.Conn
	peer  *Peer
	close func() error
}

func (c *provenConn) whoIs() *Peer { return c.peer }

// proven is a connection whose peer is known.
type proven interface {
	net.Conn
	whoIs() *Peer
}

// prove returns connection with its peer. It returns an already proven connection unchanged.
func prove(connection net.Conn) (proven, error) {
	if already, ok := connection.(proven); ok {
		return already, nil
	}
	socket, ok := connection.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("prove peer of a %T: not a Unix socket", connection)
	}
	peer, err := readPeer(socket)
	if err != nil {
		return nil, err
	}
	return &provenConn{Conn: connection, peer: peer, close: sync.OnceValue(func() error {
		defer peer.close()
		return connection.Close()
	})}, nil
}

// Close closes the connection and releases the peer's process.
func (c *provenConn) Close() error { return c.close() }
