package ctl

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/accounts"
	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

var updateScripts = flag.Bool("update", false, "write what usherctl prints into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"usherctl": func() { os.Exit(Main(os.Args[1:])) }})
}

// The scripts document usherctl's output and exit codes. `helper SCENARIO` starts a helper that answers by one of the
// scenarios, over a real socket.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *updateScripts,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", os.Getenv("GORACE")) // scripts/test sets it
			env.Setenv("WHO", whoami())
			env.Setenv("PERSON", person())
			configuration := filepath.Join(env.WorkDir, "usher.yaml")
			env.Setenv("USHER_CONFIG", configuration)
			return os.WriteFile(configuration,
				fmt.Appendf(nil, "socket_directory: %s\nstate_directory: %s\ndevelopment.helper_uid: %d\n",
					env.WorkDir, env.WorkDir, os.Getuid()), 0o600)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"helper": startHelper,
			"exits": exits, "expand": expand, "unpack": unpack},
		Condition: conditions,
	})
}

// whoami is the name of the account that runs the scripts.
func whoami() string {
	if account, err := user.Current(); err == nil {
		return account.Username
	}
	return ""
}

// person is the first account of this computer that is a person's, or "" if there is none.
func person() string {
	if names := accounts.Names(); len(names) > 0 {
		return names[0]
	}
	return ""
}

// conditions are what lines of a script can depend on: [root], [person] if this computer has a person's account, and
// [services] if it runs launchd or systemd.
func conditions(name string) (bool, error) {
	switch name {
	case "root":
		return os.Getuid() == 0, nil
	case "person":
		return person() != "", nil
	case "services":
		_, err := os.Stat("/run/systemd/system") // sd_booted(3)
		return err == nil || runtime.GOOS == "darwin", nil
	}
	return false, fmt.Errorf("there is no condition %q", name)
}

// exits runs `exits CODE command…`: the command must end with exactly that code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = fmt.Sprint(err)
		fmt.Sscanf(code, "exit status %s", &code)
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// expand runs `expand FILE`: variables in the file are replaced by their values.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(path, []byte(os.Expand(ts.ReadFile(path), ts.Getenv)), 0o600))
}

func startHelper(ts *testscript.TestScript, _ bool, args []string) {
	scenario, known := scenarios[args[0]]
	if !known {
		ts.Fatalf("there is no scenario %q", args[0])
	}
	listener, err := net.Listen("unix", filepath.Join(ts.Getenv("WORK"), "helper.sock"))
	if err != nil {
		ts.Fatalf("helper: %v", err)
	}
	server := grpc.NewServer(grpc.Creds(link.ServerCredentials()))
	usherv1.RegisterRegistrationServiceServer(server, scenario)
	usherv1.RegisterStatusServiceServer(server, scenario)
	usherv1.RegisterDeliveryServiceServer(server, scenario)
	usherv1.RegisterUserServiceServer(server, scenario)
	usherv1.RegisterJamfProServiceServer(server, jamfProOf(args[0]))
	usherv1.RegisterCleanServiceServer(server, cleanScenarios[args[0]])
	usherv1.RegisterDoctorServiceServer(server, doctorOf(args[0]))
	usherv1.RegisterSupportServiceServer(server, supportOf(args[0]))
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(listener) }()
	ts.Defer(func() { server.Stop(); <-done })
}

// fakeHelper returns the given answers.
type fakeHelper struct {
	usherv1.UnimplementedRegistrationServiceServer
	usherv1.UnimplementedStatusServiceServer
	usherv1.UnimplementedDeliveryServiceServer
	usherv1.UnimplementedUserServiceServer
	err      error
	attached bool
	// updates are the updates of a watch; with hang it then never ends.
	updates []*usherv1.Registration
	hang    bool
	status  *usherv1.GetStatusResponse
	outbox  *usherv1.ListDeliveriesResponse
}

func (f *fakeHelper) ForgetUser(_ context.Context, request *usherv1.ForgetUserRequest) (*usherv1.ForgetUserResponse,
	error) {
	if f.err != nil {
		return nil, f.err
	}
	return &usherv1.ForgetUserResponse{User: &usherv1.User{Name: request.GetUser(), Uid: 502}, Registrations: 3,
		Deliveries: 1}, nil
}

