//go:build linux

package e2e

import (
	"crypto/rand"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	usherv1 "usher.internal/proto/usher/v1"
)

// within is how long a change of a group takes at most to have its effect: usherd's two seconds, and a margin for a
// busy machine.
const within = 15 * time.Second

// administer runs a program that changes the users and groups of this computer.
func (s *story) administer(program string, arguments ...string) {
	s.t.Helper()
	if output, err := exec.CommandContext(s.ctx, program, arguments...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s %s: %v: %s", program, strings.Join(arguments, " "), err, output)
	}
}

// untilCode asks until an answer has that code: a change of a group sends no event.
func (s *story) untilCode(want codes.Code, ask func() error) {
	s.t.Helper()
	begun := time.Now()
	for again := time.NewTicker(200 * time.Millisecond); ; <-again.C {
		err := ask()
		if status.Code(err) == want {
			return
		}
		if time.Since(begun) > within {
			s.t.Fatalf("after %s the answer is still %v, want %s", within, err, want)
		}
	}
}

// Tom gains and loses admin rights during a connection, as a temporary admin does. The process keeps the groups of
// its login.
func TestAdminRightsFollowTheDirectory(t *testing.T) {
	group := "usher-h-" + strings.ToLower(rand.Text()[:6])
	makeGroup(t, group)
	s := newStory(t, map[string]any{"admin_group": group})
	s.start()
	jane, tom := s.user("h-jane"), s.user("h-tom")
	for i := range 22 { // more than the 16 groups of a process that macOS's kernel knows
		other := fmt.Sprintf("%s-%d", group, i)
		makeGroup(t, other)
		s.administer("gpasswd", "-a", tom.Name, other)
	}
	byRoot := usherv1.NewRegistrationServiceClient(s.client(root))
	start := func() *usherv1.Registration {
		t.Helper()
		started, err := byRoot.StartRegistration(s.ctx,
			&usherv1.StartRegistrationRequest{Kind: usherv1.RegistrationKind_REGISTRATION_KIND_REGISTER,
				User: jane.Name})
		s.must(err)
		return started.GetRegistration()
	}
	registration := start()

	connection := s.client(callerOf(t, tom))
	byTom := usherv1.NewRegistrationServiceClient(connection)
	get := func() error {
		_, err := byTom.GetRegistration(s.ctx, &usherv1.GetRegistrationRequest{Id: registration.GetId()})
		return err
	}
	list := func() error {
		_, err := usherv1.NewDeliveryServiceClient(connection).ListDeliveries(s.ctx, &usherv1.ListDeliveriesRequest{})
		return err
	}
	if err := get(); status.Code(err) != codes.NotFound {
		t.Fatalf("before: %v", err)
	}
	if err := list(); status.Code(err) != codes.PermissionDenied {
		t.Fatalf("before: %v", err)
	}

	// Tom becomes an admin; the group comes last among the groups of Tom.
	s.administer("gpasswd", "-a", tom.Name, group)
	s.untilCode(codes.OK, get)
	s.untilCode(codes.OK, list)
	statuses, err := usherv1.NewStatusServiceClient(connection).WatchStatus(s.ctx, &usherv1.WatchStatusRequest{})
	s.must(err)
	first, err := statuses.Recv()
	s.must(err)
	if !isShown(first.GetStatus(), jane.Name) {
		t.Errorf("an admin's status does not name %s: %v", jane.Name, first)
	}
	registrations, err := byTom.WatchRegistration(s.ctx, &usherv1.WatchRegistrationRequest{Id: registration.GetId()})
	s.must(err)
	_, err = registrations.Recv()
	s.must(err)

	// Tom loses the right. The streams that Tom opened show no later events.
	s.administer("gpasswd", "-d", tom.Name, group)
	s.untilCode(codes.NotFound, get)
	s.untilCode(codes.PermissionDenied, list)
	_, err = byRoot.CancelRegistration(s.ctx, &usherv1.CancelRegistrationRequest{Id: registration.GetId()})
	s.must(err)
	if message, err := registrations.Recv(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("the watch of a registration continued: %v, %v", message, err)
	}
	if message, err := statuses.Recv(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("the watch of the status continued: %v, %v", message, err)
	}

	// As the primary group of Tom; the group's members do not include Tom.
	s.administer("usermod", "-g", group, tom.Name)
	t.Cleanup(func() { exec.Command("usermod", "-g", tom.Name, tom.Name).Run() }) // so that both groups can be removed
	s.untilCode(codes.OK, get)
}

// The kernel's groups of a process make nobody an admin: they are the groups of the login.
func TestGroupsOfAProcessMakeNobodyAnAdmin(t *testing.T) {
	group := "usher-h-" + strings.ToLower(rand.Text()[:6])
	makeGroup(t, group)
	s := newStory(t, map[string]any{"admin_group": group})
	s.start()
	tom := s.user("h-tom")
	s.administer("gpasswd", "-a", tom.Name, group)
	login := callerOf(t, tom)
	s.administer("gpasswd", "-d", tom.Name, group)
	client := usherv1.NewDeliveryServiceClient(s.client(login))
	if _, err := client.ListDeliveries(s.ctx, &usherv1.ListDeliveriesRequest{}); status.Code(err) !=
		codes.PermissionDenied {
		t.Errorf("with the group of an earlier login: %v", err)
	}
	login.gid = login.groups[len(login.groups)-1]
	client = usherv1.NewDeliveryServiceClient(s.client(login))
	if _, err := client.ListDeliveries(s.ctx, &usherv1.ListDeliveriesRequest{}); status.Code(err) !=
		codes.PermissionDenied {
		t.Errorf("with it as the group of the process: %v", err)
	}
}

func isShown(status *usherv1.GetStatusResponse, user string) bool {
	for _, one := range status.GetUsers() {
		if one.GetUser().GetName() == user {
			return true
		}
	}
	return false
}
