package listener

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// Limits for one client, by its allowed name.
const (
	callsPerSecond = 5
	callsAtOnce    = 20
	callsUnderWay  = 16
	// refusalsPerSecond limits the logged refused calls, and separately the refused connections.
	refusalsPerSecond = 1
	refusalsAtOnce    = 20
	// checkWithin is how often a stream's client is checked again, even if nothing changes: certificates expire.
	checkWithin = time.Minute
)

// addName is the fix for a client that is not on the list.
const addName = "add its name to listener.allowed_names"

// gate decides on each call before its handler runs.
type gate struct {
	materials *materials
	settings  func() Settings
	clients   *clients
	log       *slog.Logger
	// changed returns a channel that is closed when materials or settings change.
	changed func() <-chan struct{}
	// draining ends when the listener stops.
	draining context.Context
}

// call is a call that was let in.
type call struct {
	chain []*x509.Certificate
	// leave must be called when the call has ended.
	leave func()
}

func (g *gate) admit(ctx context.Context, method string) (*call, error) {
	from, _ := peer.FromContext(ctx)
	shown, ok := from.AuthInfo.(shownCertificates)
	if !ok || len(shown.State.PeerCertificates) == 0 {
		return nil, refused(codes.Unauthenticated, "the connection has no certificate")
	}
	chain := shown.State.PeerCertificates
	name, _ := allowedName(chain[0], g.settings().AllowedNames)
	leave, err := g.clients.enter(name)
	if err == nil {
		if err = g.check(chain); err != nil {
			leave()
		}
	}
	if err != nil {
		if g.clients.refusals.Allow() {
			g.log.Warn("listener refused a call", "method", method, "peer", from.Addr.String(), "names",
				shownNames(chain[0]), "error", err)
		}
		return nil, err
	}
	leavePlace := shown.place.call(name)
	return &call{chain: chain, leave: func() { leavePlace(); leave() }}, nil
}

// check returns an error if the client with these certificates may not ask now.
func (g *gate) check(chain []*x509.Certificate) error {
	if err := g.materials.check(chain); err != nil {
		return refused(codes.Unauthenticated,
			"the certificate for "+shownNames(chain[0])+" is no longer accepted: "+err.Error(),
			contract.Fix, "reconnect with a certificate of an authority in listener.client_ca_file")
	}
	if _, ok := allowedName(chain[0], g.settings().AllowedNames); !ok {
		return refused(codes.PermissionDenied,
			"the client's certificate is for "+shownNames(chain[0])+", and no name on it may ask this Mac",
			contract.Fix, addName)
	}
	return nil
}

func (g *gate) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any,
	error) {
	call, err := g.admit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	defer call.leave()
	return handler(ctx, request)
}

// stream ends the handler's context when the client may not have the stream any more, or the listener stops. The client
// gets the reason.
func (g *gate) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo,
	handler grpc.StreamHandler) error {
	call, err := g.admit(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	defer call.leave()
	ctx, end := context.WithCancelCause(stream.Context())
	var watching sync.WaitGroup
	watching.Go(func() { end(g.watch(ctx, call.chain)) })
	err = handler(service, &gatedStream{ServerStream: stream, ctx: ctx,
		check: func() error { return g.check(call.chain) }})
	ended := context.Cause(ctx)
	end(nil)
	watching.Wait()
	return cmp.Or(ended, err)
}

// watch blocks until ctx ends or a stream has to end. It returns the reason.
func (g *gate) watch(ctx context.Context, chain []*x509.Certificate) error {
	for {
		changed := g.changed()
		if err := g.check(chain); err != nil {
			return err
		}
		again := time.NewTimer(min(max(time.Until(chain[0].NotAfter), time.Second), checkWithin))
		select {
		case <-changed:
		case <-again.C:
		case <-g.draining.Done():
			return stopping()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		again.Stop()
	}
}

// gatedStream checks before each message whether the client may still have the stream.
type gatedStream struct {
	grpc.ServerStream
	ctx   context.Context
	check func() error
}

func (s *gatedStream) Context() context.Context { return s.ctx }

func (s *gatedStream) SendMsg(message any) error {
	if err := s.check(); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(message)
}

// unknown answers every call outside the StatusService.
func unknown(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	return refused(codes.Unimplemented,
		method+" is not available over the network: the listener answers only GetStatus and WatchStatus",
		contract.Fix, "run usherctl on that Mac, or with --host ssh://")
}

func refused(code codes.Code, message string, metadata ...string) error {
	return contract.Error(code, usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED, message, metadata...)
}

func stopping() error {
	return contract.Error(codes.Unavailable, usherv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN,
		"the listener stops or restarts",
		contract.Fix, "call again in a moment")
}

// allowedName returns the name on the list that is a subject alternative name of a certificate. The common name is not
// considered.
func allowedName(certificate *x509.Certificate, allowed []string) (string, bool) {
	for _, name := range names(certificate) {
		for _, one := range allowed {
			if sameName(one, name) {
				return one, true
			}
		}
	}
	return "", false
}

// sameName compares names by their kind: upper and lower case differ only in a URI, as in the path of a SPIFFE ID.
// Sources: RFC 5280, 4.2.1.6; https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md
func sameName(allowed, name string) bool {
	if strings.Contains(name, "://") {
		return allowed == name
	}
	return strings.EqualFold(allowed, name)
}

func names(certificate *x509.Certificate) []string {
	all := slices.Concat(certificate.DNSNames, certificate.EmailAddresses)
	for _, one := range certificate.URIs {
		all = append(all, one.String())
	}
	for _, one := range certificate.IPAddresses {
		all = append(all, one.String())
	}
	return all
}

func shownNames(certificate *x509.Certificate) string {
	all := names(certificate)
	if len(all) == 0 {
		return "no subject alternative name"
	}
	return strings.Join(all[:min(len(all), 4)], ", ")
}

// clients limits each client's rate of calls and its calls under way. There is one entry for each allowed name, and one
// for everybody without such a name.
type clients struct {
	// refusals and strangers decide which refused calls and refused connections are logged.
	refusals, strangers *rate.Limiter

	mu     sync.Mutex
	byName map[string]*client
}

type client struct {
	rate     *rate.Limiter
	underWay int
}

func newClients() *clients {
	return &clients{
		byName:    make(map[string]*client),
		refusals:  rate.NewLimiter(refusalsPerSecond, refusalsAtOnce),
		strangers: rate.NewLimiter(refusalsPerSecond, refusalsAtOnce),
	}
}

// enter starts a call of the client with that allowed name, or of a client without one if the name is "". The returned
// function ends the call.
func (c *clients) enter(name string) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.byName[name]
	if one == nil {
		one = &client{rate: rate.NewLimiter(callsPerSecond, callsAtOnce)}
		c.byName[name] = one
	}
	who, fix := name, "ask less often, or use WatchStatus, which sends each change"
	if name == "" {
		who, fix = "everybody without an allowed name", addName
	}
	limited := func(what string) error {
		return contract.Error(codes.ResourceExhausted, usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED, who+" "+what,
			contract.Fix, fix)
	}
	if one.underWay >= callsUnderWay {
		return nil, limited(fmt.Sprintf("has %d calls under way, and no more are allowed at once", callsUnderWay))
	}
	if !one.rate.Allow() {
		return nil, limited(fmt.Sprintf("calls more often than %d times a second", callsPerSecond))
	}
	one.underWay++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		one.underWay--
	}, nil
}