func (f *fakeHelper) first() *usherv1.Registration { return f.updates[0] }

func (f *fakeHelper) StartRegistration(context.Context,
	*usherv1.StartRegistrationRequest) (*usherv1.StartRegistrationResponse, error) {
	if f.err != nil {
		return nil, f.err
	}
	return &usherv1.StartRegistrationResponse{Registration: f.first(), Attached: f.attached}, nil
}

func (f *fakeHelper) GetRegistration(context.Context,
	*usherv1.GetRegistrationRequest) (*usherv1.GetRegistrationResponse, error) {
	if f.err != nil {
		return nil, f.err
	}
	return &usherv1.GetRegistrationResponse{Registration: f.updates[len(f.updates)-1]}, nil
}

func (f *fakeHelper) ListRegistrations(context.Context,
	*usherv1.ListRegistrationsRequest) (*usherv1.ListRegistrationsResponse, error) {
	return &usherv1.ListRegistrationsResponse{Registrations: f.updates}, f.err
}

func (f *fakeHelper) WatchRegistration(_ *usherv1.WatchRegistrationRequest,
	stream usherv1.RegistrationService_WatchRegistrationServer) error {
	for _, one := range f.updates {
		if err := stream.Send(&usherv1.WatchRegistrationResponse{Registration: one}); err != nil {
			return err
		}
	}
	if f.hang {
		return hanging(stream.Context())
	}
	return nil
}

// hanging waits until the caller gives up. The caller's deadline may pass here first, so it must not end in an answer.
func hanging(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (f *fakeHelper) CancelRegistration(context.Context,
	*usherv1.CancelRegistrationRequest) (*usherv1.CancelRegistrationResponse, error) {
	if f.err != nil {
		return nil, f.err
	}
	return &usherv1.CancelRegistrationResponse{Registration: f.updates[len(f.updates)-1]}, nil
}

func (f *fakeHelper) GetStatus(ctx context.Context, _ *usherv1.GetStatusRequest) (*usherv1.GetStatusResponse, error) {
	if f.hang {
		return nil, hanging(ctx)
	}
	return f.status, f.err
}

// WatchStatus shows a user who is being registered, and then the end.
func (f *fakeHelper) WatchStatus(_ *usherv1.WatchStatusRequest, stream usherv1.StatusService_WatchStatusServer) error {
	before := proto.CloneOf(f.status)
	before.Users[0].Identity = &usherv1.Identity{State: usherv1.IdentityState_IDENTITY_STATE_NOT_REGISTERED}
	for _, status := range []*usherv1.GetStatusResponse{before, f.status} {
		if err := stream.Send(&usherv1.WatchStatusResponse{Status: status}); err != nil {
			return err
		}
	}
	return hanging(stream.Context())
}

func (f *fakeHelper) ListDeliveries(context.Context, *usherv1.ListDeliveriesRequest) (*usherv1.ListDeliveriesResponse,
	error) {
	return f.outbox, f.err
}

func (f *fakeHelper) FlushDeliveries(context.Context,
	*usherv1.FlushDeliveriesRequest) (*usherv1.FlushDeliveriesResponse, error) {
	return &usherv1.FlushDeliveriesResponse{Due: 1}, f.err
}

// at is a moment of the scenarios' registration.
func at(second int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 11, 23, 10, 0, second, 0, time.UTC))
}

// story is a registration that has passed through those states, one a second.
func story(change func(*usherv1.Registration), states ...usherv1.RegistrationState) *usherv1.Registration {
	r := &usherv1.Registration{
		Id: "01a20957-f96c-7159-b02d-f11245ccdb20", Kind: usherv1.RegistrationKind_REGISTRATION_KIND_REGISTER,
		User: &usherv1.User{Name: "jane", Uid: 501}, CreateTime: at(0),
	}
	for i, state := range states {
		r.State, r.UpdateTime = state, at(i)
		r.Transitions = append(r.Transitions,
			&usherv1.Transition{State: state, Time: at(i), Evidence: "because of " + fmt.Sprint(i)})
	}
	if change != nil {
		change(r)
	}
	return r
}

