//go:build linux

package e2e

import (
	"context"
	"crypto/rand"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	usherv1 "usher.internal/proto/usher/v1"
)

// The columns of the matrix. A caller who asks about another user gets the answer for a registration that does not
// exist.
const (
	asRoot = iota
	asAdmin
	asHimself
	asAnother
	asNobody
)

var columns = []string{"root", "admin", "the user about themselves", "another user", "uid 65534"}

// matrix has the answer of every method of helper.sock to each caller, about a registration of one user
// (docs/architecture.md).
var matrix = map[string]struct {
	request func(user, id string) proto.Message
	want    [5]codes.Code
}{
	"/usher.v1.RegistrationService/StartRegistration": {
		func(user, _ string) proto.Message {
			return &usherv1.StartRegistrationRequest{Kind: usherv1.RegistrationKind_REGISTRATION_KIND_REGISTER,
				User: user}
		},
		[5]codes.Code{codes.OK, codes.OK, codes.OK, codes.PermissionDenied, codes.PermissionDenied},
	},
	"/usher.v1.RegistrationService/GetRegistration": {
		func(_, id string) proto.Message { return &usherv1.GetRegistrationRequest{Id: id} },
		[5]codes.Code{codes.OK, codes.OK, codes.OK, codes.NotFound, codes.NotFound},
	},
	"/usher.v1.RegistrationService/ListRegistrations": {
		func(user, _ string) proto.Message { return &usherv1.ListRegistrationsRequest{User: user} },
		[5]codes.Code{codes.OK, codes.OK, codes.OK, codes.PermissionDenied, codes.PermissionDenied},
	},
	"/usher.v1.RegistrationService/WatchRegistration": {
		func(_, id string) proto.Message { return &usherv1.WatchRegistrationRequest{Id: id} },
		[5]codes.Code{codes.OK, codes.OK, codes.OK, codes.NotFound, codes.NotFound},
	},
	"/usher.v1.RegistrationService/CancelRegistration": {
		func(_, id string) proto.Message { return &usherv1.CancelRegistrationRequest{Id: id} },
		[5]codes.Code{codes.OK, codes.OK, codes.OK, codes.NotFound, codes.NotFound},
	},
	"/usher.v1.StatusService/GetStatus":   {empty(&usherv1.GetStatusRequest{}), everyone},
	"/usher.v1.StatusService/WatchStatus": {empty(&usherv1.WatchStatusRequest{}), everyone},
	"/usher.v1.DoctorService/Examine":     {empty(&usherv1.ExamineRequest{}), everyone},
	"/usher.v1.SupportService/ListSupportFiles": {
		func(user, _ string) proto.Message { return &usherv1.ListSupportFilesRequest{User: user} },
		[5]codes.Code{codes.OK, codes.OK, codes.OK, codes.PermissionDenied, codes.PermissionDenied},
	},
	"/usher.v1.SupportService/CollectSupportFiles": {
		func(user, _ string) proto.Message { return &usherv1.CollectSupportFilesRequest{User: user} },
		[5]codes.Code{codes.OK, codes.OK, codes.OK, codes.PermissionDenied, codes.PermissionDenied},
	},
	// Nobody is logged in; only authorised callers learn that.
	"/usher.v1.CleanService/FindRemains": {
		func(user, _ string) proto.Message { return &usherv1.FindRemainsRequest{User: user} },
		[5]codes.Code{codes.FailedPrecondition, codes.FailedPrecondition, codes.FailedPrecondition,
			codes.PermissionDenied, codes.PermissionDenied},
	},
	"/usher.v1.CleanService/RemoveRemains": {
		func(user, _ string) proto.Message { return &usherv1.RemoveRemainsRequest{User: user} },
		[5]codes.Code{codes.FailedPrecondition, codes.FailedPrecondition, codes.FailedPrecondition,
			codes.PermissionDenied, codes.PermissionDenied},
	},
	"/usher.v1.CleanService/ListRemovals": {
		func(user, _ string) proto.Message { return &usherv1.ListRemovalsRequest{User: user} },
		[5]codes.Code{codes.OK, codes.OK, codes.OK, codes.PermissionDenied, codes.PermissionDenied},
	},
	// usherd delivers by recon and has no client of Jamf Pro's API; only authorised callers learn that.
	"/usher.v1.JamfProService/SetClientSecret": {empty(&usherv1.SetClientSecretRequest{ClientSecret: "x"}),
		unconfigured},
	"/usher.v1.JamfProService/CheckClientSecret": {empty(&usherv1.CheckClientSecretRequest{}), unconfigured},
	"/usher.v1.JamfProService/RemoveClientSecret": {empty(&usherv1.RemoveClientSecretRequest{}),
		unconfigured},
	"/usher.v1.JamfProService/ProvisionExtensionAttributes": {empty(&usherv1.ProvisionExtensionAttributesRequest{}),
		unconfigured},
	"/usher.v1.TenantService/GetTenant":   {empty(&usherv1.GetTenantRequest{}), everyone},
	"/usher.v1.TenantService/WatchTenant": {empty(&usherv1.WatchTenantRequest{}), everyone},
	"/usher.v1.UserService/ForgetUser": {
		empty(&usherv1.ForgetUserRequest{User: "nobody-known"}),
		[5]codes.Code{codes.NotFound, codes.NotFound, codes.PermissionDenied, codes.PermissionDenied,
			codes.PermissionDenied},
	},
	"/usher.v1.DeliveryService/ListDeliveries": {empty(&usherv1.ListDeliveriesRequest{}), admins},
	"/usher.v1.DeliveryService/FlushDeliveries": {
		empty(&usherv1.FlushDeliveriesRequest{}), admins,
	},
	"/grpc.health.v1.Health/Check": {empty(&healthv1.HealthCheckRequest{}), everyone},
	"/grpc.health.v1.Health/Watch": {empty(&healthv1.HealthCheckRequest{}), everyone},
	"/grpc.health.v1.Health/List":  {empty(&healthv1.HealthListRequest{}), everyone},
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": {
		empty(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}), everyone,
	},
}

