package listener

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// places manages the places for connections. A connection passes three stages, and each stage has its own number of
// places. So strangers never take the place of a client. Silent connections never take the place of one that is about
// to show a certificate.
//
// A connection that enters a full stage takes the place of the oldest connection of the largest group there. A group is
// the address of a stranger, or the name of a client. A connection with a call under way keeps its place. So neither
// many connections from one address nor those of one client keep others out.
//
// Few handshakes are computed at once, and the groups take turns. Among many connections of one group, nobody loses a
// place that they have only just got: the next ones of that group wait. So a client behind the address of strangers has
// enough time to speak, and to show its certificate.
type places struct {
	net.Listener

	mu sync.Mutex
	// fewer is signalled when open decreases.
	fewer sync.Cond
	taken [stages][]*place // the oldest first
	// open is the number of connections that gRPC has not closed yet, including those that have lost their place.
	// computing is how many of them compute a handshake. waiting are those that wait for it, in order of arrival.
	open, computing int
	waiting         []*place
	closed          bool
	// later gives the next turn when that is not possible yet.
	later *time.Timer
	// closing is closed when closed is set.
	closing chan struct{}
}

// stage is how far a connection has come.
type stage int

const (
	// arriving: the connection has not started TLS yet.
	arriving stage = iota
	// greeting: it has, and may show a certificate, or has shown one that may not ask.
	greeting
	// known: it has shown a certificate of a client that may ask, or has asked.
	known
	stages
)

// placesIn is the number of places in each stage.
var placesIn = [stages]int{arriving: 512, greeting: 256, known: maximumConnections}

// surely is how long a connection keeps its place in a stage in any case: to speak, and to show its certificate from
// far away.
var surely = [stages]time.Duration{arriving: 50 * time.Millisecond, greeting: 200 * time.Millisecond}

const (
	// maximumOpen limits all open connections, including those that have lost their place while their handshake has not
	// noticed yet.
	maximumOpen      = 1024
	maximumComputing = 4
)

// place is one connection.
type place struct {
	net.Conn
	of *places
	// mu of places guards the fields below. since is the time when it entered its stage.
	since  time.Time
	stage  stage
	group  string
	closed bool
	// lost is set when another connection has got its place. computing is set while its handshake is computed.
	lost, computing bool
	// turn is closed when the handshake may begin, or never will.
	turn chan struct{}
	// underWay is the number of calls under way.
	underWay int
}

func newPlaces(listener net.Listener) *places {
	p := &places{Listener: listener, closing: make(chan struct{})}
	p.fewer.L = &p.mu
	p.later = time.AfterFunc(time.Hour, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.giveTurns()
	})
	return p
}

// Accept implements [net.Listener].
func (p *places) Accept() (net.Conn, error) {
	for {
		p.awaitRoom()
		connection, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p.awaitPlace(groupOf(connection))
		if one := p.take(connection); one != nil {
			return one, nil
		}
		connection.Close()
	}
}

// awaitPlace blocks while the next place that the group gets would be from its own group, and that connection has had
// no time to speak.
func (p *places) awaitPlace(group string) {
	p.mu.Lock()
	wait := p.untilFree(arriving, group)
	p.mu.Unlock()
	if wait <= 0 {
		return
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	select {
	case <-over.C:
	case <-p.closing:
	}
}

// untilFree is how long it takes until one of that group can have a place in a stage. The caller has mu.
func (p *places) untilFree(in stage, group string) time.Duration {
	if len(p.taken[in]) < placesIn[in] {
		return 0
	}
	least := p.leastNeeded(in)
	if least == nil || p.count(in, least.group) > p.count(in, group) {
		return 0
	}
	return surely[in] - time.Since(least.since)
}

// count returns how many of a group are in a stage. The caller has mu.
func (p *places) count(in stage, group string) (count int) {
	for _, one := range p.taken[in] {
		if one.group == group {
			count++
		}
	}
	return count
}

// next returns the waiting connection whose turn it is: one of the group that has fewest in the next stage. The caller
// has mu.
func (p *places) next() (next *place) {
	groups := make(map[string]int)
	for _, one := range p.taken[greeting] {
		groups[one.group]++
	}
	for _, one := range p.waiting {
		if next == nil || groups[one.group] < groups[next.group] {
			next = one
		}
	}
	return next
}

// awaitRoom blocks while too many connections are open. Those that have ended are noticed within moments.
func (p *places) awaitRoom() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.open >= maximumOpen && !p.closed {
		p.fewer.Wait()
	}
}

func (p *places) take(connection net.Conn) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	one := &place{Conn: connection, of: p, group: groupOf(connection)}
	if !p.enter(arriving, one) {
		return nil
	}
	p.open++
	return one
}

// enter gives a connection a place in a stage, if there is one. The caller has mu.
func (p *places) enter(to stage, one *place) bool {
	if len(p.taken[to]) >= placesIn[to] {
		least := p.leastNeeded(to)
		if least == nil {
			return false
		}
		p.leave(least)
		least.lost = true
		p.endWait(least)
		least.Conn.Close() // gRPC notices, and frees what belongs to it
	}
	one.stage, one.since = to, time.Now()
	p.taken[to] = append(p.taken[to], one)
	return true
}