const (
	preflight  = usherv1.RegistrationState_REGISTRATION_STATE_PREFLIGHT
	signingIn  = usherv1.RegistrationState_REGISTRATION_STATE_WAITING_FOR_SIGN_IN
	delivering = usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING
	succeeded  = usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED
	failedEnd  = usherv1.RegistrationState_REGISTRATION_STATE_FAILED
	cancelled  = usherv1.RegistrationState_REGISTRATION_STATE_CANCELLED
)

// fails is a registration that fails for that reason.
func fails(reason usherv1.FailureReason, detail string, code int32) *fakeHelper {
	return &fakeHelper{updates: []*usherv1.Registration{story(func(r *usherv1.Registration) {
		r.FailureReason, r.FailureDetail = reason, detail
		if code != 0 {
			r.PortalExit = &usherv1.PortalExit{How: &usherv1.PortalExit_Code{Code: code},
				Name: "registrationDeviceCapError"}
		}
	}, preflight, failedEnd)}}
}

// identity is jane's identity after she has registered.
func identity() *usherv1.Identity {
	return &usherv1.Identity{
		State: usherv1.IdentityState_IDENTITY_STATE_REGISTERED, Detail: "a valid certificate",
		Source:         usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN,
		Contradictions: []*usherv1.Contradiction{{Name: "one-beside-other", Detail: "One says this, the other that."}},
		DeviceId:       "c9f7fcba-c5d8-4994-8d4c-2c2785b993c1",
		TenantId:       "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11", UserPrincipalName: "jane&co@example.com",
	}
}

