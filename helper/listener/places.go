package listener

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// places are those for connections. A connection goes through three stages, each of which has a number of places of its
// own: so strangers never take the place of a client, and those who say nothing not that of one who is about to show a
// certificate.
//
// Who enters a stage in which all places are taken gets that of the oldest connection of the group that has most there:
// the address of a stranger, the name of a client. A connection on which a call is under way keeps its place. So
// neither many connections from one address nor one client's keep others out.
//
// A few handshakes are computed at once, by turns of the groups. Among many connections of one group nobody loses a
// place that they have only just got: the next ones of that group wait. So a client behind the address of strangers has
// the time that it takes to speak, and to show its certificate.
type places struct {
	net.Listener

	mu sync.Mutex
	// fewer is signalled when open has become less.
	fewer sync.Cond
	taken [stages][]*place // the oldest first
	// open are the connections that gRPC has not closed yet, those that have lost their place among them. Of these,
	// computing are those whose handshake is computed, and waiting those that wait for it, the first who came first.
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
	// arriving: it has not said yet that it speaks TLS.
	arriving stage = iota
	// greeting: it has, and may show a certificate, or has shown one that may not ask.
	greeting
	// known: it has shown a certificate of a client that may ask, or has asked.
	known
	stages
)

// placesIn is how many connections there are in each stage at once.
var placesIn = [stages]int{arriving: 512, greeting: 256, known: maximumConnections}

// surely is how long a connection has a place in a stage, whatever else of its group comes: to speak, and to show its
// certificate from far away.
var surely = [stages]time.Duration{arriving: 50 * time.Millisecond, greeting: 200 * time.Millisecond}

const (
	// maximumOpen bounds connections with those that have lost their place and whose handshake has not noticed yet.
	maximumOpen      = 1024
	maximumComputing = 4
)

// place is one connection.
type place struct {
	net.Conn
	of *places
	// The fields below are guarded by mu of places. It is in its stage since then.
	since  time.Time
	stage  stage
	group  string
	closed bool
	// lost is set when another connection has got its place, computing while its handshake is computed.
	lost, computing bool
	// turn is closed when that may begin, or will not.
	turn chan struct{}
	// underWay is how many calls are.
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

// awaitPlace blocks while the connection whose place one of that group gets is of the same group, and has had no time
// to say anything.
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

// untilFree is how long it is until one of that group can have a place in a stage. The caller has mu.
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

// count is how many of a group are in a stage. The caller has mu.
func (p *places) count(in stage, group string) (count int) {
	for _, one := range p.taken[in] {
		if one.group == group {
			count++
		}
	}
	return count
}

// next is the one of those who wait whose turn it is: one of the group that has fewest in the next stage. The caller
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

// awaitRoom blocks while the end of too many connections has not been noticed yet, which takes moments.
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
		least.Conn.Close() // gRPC notices, and takes what it has of it away
	}
	one.stage, one.since = to, time.Now()
	p.taken[to] = append(p.taken[to], one)
	return true
}

// leave takes a connection out of its stage; one that has lost its place already is in none. The caller has mu.
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

// leastNeeded returns the connection whose place in a stage another one gets, nil for none.
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

// Close implements [net.Listener]. Who has not been let in by now is not waited for.
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

// Write implements [net.Conn]. What is written first ends what was computed for it.
func (p *place) Write(data []byte) (int, error) {
	p.of.mu.Lock()
	p.computed()
	p.of.mu.Unlock()
	return p.Conn.Write(data)
}

// computed notes that the handshake is not computed any more. The caller has mu.
func (p *place) computed() {
	if p.computing {
		p.computing = false
		p.of.computing--
		p.of.giveTurns()
	}
}

// greets notes that the connection speaks TLS, and returns when its handshake may be computed. It reports whether there
// is a place for it.
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
	<-p.turn // gRPC closes the connection when a handshake takes too long, which is a turn too
	of.mu.Lock()
	defer of.mu.Unlock()
	return p.computing
}

// giveTurns has handshakes be computed, as many as may be at once. The caller has mu.
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

// isOf notes that the connection is that of a client that may ask. It reports whether there is a place for it.
func (p *place) isOf(name string) bool {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	return p.advance(known, name)
}

// advance moves the connection to a later stage, and to another group where one is given. The caller has mu.
func (p *place) advance(to stage, group string) bool {
	if p.stage >= to {
		return true
	}
	from := p.stage
	if !p.of.leave(p) {
		return false // it has lost its place meanwhile
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

// call notes that a call of a client was let in; the function it returns notes its end.
func (p *place) call(name string) (end func()) {
	p.isOf(name) // or else it keeps the place that it has while the call is under way
	count := func(by int) {
		p.of.mu.Lock()
		defer p.of.mu.Unlock()
		p.underWay += by
	}
	count(1)
	return func() { count(-1) }
}

// groupOf is the group of a stranger.
func groupOf(connection net.Conn) string { return origin(connection.RemoteAddr()).String() }

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