// leave takes a connection out of its stage. One that has already lost its place is in no stage. The caller has mu.
func (p *places) leave(one *place) (was bool) {
	taken := p.taken[one.stage]
	for i, other := range taken {
		if other == one {
			p.taken[one.stage] = append(taken[:i:i], taken[i+1:]...)
			return true
		}
	}
	return false
}

// leastNeeded returns the connection in a stage that loses its place next, nil for none.
func (p *places) leastNeeded(in stage) (least *place) {
	groups := make(map[string]int)
	for _, one := range p.taken[in] {
		groups[one.group]++
	}
	for _, one := range p.taken[in] {
		if one.underWay == 0 && (least == nil || groups[one.group] > groups[least.group]) {
			least = one
		}
	}
	return least
}

// Close implements [net.Listener]. It does not wait for connections that have not been let in yet.
func (p *places) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.closing)
		p.later.Stop()
		p.fewer.Signal()
	}
	for len(p.waiting) > 0 {
		p.endWait(p.waiting[0])
	}
	for _, in := range []stage{arriving, greeting} {
		for _, one := range p.taken[in] {
			one.Conn.Close()
		}
	}
	return p.Listener.Close()
}

// Close implements [net.Conn].
func (p *place) Close() error {
	p.of.mu.Lock()
	p.of.leave(p)
	p.of.endWait(p)
	if !p.closed {
		p.closed = true
		p.of.open--
		p.of.fewer.Signal()
	}
	p.computed()
	p.of.mu.Unlock()
	return p.Conn.Close()
}

// Write implements [net.Conn]. The first write ends the computation for the connection.
func (p *place) Write(data []byte) (int, error) {
	p.of.mu.Lock()
	p.computed()
	p.of.mu.Unlock()
	return p.Conn.Write(data)
}

// computed records that the handshake is no longer computed. The caller has mu.
func (p *place) computed() {
	if p.computing {
		p.computing = false
		p.of.computing--
		p.of.giveTurns()
	}
}

// greets records that the connection speaks TLS, and returns when its handshake may be computed. It reports whether
// there is a place for it.
func (p *place) greets() bool {
	of := p.of
	of.mu.Lock()
	if p.lost || p.closed || of.closed {
		of.mu.Unlock()
		return false
	}
	p.turn = make(chan struct{})
	of.waiting = append(of.waiting, p)
	of.giveTurns()
	of.mu.Unlock()
	<-p.turn // gRPC closes the connection when a handshake takes too long; that also ends the wait
	of.mu.Lock()
	defer of.mu.Unlock()
	return p.computing
}

// giveTurns starts as many handshakes as may be computed at once. The caller has mu.
func (p *places) giveTurns() {
	for p.computing < maximumComputing && !p.closed {
		one := p.next()
		if one == nil {
			return
		}
		if wait := p.untilFree(greeting, one.group); wait > 0 {
			p.later.Reset(wait)
			return
		}
		if one.advance(greeting, "") {
			one.computing = true
			p.computing++
		}
		p.endWait(one)
	}
}

// endWait ends the wait of a connection, if it waits for its turn. The caller has mu.
func (p *places) endWait(one *place) {
	if at := slices.Index(p.waiting, one); at >= 0 {
		p.waiting = slices.Delete(p.waiting, at, at+1)
		close(one.turn)
	}
}

// isOf records that the connection belongs to a client that may ask. It reports whether there is a place for it.
func (p *place) isOf(name string) bool {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	return p.advance(known, name)
}

// advance moves the connection to a later stage, and to another group if one is given. The caller has mu.
func (p *place) advance(to stage, group string) bool {
	if p.stage >= to {
		return true
	}
	from := p.stage
	if !p.of.leave(p) {
		return false // it has lost its place in the meantime
	}
	old := p.group
	if group != "" {
		p.group = group
	}
	if p.of.enter(to, p) {
		return true
	}
	p.group = old
	p.stage = from
	p.of.taken[from] = append(p.of.taken[from], p)
	return false
}

// call records that a call of the client was let in. The returned function records its end.
func (p *place) call(name string) (end func()) {
	p.isOf(name) // otherwise it keeps its present place while the call is under way
	count := func(by int) {
		p.of.mu.Lock()
		defer p.of.mu.Unlock()
		p.underWay += by
	}
	count(1)
	return func() { count(-1) }
}

// groupOf returns the group of a stranger.
func groupOf(connection net.Conn) string { return origin(connection.RemoteAddr()).String() }

// origin returns the address of a peer. For IPv6 it is the network, because one computer may have every address in it.
func origin(address net.Addr) netip.Prefix {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	peer := tcp.AddrPort().Addr().Unmap().WithZone("")
	network, _ := peer.Prefix(min(peer.BitLen(), 64))
	return network
}
