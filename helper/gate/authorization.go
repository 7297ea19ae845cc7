package gate

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// access is who may call a method.
type access int

const (
	// everyone: any process on this computer. The answer is not about a person, or depends on the caller.
	everyone access = iota + 1
	// owners: root and admins for any user, a user only for themselves. The handler must ask [Actor.MayActFor] or
	// [Actor.IsAdmin] before it answers.
	owners
	// admins: root and members of the admin group.
	admins
)

// authorization says who may call each method (docs/architecture.md). A method without an entry is refused. A test
// walks every service of the server, and fails on a method without an entry, or an entry without a method.
var authorization = map[string]access{
	usherv1.RegistrationService_StartRegistration_FullMethodName:  owners,
	usherv1.RegistrationService_GetRegistration_FullMethodName:    owners,
	usherv1.RegistrationService_ListRegistrations_FullMethodName:  owners,
	usherv1.RegistrationService_WatchRegistration_FullMethodName:  owners,
	usherv1.RegistrationService_CancelRegistration_FullMethodName: owners,
	usherv1.StatusService_GetStatus_FullMethodName:                owners,
	usherv1.StatusService_WatchStatus_FullMethodName:              owners,
	usherv1.CleanService_FindRemains_FullMethodName:               owners,
	usherv1.CleanService_RemoveRemains_FullMethodName:             owners,
	usherv1.CleanService_ListRemovals_FullMethodName:              owners,
	usherv1.DoctorService_Examine_FullMethodName:                  owners,
	usherv1.SupportService_ListSupportFiles_FullMethodName:        owners,
	usherv1.SupportService_CollectSupportFiles_FullMethodName:     owners,
	usherv1.TenantService_GetTenant_FullMethodName:                everyone,
	usherv1.TenantService_WatchTenant_FullMethodName:              everyone,
	usherv1.UserService_ForgetUser_FullMethodName:                 admins,
	usherv1.DeliveryService_ListDeliveries_FullMethodName:         admins,
	usherv1.DeliveryService_FlushDeliveries_FullMethodName:        admins,

	usherv1.JamfProService_SetClientSecret_FullMethodName:              admins,
	usherv1.JamfProService_CheckClientSecret_FullMethodName:            admins,
	usherv1.JamfProService_RemoveClientSecret_FullMethodName:           admins,
	usherv1.JamfProService_ProvisionExtensionAttributes_FullMethodName: admins,

	healthv1.Health_Check_FullMethodName: everyone,
	healthv1.Health_Watch_FullMethodName: everyone,
	healthv1.Health_List_FullMethodName:  everyone,

	reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName: everyone,
}

// admit returns ctx with the [Actor], the access that let the call in, and a function to call at its end.
func (s *Server) admit(ctx context.Context, method string) (_ context.Context, _ *Actor, _ access, done func(),
	_ error) {
	actor, err := s.actor(ctx)
	if err != nil {
		return nil, nil, 0, nil, contract.Error(codes.Unauthenticated, usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED,
			err.Error())
	}
	// Refused calls are limited too: each costs a look at the caller and a line in the log.
	done, err = s.limits.enter(actor)
	if err != nil {
		return nil, nil, 0, nil, err
	}
	rule, known := authorization[method]
	if !known || (rule == admins && !actor.IsAdmin()) {
		defer done()
		s.deny(actor, method, rule)
		return nil, nil, 0, nil, actor.refuse(fmt.Sprintf("uid %d may not call %s", actor.UID(), method), "method",
			method)
	}
	return WithActor(ctx, actor), actor, rule, done, nil
}

// deny logs a refusal with the facts about the caller, and without the call's arguments [SPIRE#2651, SPIRE#6179]. A
// caller that is refused again and again does not fill the log.
func (s *Server) deny(actor *Actor, method string, rule access) {
	if !s.limits.mayLogRefusal(actor) {
		return
	}
	executable, err := actor.peer.Executable()
	if err != nil {
		executable = "unknown: " + err.Error()
	}
	s.log.Warn("call refused", "method", method, "peer", actor.peer, "executable", executable, "rule", rule)
}

// String returns the rule's name for the log.
func (a access) String() string {
	switch a {
	case everyone:
		return "everyone"
	case owners:
		return "owners"
	case admins:
		return "admins"
	}
	return "no entry"
}

// unjudged returns the error of an owner's method whose handler did not ask whether the caller may act for the user.
func unjudged(method string) error {
	return contract.Error(codes.Internal, usherv1.ErrorReason_ERROR_REASON_INTERNAL,
		method+" answered without asking whom its caller may act for")
}

func (s *Server) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any,
	error) {
	ctx, actor, rule, done, err := s.admit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	defer done()
	response, err := handler(ctx, request)
	if err != nil {
		return nil, s.toStatus(ctx, info.FullMethod, err)
	}
	if rule == owners && !actor.Judged() {
		return nil, unjudged(info.FullMethod)
	}
	return response, nil
}

func (s *Server) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo,
	handler grpc.StreamHandler) error {
	ctx, actor, rule, done, err := s.admit(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if info.FullMethod != healthv1.Health_Watch_FullMethodName { // health still has to report that it stops serving
		defer context.AfterFunc(s.draining, func() { cancel(errShuttingDown) })()
	}
	gated := &gatedStream{ServerStream: stream, ctx: ctx, actor: actor, rule: rule, method: info.FullMethod}
	err = handler(service, gated)
	if gated.denied != nil {
		s.deny(actor, info.FullMethod, rule)
		return gated.denied
	}
	if err != nil {
		return s.toStatus(ctx, info.FullMethod, err)
	}
	return nil
}

// gatedStream holds back the messages of an owner's method until its handler has asked whom the caller may act for. It
// also holds them back from an admin who no longer is one: a watch may last for days.
type gatedStream struct {
	grpc.ServerStream
	ctx    context.Context
	actor  *Actor
	rule   access
	method string
	// denied is why a message was held back.
	denied error
}

func (s *gatedStream) Context() context.Context { return s.ctx }

func (s *gatedStream) SendMsg(message any) error {
	if s.rule == owners && !s.actor.Judged() {
		return unjudged(s.method)
	}
	if s.denied = s.actor.StillMayAnswer(); s.denied != nil {
		return s.denied
	}
	return s.ServerStream.SendMsg(message)
}
