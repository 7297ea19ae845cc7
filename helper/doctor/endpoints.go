package doctor

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"usher.internal/helper/endpoint"
	"usher.internal/internal/cloud"
)

// endpoints examines the servers of a registration: those of Microsoft and Apple, or those that an admin has set.
type endpoints struct {
	addresses []string
	prober    endpoint.Prober
}

// needed returns the servers without which nobody can register: those for registration and sign-in, and those that the
// tables do not know. Apple's servers and the configuration service answer even if Microsoft's are blocked.
func (e endpoints) needed() []string {
	needed := slices.DeleteFunc(slices.Clone(e.addresses), func(address string) bool {
		host, known := hostOf(address)
		return known && host.Purpose != cloud.Registration && host.Purpose != cloud.SignIn
	})
	if len(needed) == 0 {
		return e.addresses
	}
	return needed
}

// hostOf returns the tables' entry for an address, which has a port.
func hostOf(address string) (cloud.Host, bool) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return cloud.Host{}, false
	}
	host, known := cloud.Find(name)
	return host, known && port == "443"
}

// ways are the routes to a server. One is the route of usherd's own calls. If proxy.url sets that route, the other is
// that of the system's settings, which Company Portal uses.
func (e endpoints) ways() []endpoint.Prober {
	ways := []endpoint.Prober{e.prober}
	if system := e.prober.Proxies.WithoutConfigured(); system != e.prober.Proxies {
		other := e.prober
		other.Proxies = system
		ways = append(ways, other)
	}
	return ways
}

// reachable connects to the needed servers side by side, by every way; one answer is enough. It waits for its
// goroutines, which end when it has an answer. If usher cannot use Company Portal's way, a missing answer is not a
// failure.
func (e endpoints) reachable(ctx context.Context) (Outcome, error) {
	if len(e.addresses) == 0 {
		return notApplicable("preflight.endpoints is none."), nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type attempt struct {
		address string
		way     endpoint.Prober
		via     string
		err     error
	}
	var attempts []attempt
	for _, address := range e.needed() {
		for _, way := range e.ways() {
			attempts = append(attempts, attempt{address: address, way: way})
		}
	}
	answers := make(chan int)
	for i := range attempts {
		go func() {
			one := &attempts[i]
			connection, choice, err := one.way.Connect(ctx, one.address)
			if err == nil {
				connection.Close()
			}
			one.via, one.err = choice.String(), err
			answers <- i
		}()
	}
	reached := -1
	for range attempts {
		if i := <-answers; attempts[i].err == nil && reached < 0 {
			reached = i
			cancel() // the others may end
		}
	}
	if reached >= 0 && attempts[reached].via != "" {
		return ok("%s accepts connections through the proxy %s.", attempts[reached].address, attempts[reached].via), nil
	}
	if reached >= 0 {
		return ok("%s accepts connections.", attempts[reached].address), nil
	}
	var seen []string
	asksForUser := false
	for _, one := range attempts {
		seen = append(seen, fmt.Sprintf("%s: %v", one.address, one.err))
		asksForUser = asksForUser || endpoint.AsksForUser(one.err)
	}
	none := fmt.Sprintf("None of the endpoints can be reached (%s)", strings.Join(seen, "; "))
	if automatic := e.prober.Proxies.WithoutConfigured().Automatic(); automatic != "" {
		found := warning("%s. macOS uses %s, which usher does not evaluate; Company Portal may reach them.", none,
			automatic)
		found.Fix = fixProxy
		return found, nil
	}
	if asksForUser {
		found := warning("%s. The proxy requires a user; Company Portal may have one, but usher has none.", none)
		found.Fix = fixProxyUser
		return found, nil
	}
	return failed("%s.", none), nil
}

// certificates makes a TLS handshake with every server, all side by side, and returns one outcome for each.
func (e endpoints) certificates(ctx context.Context) ([]Outcome, error) {
	if len(e.addresses) == 0 {
		return []Outcome{notApplicable("preflight.endpoints is none.")}, nil
	}
	found := make([]Outcome, len(e.addresses))
	automatic := e.prober.Proxies.Automatic()
	var looks sync.WaitGroup
	for i, address := range e.addresses {
		looks.Go(func() { found[i] = describe(address, e.prober.Look(ctx, address), automatic) })
	}
	looks.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return found, nil
}