var scenarios = map[string]*fakeHelper{
	"succeeds": {updates: []*usherv1.Registration{
		story(nil, preflight),
		story(func(r *usherv1.Registration) {
			r.Milestones = []*usherv1.Milestone{
				{Kind: usherv1.MilestoneKind_MILESTONE_KIND_TOKEN_FETCHED, Time: at(1),
					Detail: "Auth_FetchSvcToken: Succeeded"}}
		}, preflight, signingIn),
		story(func(r *usherv1.Registration) {
			r.Identity, r.DeliveryState, r.DeliveryAttempts = identity(),
				usherv1.DeliveryState_DELIVERY_STATE_DELIVERED, 1
		}, preflight, signingIn, delivering, succeeded),
	}},
	"two": {
		updates: []*usherv1.Registration{
			story(nil, preflight, signingIn),
			story(func(r *usherv1.Registration) { r.Id, r.User.Name = "01a20000-1111-7159-b02d-f11245ccdb20", "john" },
				preflight, succeeded),
		},
		status: &usherv1.GetStatusResponse{Users: []*usherv1.UserStatus{
			{User: &usherv1.User{Name: "jane", Uid: 501}, Identity: identity()},
			{User: &usherv1.User{Name: "evil\tone\x1b[A", Uid: 503}},
		}},
	},
	"attaches": {attached: true, updates: []*usherv1.Registration{story(nil, preflight, succeeded)}},
	"waits":    {hang: true, updates: []*usherv1.Registration{story(nil, preflight, signingIn)}},
	"delivers": {hang: true, updates: []*usherv1.Registration{
		story(func(r *usherv1.Registration) { r.DeliveryError = "server away" }, preflight, delivering)}},
	"cancelled": {updates: []*usherv1.Registration{
		story(func(r *usherv1.Registration) { r.FailureDetail = "cancelled by uid 0" }, preflight, cancelled)}},

	"portal-66": fails(usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED,
		"Company Portal ended with registrationDeviceCapError (66)", 66),
	"portal-1": fails(usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED,
		"Company Portal ended with defaultError (1)", 1),
	"portal-99": fails(usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED,
		"Company Portal ended with unknown (99)", 99),
	"portal-killed":  fails(usherv1.FailureReason_FAILURE_REASON_PORTAL_KILLED, "killed", 0),
	"no-login":       fails(usherv1.FailureReason_FAILURE_REASON_SESSION_TIMEOUT, "jane did not log in", 0),
	"no-sign-in":     fails(usherv1.FailureReason_FAILURE_REASON_SIGN_IN_TIMEOUT, "jane did not sign in", 0),
	"not-registered": fails(usherv1.FailureReason_FAILURE_REASON_IDENTITY_NOT_FOUND, "no identity", 0),
	"locked":         fails(usherv1.FailureReason_FAILURE_REASON_IDENTITY_UNREADABLE, "the keychain is locked", 0),
	"orphaned":       fails(usherv1.FailureReason_FAILURE_REASON_IDENTITY_ORPHANED, "no key", 0),
	"refused":        fails(usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED, "privilege missing", 0),
	"no-portal":      fails(usherv1.FailureReason_FAILURE_REASON_PORTAL_MISSING, "Company Portal is not there", 0),

	"nobody": {err: contract.Error(codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_NO_SESSION,
		"nobody is logged in", contract.Fix, "log in")},
	"denies": {err: contract.Error(codes.PermissionDenied, usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED,
		"uid 501 may not", contract.Fix, "run it as root")},
	"under-way": {err: contract.Error(codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_REGISTRATION_UNDER_WAY,
		"forget a user: forget the registrations of john: a registration is under way: 0193", contract.Fix,
		"cancel it")},
	"full": {err: contract.Error(codes.ResourceExhausted, usherv1.ErrorReason_ERROR_REASON_JOURNAL_FULL,
		"no space left", contract.Fix, "free space")},
	"lost": {err: contract.Error(codes.NotFound, usherv1.ErrorReason_ERROR_REASON_REGISTRATION_NOT_FOUND,
		"no such registration", contract.Fix, "list them")},

	"status": {
		status: &usherv1.GetStatusResponse{
			Helper:   &usherv1.HelperStatus{Version: "1.2.3", StartTime: at(0), DeliveryMode: "api"},
			Computer: &usherv1.ComputerStatus{Name: "janes-mac", OperatingSystem: "macOS 15.1"},
			Users: []*usherv1.UserStatus{
				{
					User: &usherv1.User{Name: "jane", Uid: 501}, Session: &usherv1.SessionStatus{OnConsole: true},
					Identity:         identity(),
					LastRegistration: story(nil, preflight, succeeded), LookTime: at(50),
					Evidence: []*usherv1.Evidence{
						{Source: usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN,
							Finding: usherv1.Finding_FINDING_FOUND, ObserveTime: at(49),
							Detail: "One device certificate."},
						{Source: usherv1.IdentitySource_IDENTITY_SOURCE_SECURE_ENCLAVE,
							Finding:  usherv1.Finding_FINDING_COULD_NOT_LOOK,
							Obstacle: usherv1.Obstacle_OBSTACLE_ACCESS_DENIED, ObserveTime: at(50)},
					},
					DeviceIdChange: &usherv1.DeviceIDChange{OldDeviceId: "old", NewDeviceId: "new", Time: at(40)},
				},
				{
					User: &usherv1.User{Name: "john", Uid: 502},
					LastRegistration: fails(usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED, "ended with 66",
						66).first(),
				},
			},
			Outbox:   &usherv1.OutboxStatus{Pending: 1},
			Problems: []string{"The last registration of john failed: ended with 66"},
		},
		outbox: &usherv1.ListDeliveriesResponse{Mode: "api", Deliveries: []*usherv1.Delivery{{
			Id: 7, User: &usherv1.User{Name: "john", Uid: 502}, State: usherv1.DeliveryState_DELIVERY_STATE_PENDING,
			Attempts:        3,
			NextAttemptTime: at(30), Summary: "john: FAILED", LastError: "server away",
		}}},
	},
	"hangs": {hang: true},

	"escapes": {
		updates: []*usherv1.Registration{story(func(r *usherv1.Registration) {
			r.FailureReason, r.FailureDetail = usherv1.FailureReason_FAILURE_REASON_PORTAL_KILLED, "died\x1b[2J\ttwice"
			r.Transitions[0].Evidence = "because of\x1b[2J\nan evil portal"
			r.Milestones = []*usherv1.Milestone{
				{Kind: usherv1.MilestoneKind_MILESTONE_KIND_TOKEN_FETCHED, Time: at(1), Detail: "\x1b]0;title\x07"}}
		}, preflight, failedEnd)},
		status: &usherv1.GetStatusResponse{Helper: &usherv1.HelperStatus{Version: "1"},
			Problems: []string{"evil\x1b[A\n! made up"}},
	},
}
