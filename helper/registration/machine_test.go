package registration_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/helper/delivery"
	"usher.internal/helper/observation"
	"usher.internal/helper/registration"
	"usher.internal/helper/store"
	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/entra"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var jane = accounts.User{Name: "jane", UID: 1501}

// world is a machine with a journal, and with an agent and an outbox that deliver when the test says so.
type world struct {
	t        *testing.T
	path     string
	store    *store.Store
	machine  *registration.Machine
	agent    *fakeAgent
	outbox   *fakeOutbox
	config   registration.Config
	stop     func()
	observer *observation.Observer
	// beforeClose is called before stop closes the journal.
	beforeClose func()
}

func settings(fixed registration.Settings) func() registration.Settings {
	return func() registration.Settings { return fixed }
}

func newWorld(t *testing.T, change func(*registration.Config)) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "journal"), agent: newFakeAgent(t), outbox: &fakeOutbox{}}
	w.config = registration.Config{
		Sessions: w.agent, Preflight: fakePreflight{}, Outbox: w.outbox,
		Logger: slog.New(slog.DiscardHandler),
		Settings: settings(registration.Settings{SessionTimeout: time.Hour, SignInTimeout: 30 * time.Minute,
			IdentityTimeout: time.Minute}),
	}
	if change != nil {
		change(&w.config)
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start opens the journal and runs a machine on it, as a new usherd would.
func (w *world) start() {
	w.t.Helper()
	w.beforeClose = func() {}
	var err error
	if w.store, err = store.OpenOrReplace(w.path, func([]store.Damage) {}); err != nil {
		w.t.Fatal(err)
	}
	w.config.Store = w.store
	w.observer = observation.New(observation.Config{Store: w.store})
	w.config.Identities = w.observer
	w.machine = registration.New(w.config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.machine.Run(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
		w.beforeClose()
		w.store.Close()
	}
	synctest.Wait()
}

// lose cuts the journal short while the machine runs.
func (w *world) lose() {
	w.t.Helper()
	if err := os.Truncate(w.path, 0); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.View(func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrDamaged) {
		w.t.Fatalf("the loss is not noticed: %v", err)
	}
	if _, err := w.store.Damages(); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

func (w *world) register(kind registration.Kind) registration.Registration {
	w.t.Helper()
	r, _, err := w.machine.Start(w.t.Context(), registration.StartRequest{Kind: kind, User: jane})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// until watches a registration until it is in one of the states.
func (w *world) until(id string, states ...registration.State) registration.Registration {
	w.t.Helper()
	var last registration.Registration
	there := errors.New("there")
	err := w.machine.Watch(w.t.Context(), id, func(r registration.Registration) error {
		last = r
		if slices.Contains(states, r.State) {
			return there
		}
		return nil
	})
	if !errors.Is(err, there) {
		w.t.Fatalf("registration is %s (%s), want %v: %v", last.State, last.FailureDetail, states, err)
	}
	return last
}

// deliver reports the result of a delivery to the machine.
func (w *world) deliver(id string, state delivery.State) {
	w.t.Helper()
	r, err := w.machine.Get(id)
	if err != nil {
		w.t.Fatal(err)
	}
	d := delivery.Delivery{ID: r.Delivery.ID, State: state, LastError: "no",
		Report: delivery.Report{RegistrationID: id}}
	if err := w.store.Update(func(tx *store.Tx) error { return w.machine.DeliveryChanged(tx, d) }); err != nil {
		w.t.Fatal(err)
	}
}

func path(r registration.Registration) string {
	var states []registration.State
	for _, transition := range r.Transitions {
		states = append(states, transition.State)
	}
	return fmt.Sprint(states)
}

type fakePreflight struct{ err error }

func (p fakePreflight) Check(context.Context) error { return p.err }

type fakeOutbox struct {
	mu      sync.Mutex
	reports []delivery.Report
	refuse  func(delivery.Report) error // the error of Enqueue; nil: none
}

func (o *fakeOutbox) Enqueue(tx *store.Tx, report delivery.Report) (delivery.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refuse != nil {
		if err := o.refuse(report); err != nil {
			return delivery.Delivery{}, err
		}
	}
	tx.OnCommit(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.reports = append(o.reports, report)
	})
	return delivery.Delivery{ID: uint64(len(o.reports) + 1), Report: report, State: delivery.StatePending}, nil
}

// Undelivered returns all deliveries that there may be.
func (o *fakeOutbox) Undelivered(*store.Tx, uint32) (all []delivery.Delivery, err error) {
	for id := range uint64(1000) {
		all = append(all, delivery.Delivery{ID: id})
	}
	return all, nil
}

// outcomes returns those of all reports so far, once all goroutines are idle. A transaction's follow-up work runs after
// others can see its writes.
func (o *fakeOutbox) outcomes() (outcomes []string) {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, report := range o.reports {
		outcomes = append(outcomes, report.Outcome)
	}
	return outcomes
}

// fakeAgent is the session of jane and her agent. It keeps the runs of the portal, as the real agent does.
type fakeAgent struct {
	usherv1.UserAgentServiceClient

	mu        sync.Mutex
	loggedIn  chan struct{} // closed while she is logged in
	broken    error         // the error of every call
	refusal   error         // the error of RunPortal
	identity  func() []*usherv1.Evidence
	exit      *usherv1.PortalExit // the end of a portal; nil: it waits for the user
	ended     chan struct{}       // closed when a waiting portal ends
	launches  map[string]int
	stops     int
	stopped   *usherv1.PortalExit // the exit of a portal that is stopped
	registers bool                // the portal leaves an identity
	gathers   int                 // how often Jamf's own program ran
}

func newFakeAgent(t *testing.T) *fakeAgent {
	t.Helper()
	a := &fakeAgent{
		loggedIn: make(chan struct{}), ended: make(chan struct{}), launches: make(map[string]int),
		exit: &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: 0}}, registers: true,
	}
	close(a.loggedIn)
	a.identity = func() []*usherv1.Evidence { return evidence(wpj.Evidence{Finding: wpj.NotThere}) }
	return a
}

// deviceKey is made once, since that takes a while.
var deviceKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// registered is the evidence of a complete identity, issued now.
func registered() []*usherv1.Evidence { return issued(time.Now()) }

// authority issues every certificate. It is made once, since its key takes a while too.
var authority = sync.OnceValue(func() *entra.CA {
	ca, err := entra.NewCA()
	if err != nil {
		panic(err)
	}
	return ca
})

// issued is the evidence of a complete identity, issued at that time.
func issued(at time.Time) []*usherv1.Evidence {
	issued, err := authority().Issue(
		entra.Device{Key: deviceKey(), NotBefore: at.Add(-30 * time.Minute)}.NegativeSerial())
	if err != nil {
		panic(err)
	}
	return evidence(wpj.Evidence{
		Finding: wpj.Found, Certificates: []wpj.HeldCertificate{{DER: issued.DER, HasPrivateKey: true}},
		UserPrincipalName: "jane@example.com", TenantID: wpj.TenantID(issued.Device.TenantID),
		Thumbprint: wpj.Thumbprint(issued.Thumbprint), CloudHost: "login.microsoftonline.com",
	})
}

func evidence(all ...wpj.Evidence) (messages []*usherv1.Evidence) {
	for _, one := range all {
		one.Source = cmp.Or(one.Source, wpj.SourceLoginKeychain)
		messages = append(messages, contract.EvidenceToProto(one))
	}
	return messages
}

func (a *fakeAgent) Await(ctx context.Context, uid uint32) (usherv1.UserAgentServiceClient, error) {
	a.mu.Lock()
	loggedIn := a.loggedIn
	a.mu.Unlock()
	select {
	case <-loggedIn:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *fakeAgent) ReadIdentity(context.Context, *usherv1.ReadIdentityRequest,
	...grpc.CallOption) (*usherv1.ReadIdentityResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &usherv1.ReadIdentityResponse{Evidence: a.identity()}, a.broken
}

func (a *fakeAgent) StopPortal(context.Context, *usherv1.StopPortalRequest,
	...grpc.CallOption) (*usherv1.StopPortalResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stops++
	return &usherv1.StopPortalResponse{Exit: a.stopped}, nil
}

func (a *fakeAgent) GatherWithJamf(context.Context, *usherv1.GatherWithJamfRequest,
	...grpc.CallOption) (*usherv1.GatherWithJamfResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gathers++
	a.identity = func() []*usherv1.Evidence { return jamfSays(true) }
	return &usherv1.GatherWithJamfResponse{HaveAnAzureId: true}, nil
}

// jamfSays is the evidence of a complete identity, and whether Jamf has acquired it.
func jamfSays(acquired bool) []*usherv1.Evidence {
	return append(registered(), contract.EvidenceToProto(wpj.Evidence{
		Source: wpj.SourceJamfAgent, Finding: wpj.Found, JamfAgent: &wpj.JamfAgent{HaveAzureID: &acquired},
	}))
}

func (a *fakeAgent) RunPortal(ctx context.Context, request *usherv1.RunPortalRequest,
	_ ...grpc.CallOption) (grpc.ServerStreamingClient[usherv1.RunPortalResponse], error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken != nil || a.refusal != nil {
		return nil, cmp.Or(a.broken, a.refusal)
	}
	if a.launches[request.RegistrationId] == 0 {
		if request.AttachOnly {
			return nil, contract.Error(codes.NotFound, usherv1.ErrorReason_ERROR_REASON_PORTAL_RUN_NOT_FOUND, "none")
		}
		a.launches[request.RegistrationId]++
	}
	if a.registers {
		a.identity = registered
	}
	return &portalStream{ctx: ctx, agent: a}, nil
}

// portalStream reports a start, two milestones and an end.
type portalStream struct {
	grpc.ClientStream
	ctx   context.Context
	agent *fakeAgent
	told  int
}

func (s *portalStream) Recv() (*usherv1.RunPortalResponse, error) {
	s.told++
	switch s.told {
	case 1:
		return &usherv1.RunPortalResponse{
			Event: &usherv1.RunPortalResponse_Started{Started: &usherv1.PortalStarted{Pid: 7}}}, nil
	case 2, 3:
		return &usherv1.RunPortalResponse{Event: &usherv1.RunPortalResponse_Milestone{Milestone: &usherv1.Milestone{
			Kind: usherv1.MilestoneKind(s.told), Time: timestamppb.New(time.Unix(int64(s.told), 0)),
		}}}, nil
	}
	s.agent.mu.Lock()
	exit, ended := s.agent.exit, s.agent.ended
	s.agent.mu.Unlock()
	if exit == nil {
		select {
		case <-ended:
			return nil, status.Error(codes.Unavailable, "agent gone")
		case <-s.ctx.Done():
			return nil, status.FromContextError(s.ctx.Err()).Err()
		}
	}
	if s.told > 4 {
		return nil, io.EOF
	}
	return &usherv1.RunPortalResponse{Event: &usherv1.RunPortalResponse_Exit{Exit: exit}}, nil
}
