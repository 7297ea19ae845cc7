package observation_test

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/sessions"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/entra"
)

// janeUser is the user of the looks.
var janeUser = accounts.User{Name: "jane", UID: jane}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const jane = 501

// agent is a user's agent with the answers of the test.
type agent struct {
	usherv1.UserAgentServiceClient
	mu       sync.Mutex
	evidence []wpj.Evidence
	err      error
	hang     bool
	// held blocks a call until it is closed, whatever happens to the caller; nil blocks none.
	held  chan struct{}
	looks int
	// left records for each look whether it was to skip the login keychain; an old agent reads it all the same.
	left  []bool
	isOld bool
	prove func(nonce []byte) ([]byte, error)
	// proveOf signs with the key of one certificate; it is used if prove is nil.
	proveOf func(thumbprint string, nonce []byte) ([]byte, error)
}

func (a *agent) answers(evidence ...wpj.Evidence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.evidence = evidence
}

func (a *agent) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.looks
}

func (a *agent) ReadIdentity(ctx context.Context, request *usherv1.ReadIdentityRequest,
	_ ...grpc.CallOption) (*usherv1.ReadIdentityResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looks++
	a.left = append(a.left, request.GetLeaveLoginKeychain())
	response := &usherv1.ReadIdentityResponse{} // of when it was asked
	for _, one := range a.evidence {
		if request.GetLeaveLoginKeychain() && one.Source == wpj.SourceLoginKeychain && !a.isOld {
			continue
		}
		response.Evidence = append(response.Evidence, contract.EvidenceToProto(one))
	}
	if held := a.held; held != nil {
		a.mu.Unlock()
		<-held
		a.mu.Lock()
		return response, ctx.Err()
	}
	if a.hang {
		a.mu.Unlock()
		<-ctx.Done()
		a.mu.Lock()
		return nil, ctx.Err()
	}
	return response, a.err
}

func (a *agent) ProvePossession(_ context.Context, request *usherv1.ProvePossessionRequest,
	_ ...grpc.CallOption) (*usherv1.ProvePossessionResponse, error) {
	if a.prove == nil {
		signature, err := a.proveOf(request.GetThumbprint(), request.GetNonce())
		return &usherv1.ProvePossessionResponse{Signature: signature}, err
	}
	signature, err := a.prove(request.GetNonce())
	return &usherv1.ProvePossessionResponse{Signature: signature}, err
}

// logins knows who is logged in.
type logins struct {
	mu      sync.Mutex
	now     []sessions.Session
	changed chan struct{}
}

func (l *logins) Watch() ([]sessions.Session, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.now), l.changed
}

// login connects a user; if they were there already, their old session has ended.
func (l *logins) login(uid uint32, a *agent) sessions.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = slices.DeleteFunc(l.now, func(s sessions.Session) bool { return s.User.UID == uid })
	session := sessions.Session{User: accounts.User{UID: uid, Name: "jane"}, ConnectedAt: time.Now(), Agent: a}
	l.now = append(l.now, session)
	close(l.changed)
	l.changed = make(chan struct{})
	return session
}

// outbox keeps the reports that it gets.
type outbox struct {
	mu          sync.Mutex
	reports     []delivery.Report
	undelivered []delivery.Delivery
	err         error // the error of Enqueue
}

func (o *outbox) Enqueue(_ *store.Tx, report delivery.Report) (delivery.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return delivery.Delivery{}, o.err
	}
	o.reports = append(o.reports, report)
	return delivery.Delivery{Report: report}, nil
}

func (o *outbox) Undelivered(*store.Tx, uint32) ([]delivery.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.undelivered, nil
}

func (o *outbox) states() (states []wpj.State) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, report := range o.reports {
		states = append(states, report.Identity.State)
	}
	return states
}

// world is an observer with a journal of its own.
type world struct {
	t        *testing.T
	store    *store.Store
	observer *observation.Observer
	agent    *agent
	logins   *logins
	outbox   *outbox
	active   bool
}

func newWorld(t *testing.T, change func(*observation.Config)) *world {
	t.Helper()
	opened, err := store.Open(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	w := &world{t: t, store: opened, agent: &agent{}, logins: &logins{changed: make(chan struct{})}, outbox: &outbox{}}
	w.agent.answers(nothing())
	config := observation.Config{
		Store: opened, Sessions: w.logins, Outbox: w.outbox,
		Active: func(*store.Tx, uint32) (bool, error) { return w.active, nil },
		Settings: func() observation.Settings {
			return observation.Settings{Automatic: true, Interval: 6 * time.Hour, Heartbeat: 7 * 24 * time.Hour}
		},
	}
	if change != nil {
		change(&config)
	}
	w.observer = observation.New(config)
	return w
}

// run has the observer look by itself until the function that it returns is called.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.observer.Run(ctx) }()
	return func() {
		w.t.Helper()
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
}

func nothing() wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.NotThere, ObservedAt: time.Now()}
}

func locked() wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleLocked,
		ObservedAt: time.Now()}
}

// registered is evidence of a registration, and its key.
func registered(t *testing.T, device entra.Device) (wpj.Evidence, *entra.Issued) {
	t.Helper()
	ca, err := entra.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(device)
	if err != nil {
		t.Fatal(err)
	}
	return wpj.Evidence{
		Source: wpj.SourceLoginKeychain, Finding: wpj.Found, ObservedAt: time.Now(),
		UserPrincipalName: "jane@example.com",
		Certificates:      []wpj.HeldCertificate{{DER: issued.DER, HasPrivateKey: true}},
	}, issued
}
