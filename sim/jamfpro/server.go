package jamfpro

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// MaximumBody is the maximum size of a request in bytes; larger ones are answered with 413.
	MaximumBody = 1 << 20
	// keptRequests is the number of latest requests that are kept for inspection.
	keptRequests = 10_000
)

// ErrClosed: the server was closed meanwhile.
var ErrClosed = errors.New("simulated Jamf Pro was closed")

// Options describe a Jamf Pro. The zero value is one with a default client and no computers.
type Options struct {
	// Clients are the API clients; none means one, with [DefaultClientID] and [DefaultClientSecret] and all privileges.
	Clients []Client
	// Computers and Definitions are the server's content at the start. An existing state file has precedence.
	Computers   []Computer
	Definitions []Definition
	// TokenLifetime is for clients without their own; zero means 20 minutes.
	TokenLifetime time.Duration
	// OlderTokenPath serves only /api/oauth/token, like servers before the versioned path.
	OlderTokenPath bool
	// ClusterLag is how long the other calls do not know a definition that was created through the API, as in a Jamf
	// Cloud cluster (up to a minute there) [DEV].
	ClusterLag time.Duration
	// Version is the answer of jamf-pro-version, and decides which versions of the inventory exist; empty means
	// [DefaultVersion].
	Version string
	// Generations replace the versions of the inventory that belong to Version, for example v4.
	Generations []string
	// RetiredInHTML has the web server answer for missing versions of the inventory.
	RetiredInHTML bool
	// Gateway puts the server behind the gateway of Jamf's Platform API; may be nil.
	Gateway *Gateway
	// StateFile keeps computers, definitions and compliance over restarts; empty keeps them in memory.
	StateFile string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger gets a line for each request; may be nil.
	Logger *slog.Logger
}

// Server is a Jamf Pro. It is safe for concurrent use.
type Server struct {
	options Options
	api     *http.ServeMux
	control *http.ServeMux
	log     *slog.Logger
	closed  chan struct{}
	close   func()

	mu          sync.Mutex // guards all fields below
	clients     map[string]*Client
	tokens      map[string]grant
	computers   []*record
	definitions []*Definition
	compliance  map[string][]Compliance // by computer id
	// for computers and definitions alike, so mixing them up does not succeed by chance
	lastID   int
	faults   []*Fault
	requests []*Request
	inFlight int
	peak     int
	changed  chan struct{} // closed and replaced at every change, and at the start and end of a request
}

// New makes a server. Its error is about the state file or about impossible options.
func New(options Options) (*Server, error) {
	if len(options.Clients) == 0 {
		options.Clients = []Client{{ID: DefaultClientID, Secret: DefaultClientSecret}}
	}
	if options.TokenLifetime <= 0 && options.Gateway != nil {
		options.TokenLifetime = gatewayTokenLifetime
	}
	if options.TokenLifetime <= 0 {
		options.TokenLifetime = 20 * time.Minute
	}
	if options.Version == "" {
		options.Version = DefaultVersion
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	s := &Server{
		options:    options,
		log:        options.Logger,
		closed:     make(chan struct{}),
		clients:    map[string]*Client{},
		tokens:     map[string]grant{},
		compliance: map[string][]Compliance{},
		changed:    make(chan struct{}),
	}
	s.close = sync.OnceFunc(func() { close(s.closed) })
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, client := range options.Clients {
		s.clients[client.ID] = &client
	}
	s.api, s.control = s.apiRoutes(), s.controlRoutes()
	if restored, err := s.restore(); err != nil {
		return nil, err
	} else if restored {
		return s, nil
	}
	for _, definition := range options.Definitions {
		if _, err := s.AddDefinition(definition); err != nil {
			return nil, err
		}
	}
	for _, computer := range options.Computers {
		s.AddComputer(computer)
	}
	return s, nil
}

// Close ends requests that a fault delays, and every Await. It neither waits for them nor closes connections; the
// [http.Server] around it does that.
func (s *Server) Close() { s.close() }

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/sim/") && r.URL.Path != inventoryPath {
		r.Body = http.MaxBytesReader(w, r.Body, MaximumBody)
		s.control.ServeHTTP(w, r)
		return
	}
	seen := s.begin(r)
	defer s.finish(seen)
	answer := &statusRecorder{ResponseWriter: w, begun: func(status int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		seen.Status = status
	}}
	body, err := io.ReadAll(http.MaxBytesReader(answer, r.Body, MaximumBody))
	switch _, tooLarge := errors.AsType[*http.MaxBytesError](err); {
	case tooLarge:
		refuse(http.StatusRequestEntityTooLarge, "REQUEST_TOO_LARGE", "", "The request is too large").write(answer)
		return
	case err != nil:
		refuse(http.StatusBadRequest, "INVALID_REQUEST", "", "The request could not be read").write(answer)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if fault := s.takeFault(r, seen); fault != nil {
		s.enact(*fault, answer, r)
		return
	}
	s.answer(answer, r)
}

// answer answers a request as the server does without a fault.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	if s.throughGateway(w, r) && !s.refuseRetired(w, r) {
		s.api.ServeHTTP(w, r)
	}
}

// begin records the arrival of a request.
func (s *Server) begin(r *http.Request) *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight++
	s.peak = max(s.peak, s.inFlight)
	seen := &Request{At: s.options.Now(), Method: r.Method, Path: r.URL.Path}
	if len(s.requests) >= keptRequests {
		s.requests = s.requests[1:]
	}
	s.requests = append(s.requests, seen)
	return seen
}

// finish records the end of the answer.
func (s *Server) finish(seen *Request) {
	s.mu.Lock()
	s.inFlight--
	seen.Ended = true
	one := *seen
	s.broadcast()
	s.mu.Unlock()
	s.log.Info("answered a request", "method", one.Method, "path", one.Path, "status", one.Status, "fault", one.Fault)
}

// broadcast wakes everyone in Await. The caller holds mu.
func (s *Server) broadcast() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Await blocks until condition is true. It calls condition now, at every change, and at the start and end of a request.
// It may call any method of the server. The error is that of ctx, or [ErrClosed].
func (s *Server) Await(ctx context.Context, condition func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.closed:
			return ErrClosed
		}
	}
}

// statusRecorder records the status of an answer before the client can know it.
type statusRecorder struct {
	http.ResponseWriter
	begun  func(status int)
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (r *statusRecorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
		r.begun(status)
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *statusRecorder) Write(written []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	return r.ResponseWriter.Write(written)
}

// Unwrap is for [http.ResponseController].
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
