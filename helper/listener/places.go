package listener

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// places are those for connections. While all are taken a new connection gets that of one on which no call is under way: of those whose
// client has not been let in, the oldest one of the address that has most; then the one of a client that was let in earliest. So
// whoever connects and says nothing, or may not ask, keeps nobody out.
type places struct {
	net.Listener

	mu     sync.Mutex
	taken  []*place // the oldest first
	closed bool
}

// place is one connection.
type place struct {
	net.Conn
	of     *places
	origin netip.Prefix
	// known is set when a call was let in, of which so many are underWay.
	known    bool
	underWay int
}

// Accept implements [net.Listener].
func (p *places) Accept() (net.Conn, error) {
	for {
		connection, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if one := p.take(connection); one != nil {
			return one, nil
		}
		connection.Close()
	}
}

func (p *places) take(connection net.Conn) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	if len(p.taken) >= maximumConnections {
		i := p.leastNeeded()
		if i < 0 {
			return nil
		}
		p.taken[i].Conn.Close() // gRPC notices, and takes what it has of it away
		p.taken = slices.Delete(p.taken, i, i+1)
	}
	one := &place{Conn: connection, of: p, origin: origin(connection.RemoteAddr())}
	p.taken = append(p.taken, one)
	return one
}

// leastNeeded returns the index of the place that a new connection gets, -1 for none.
func (p *places) leastNeeded() int {
	strangers := make(map[netip.Prefix]int)
	most := 0
	for _, one := range p.taken {
		if !one.known {
			strangers[one.origin]++
			most = max(most, strangers[one.origin])
		}
	}
	return slices.IndexFunc(p.taken, func(one *place) bool {
		if most > 0 {
			return !one.known && strangers[one.origin] == most
		}
		return one.underWay == 0
	})
}

// Close implements [net.Listener]. Who has not been let in by now is not waited for.
func (p *places) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, one := range p.taken {
		if !one.known {
			one.Conn.Close()
		}
	}
	return p.Listener.Close()
}

// Close implements [net.Conn].
func (p *place) Close() error {
	p.of.mu.Lock()
	p.of.taken = slices.DeleteFunc(p.of.taken, func(one *place) bool { return one == p })
	p.of.mu.Unlock()
	return p.Conn.Close()
}

// enter notes that a call was let in; the function it returns notes its end.
func (p *place) enter() (leave func()) {
	count := func(by int) {
		p.of.mu.Lock()
		defer p.of.mu.Unlock()
		p.known = true
		p.underWay += by
	}
	count(1)
	return func() { count(-1) }
}

// origin is the address of a peer, of IPv6 the network of which one computer may have every address.
func origin(address net.Addr) netip.Prefix {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	peer := tcp.AddrPort().Addr().Unmap().WithZone("")
	network, _ := peer.Prefix(min(peer.BitLen(), 64))
	return network
}
