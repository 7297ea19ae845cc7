package ctl

import (
	"context"

	"google.golang.org/grpc/codes"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

func init() {
	for name := range cleanScenarios {
		scenarios[name] = &fakeHelper{}
	}
}

// fakeCleaner returns the given answers.
type fakeCleaner struct {
	usherv1.UnimplementedCleanServiceServer
	err       error
	objection string
	state     usherv1.IdentityState
	leftovers []*usherv1.Leftover
	atRisk    []*usherv1.RegistrationAtRisk
	// failed says why a leftover of that name cannot be removed.
	failed map[string]string
}

var janesLeftovers = []*usherv1.Leftover{
	{Id: "01", Kind: usherv1.LeftoverKind_LEFTOVER_KIND_CERTIFICATE,
		Name: "device certificate by MS-Organization-Access, valid until 2036-11-20"},
	{Id: "02", Kind: usherv1.LeftoverKind_LEFTOVER_KIND_GENERIC_PASSWORD, Name: "com.microsoft.workplacejoin.tenantId"},
	{Id: "03", Kind: usherv1.LeftoverKind_LEFTOVER_KIND_FILE, Name: "evil\x1b[2J\nfile"},
}

const (
	orphaned   = usherv1.IdentityState_IDENTITY_STATE_ORPHANED
	registered = usherv1.IdentityState_IDENTITY_STATE_REGISTERED
)

var cleanScenarios = map[string]fakeCleaner{
	"leftovers":      {state: orphaned, leftovers: janesLeftovers},
	"leftovers-none": {state: registered, objection: "This user has a registration, and it would be lost."},
	"leftovers-in-use": {state: registered,
		objection: "This may be the user's current registration: device c9f7fcba (login keychain, certificate " +
			"1a2b). Because.", leftovers: janesLeftovers[:1],
		atRisk: []*usherv1.RegistrationAtRisk{{
			DeviceId: "c9f7fcba", TenantId: "8d6b9a52", Source: usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN,
			Place: "login keychain, certificate 1a2b", Reason: "Because.",
		}}},
	"leftovers-stay": {state: orphaned, leftovers: janesLeftovers[:2],
		failed: map[string]string{"01": "cannot be removed by usher"}},
	"leftovers-locked": {err: contract.Error(codes.FailedPrecondition,
		usherv1.ErrorReason_ERROR_REASON_KEYCHAIN_UNAVAILABLE, "find leftovers of jane: keychain is locked",
		contract.Fix, "unlock it")},
	"leftovers-nobody": {err: contract.Error(codes.FailedPrecondition, usherv1.ErrorReason_ERROR_REASON_NO_SESSION,
		"jane is not logged in", contract.Fix, "log in")},
}

var janeUser = &usherv1.User{Name: "jane", Uid: 501}

func (f fakeCleaner) FindRemains(context.Context, *usherv1.FindRemainsRequest) (*usherv1.FindRemainsResponse, error) {
	return &usherv1.FindRemainsResponse{
		User: janeUser, Leftovers: f.leftovers, Objection: f.objection, AtRisk: f.atRisk,
		Identity: &usherv1.Identity{State: f.state, Detail: "Why it is so."},
	}, f.err
}

func (f fakeCleaner) removal(force bool) *usherv1.Removal {
	removal := &usherv1.Removal{User: janeUser, Time: at(0), Caller: &usherv1.User{Name: "root"}, Force: force}
	for _, one := range f.leftovers {
		removal.Removed = append(removal.Removed, &usherv1.RemovedLeftover{Leftover: one, Error: f.failed[one.GetId()]})
	}
	return removal
}

func (f fakeCleaner) RemoveRemains(_ context.Context,
	request *usherv1.RemoveRemainsRequest) (*usherv1.RemoveRemainsResponse, error) {
	if f.objection != "" && !request.GetForce() || request.GetUser() != "jane" {
		return nil, contract.Error(codes.Internal, usherv1.ErrorReason_ERROR_REASON_INTERNAL,
			"usherctl should not have asked for this")
	}
	return &usherv1.RemoveRemainsResponse{Removal: f.removal(request.GetForce())}, f.err
}

func (f fakeCleaner) ListRemovals(context.Context, *usherv1.ListRemovalsRequest) (*usherv1.ListRemovalsResponse,
	error) {
	return &usherv1.ListRemovalsResponse{Removals: []*usherv1.Removal{f.removal(true), f.removal(false)}}, f.err
}