var (
	everyone     = [5]codes.Code{}
	unconfigured = [5]codes.Code{codes.FailedPrecondition, codes.FailedPrecondition, codes.PermissionDenied,
		codes.PermissionDenied, codes.PermissionDenied}
	admins = [5]codes.Code{codes.OK, codes.OK, codes.PermissionDenied, codes.PermissionDenied,
		codes.PermissionDenied}
)

func empty(request proto.Message) func(user, id string) proto.Message {
	return func(string, string) proto.Message { return request }
}

func TestAuthorizationOfEveryMethod(t *testing.T) {
	group := "usher-h-" + strings.ToLower(rand.Text()[:6])
	makeGroup(t, group)
	s := newStory(t, map[string]any{"admin_group": group})
	s.start()
	jane, john, ann := s.user("h-jane"), s.user("h-john"), s.user("h-ann")
	if output, err := exec.CommandContext(s.ctx, "usermod", "-aG", group, ann.Name).CombinedOutput(); err != nil {
		t.Fatalf("usermod: %v: %s", err, output)
	}
	callers := []*grpc.ClientConn{
		asRoot: s.client(root), asAdmin: s.client(callerOf(t, ann)), asHimself: s.client(callerOf(t, jane)),
		asAnother: s.client(callerOf(t, john)), asNobody: s.client(nobody),
	}
	methods := methodsOf(t, callers[asNobody])
	for name := range matrix {
		if methods[name] == nil {
			t.Errorf("%s is in the matrix and not on helper.sock", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		row, known := matrix[name]
		if !known {
			t.Errorf("%s is on helper.sock and not in the matrix", name)
			continue
		}
		for column, want := range row.want {
			// An active registration, also after the last cell changed the one before.
			started, err := usherv1.NewRegistrationServiceClient(callers[asRoot]).StartRegistration(s.ctx,
				&usherv1.StartRegistrationRequest{Kind: usherv1.RegistrationKind_REGISTRATION_KIND_REGISTER,
					User: jane.Name})
			s.must(err)
			request := row.request(jane.Name, started.GetRegistration().GetId())
			if got := call(s.ctx, callers[column], methods[name], name, request); got != want {
				t.Errorf("%s by %s: %s, want %s", name, columns[column], got, want)
			}
		}
	}
}

// makeGroup makes a group of this computer for the duration of the test.
func makeGroup(t *testing.T, name string) {
	t.Helper()
	if output, err := exec.CommandContext(t.Context(), "groupadd", "--force", name).CombinedOutput(); err != nil {
		t.Fatalf("groupadd: %v: %s", err, output)
	}
	t.Cleanup(func() { exec.Command("groupdel", name).Run() })
}

// methodsOf asks a server for every method that it serves.
func methodsOf(t *testing.T, connection *grpc.ClientConn) map[string]protoreflect.MethodDescriptor {
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(connection).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.CloseSend()
	ask := func(request *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		response, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	services := ask(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
	set, known := &descriptorpb.FileDescriptorSet{}, make(map[string]bool)
	for _, service := range services.GetListServicesResponse().GetService() {
		answer := ask(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{
				FileContainingSymbol: service.GetName()},
		})
		for _, file := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
			descriptor := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(file, descriptor); err != nil {
				t.Fatal(err)
			}
			if !known[descriptor.GetName()] {
				known[descriptor.GetName()] = true
				set.File = append(set.File, descriptor)
			}
		}
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	methods := make(map[string]protoreflect.MethodDescriptor)
	for _, service := range services.GetListServicesResponse().GetService() {
		found, err := files.FindDescriptorByName(protoreflect.FullName(service.GetName()))
		if err != nil {
			t.Fatal(err)
		}
		served := found.(protoreflect.ServiceDescriptor).Methods()
		for i := range served.Len() {
			methods["/"+service.GetName()+"/"+string(served.Get(i).Name())] = served.Get(i)
		}
	}
	if len(methods) < 10 {
		t.Fatalf("the server lists only %d methods", len(methods))
	}
	return methods
}

// call makes a call of any kind and returns the code of its first answer.
func call(ctx context.Context, connection *grpc.ClientConn, method protoreflect.MethodDescriptor, name string,
	request proto.Message) codes.Code {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, name)
	if err != nil {
		return status.Code(err)
	}
	if err := stream.SendMsg(request); err != nil && err != io.EOF {
		return status.Code(err)
	}
	if err := stream.CloseSend(); err != nil {
		return status.Code(err)
	}
	return status.Code(stream.RecvMsg(dynamicpb.NewMessage(method.Output())))
}
