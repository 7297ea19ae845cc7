//go:build linux

package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/jamfpro"
	"usher.internal/sim/mac"
)

// round has a caller start a gathering for a user and cancel it.
func round(ctx context.Context, by usherv1.RegistrationServiceClient, of *mac.User) error {
	started, err := by.StartRegistration(ctx,
		&usherv1.StartRegistrationRequest{Kind: usherv1.RegistrationKind_REGISTRATION_KIND_GATHER, User: of.Name})
	if err != nil {
		return err
	}
	_, err = by.CancelRegistration(ctx, &usherv1.CancelRegistrationRequest{Id: started.GetRegistration().GetId()})
	return err
}

// idsOf returns the ids of a user's registrations.
func (s *story) idsOf(u *mac.User) (ids []string) {
	s.t.Helper()
	list := decode[struct {
		Data struct{ Registrations []registered }
	}](s.t, s.control(0, "registrations", "list", "--user", u.Name, "--limit", "1000", "--json").Stdout)
	for _, one := range list.Data.Registrations {
		ids = append(ids, one.ID)
	}
	return ids
}

// unpublished is the number of changes that the fleet has not received yet.
func (s *story) unpublished() int {
	s.t.Helper()
	result, err := s.Control(s.ctx, "status", "--json")
	s.must(err)
	return decode[struct {
		Data struct{ Fleet struct{ Unpublished int } }
	}](s.t, result.Stdout).Data.Fleet.Unpublished
}

// An account without a session starts and cancels gatherings as often as it can, then with root's help, while NATS is
// away. It erases nobody's history and sends nothing to Jamf Pro and the fleet. After a while it is refused, also by
// the next usherd.
func TestRoundsOfAnAccountEraseNothing(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	servers := s.withFleet(nil)
	s.start()
	jane, mallory := s.known("q-jane"), s.user("q-mallory")
	s.waitHelperLog(`msg="connected to the fleet"`)
	servers.Servers[0].Kill()
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.waitHelperLog("not connected to the fleet")
	registrations, deliveries, changes := s.idsOf(jane), s.deliveries("--all"), s.unpublished()
	computer, _ := s.jamfPro.Computer(mac.UDID)
	if len(registrations) != 1 || changes == 0 || len(computer.History) == 0 {
		t.Fatalf("Jane has %v, %d changes wait, Jamf Pro has %v", registrations, changes, computer.History)
	}

	byMallory := usherv1.NewRegistrationServiceClient(s.client(callerOf(t, mallory)))
	var refused []error
	for range 25 {
		if err := round(s.ctx, byMallory, mallory); err != nil {
			refused = append(refused, err)
		}
	}
	if count := limited(t, refused); count != 5 {
		t.Errorf("of 25 rounds %d were refused", count)
	}
	for _, err := range refused {
		if !strings.Contains(err.Error(), "too many registrations within an hour") ||
			!strings.Contains(err.Error(), "the next is possible at") {
			t.Errorf("the refusal says %v", err)
		}
	}
	result := s.controlAs(mallory, 23, "register")
	s.says("a refused registration", result, "the next is possible at", "root or an admin")
	s.KillHelper()
	s.start()
	s.controlAs(mallory, 23, "gather")

	// A Jamf policy is never limited, for any user.
	byRoot := usherv1.NewRegistrationServiceClient(s.client(root))
	for range 210 {
		s.must(round(s.ctx, byRoot, mallory))
	}
	s.controlAs(mallory, 23, "gather")
	s.controlAs(jane, 0, "gather") // she has her own allowance

	if ids := s.idsOf(jane); len(ids) != 2 || ids[1] != registrations[0] {
		t.Errorf("Jane had %v and has %v", registrations, ids)
	}
	if ids := s.idsOf(mallory); len(ids) != 200 {
		t.Errorf("Mallory has %d registrations", len(ids))
	}
	after := s.deliveries("--all")
	for _, one := range after {
		if strings.Contains(one.Summary, mallory.Name) {
			t.Errorf("the outbox has %+v", one)
		}
	}
	if last := deliveries[len(deliveries)-1]; !slices.ContainsFunc(after,
		func(d delivery) bool { return d.ID == last.ID }) {
		t.Errorf("the outbox has forgotten %+v", last)
	}
	if now := s.unpublished(); now < changes {
		t.Errorf("%d changes waited, and %d do", changes, now)
	}
	now, _ := s.jamfPro.Computer(mac.UDID)
	for _, change := range now.History[len(computer.History):] {
		if strings.Contains(fmt.Sprint(change.Values), "CANCELLED") {
			t.Errorf("Jamf Pro has received %+v", change)
		}
	}
	s.must(servers.Servers[0].Start(s.ctx))
	s.wantFleet(servers, func(reported fleetMac) bool {
		for _, change := range reported.Data.History {
			if change.User == mallory.Name {
				t.Errorf("the fleet has received %+v", change)
			}
		}
		return slices.ContainsFunc(reported.Data.History,
			func(change fleetChange) bool { return change.User == jane.Name && change.Registration == "SUCCEEDED" })
	})
	s.unharmed()
}

// The limit is per user. A member of the admin group is not limited, and neither are the registrations that they start
// for another user.
func TestAdminsAreNotLimited(t *testing.T) {
	group := "usher-q-" + strings.ToLower(rand.Text()[:6])
	makeGroup(t, group)
	s := newStory(t, map[string]any{"admin_group": group})
	s.start()
	admin, jane := s.user("q-admin"), s.user("q-jane")
	s.administer("gpasswd", "-a", admin.Name, group)
	byAdmin := usherv1.NewRegistrationServiceClient(s.client(callerOf(t, admin)))
	for range 25 {
		s.must(round(s.ctx, byAdmin, jane))
		s.must(round(s.ctx, byAdmin, admin))
	}
	byJane := usherv1.NewRegistrationServiceClient(s.client(callerOf(t, jane)))
	for range 20 {
		s.must(round(s.ctx, byJane, jane))
	}
	err := round(s.ctx, byJane, jane)
	if contract.Reason(err) != usherv1.ErrorReason_ERROR_REASON_RATE_LIMITED ||
		status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the 21st of a user: %v", err)
	}
}

// namesReceived are the sign-in names that Jamf Pro has received, in order.
func (s *story) namesReceived() (names []string) {
	s.t.Helper()
	computer, _ := s.jamfPro.Computer(mac.UDID)
	for _, change := range computer.History {
		if change.Name == "Usher User Principal Name" {
			names = append(names, change.Values...)
		}
	}
	return slices.Compact(names)
}

// Jamf Pro asks for a pause during the delivery of one user's report, and another user registers meanwhile: both
// reports arrive, in order.
func TestReportsOfTwoUsersArriveInOrder(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane, john := s.loggedIn("q-jane"), s.loggedIn("q-john")
	s.fault(jamfpro.Fault{Kind: jamfpro.FaultStatus, Status: 429, RetryAfter: 4 * time.Second, PathPrefix: findPath,
		Count: 1})
	s.control(10, "register", "--user", jane.Name, "--wait", "--delivery-timeout", "200ms")
	s.waitHelper(failedLine)
	s.control(0, "register", "--user", john.Name, "--wait")
	// John came last and is the primary user; each delivery has both.
	s.wantInJamfPro(map[string]string{"Usher User Principal Name": john.Name + "@example.com",
		"Usher Other Users": jane.Name + ": REGISTERED"})
	if names := s.namesReceived(); !slices.Equal(names, []string{john.Name + "@example.com"}) {
		t.Errorf("Jamf Pro has received %v", names)
	}
	for _, one := range s.deliveries("--all") {
		if one.State != "DELIVERY_STATE_DELIVERED" {
			t.Errorf("the outbox has %+v", one)
		}
	}
}
