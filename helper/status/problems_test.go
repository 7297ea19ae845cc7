package status

import (
	"strings"
	"testing"
	"time"

	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// A problem is reported with its fix, and only while it exists.
func TestProblemsOfAUser(t *testing.T) {
	failedAt := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	failed := func(reason usherv1.FailureReason) *usherv1.Registration {
		return &usherv1.Registration{State: usherv1.RegistrationState_REGISTRATION_STATE_FAILED, FailureReason: reason,
			FailureDetail: "Why.", UpdateTime: contract.Timestamp(failedAt)}
	}
	const portalFailed, refused = usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED,
		usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED
	for name, test := range map[string]struct {
		state  wpj.State
		looked time.Time
		last   *usherv1.Registration
		want   []string
	}{
		"registered":    {wpj.StateRegistered, failedAt, nil, nil},
		"not looked at": {"", time.Time{}, nil, []string{"was not looked at yet"}},
		"not registered": {wpj.StateNotRegistered, failedAt, nil,
			[]string{"usher can: `usherctl register`."}},
		"only by Platform SSO": {wpj.StateNeedsKeys, failedAt, nil,
			[]string{"Have the user log out and in"}},
		"not calculated": {wpj.StateComplianceUnknown, failedAt, nil, nil},
		"failed": {wpj.StateNotRegistered, failedAt.Add(time.Minute), failed(portalFailed),
			[]string{"NOT_REGISTERED", "failed: Why."}},
		"failed, and registered since": {wpj.StateCompliant, failedAt.Add(time.Minute), failed(portalFailed), nil},
		"failed, and registered before": {wpj.StateCompliant, failedAt.Add(-time.Minute), failed(portalFailed),
			[]string{"failed: Why."}},
		"registered, and Jamf Pro has no": {wpj.StateRegistered, failedAt.Add(time.Minute), failed(refused),
			[]string{"failed: Why."}},
	} {
		user := &usherv1.UserStatus{User: &usherv1.User{Name: "jane"}, LookTime: contract.Timestamp(test.looked),
			LastRegistration: test.last}
		if test.state != "" {
			user.Identity = contract.IdentityToProto(&wpj.Identity{State: test.state, Detail: "Detail."})
		}
		got := problems(&usherv1.GetStatusResponse{Users: []*usherv1.UserStatus{user}}, "")
		if len(got) != len(test.want) {
			t.Errorf("%s: %q", name, got)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: %q does not say %q", name, got[i], want)
			}
		}
	}
}

// A login keychain that macOS has renamed is named as the cause, with the file and the fix.
func TestProblemOfALostKeychain(t *testing.T) {
	user := &usherv1.UserStatus{
		User:     &usherv1.User{Name: "jane"},
		Identity: contract.IdentityToProto(&wpj.Identity{State: wpj.StateNotRegistered, Detail: "Detail."}),
		LostKeychain: &usherv1.RenamedKeychain{Name: "login_renamed_1.keychain-db",
			RenameTime: contract.Timestamp(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))},
	}
	got := problems(&usherv1.GetStatusResponse{Users: []*usherv1.UserStatus{user}}, "")
	if len(got) != 2 || !strings.HasPrefix(got[1], "jane has lost the identity") ||
		!strings.Contains(got[1], "login_renamed_1.keychain-db at 2026-11-23T10:00:00Z. Have the user register again") {
		t.Errorf("%q", got)
	}
}

// The fix appears once: that of the identity, which is in its detail, or otherwise that of the state.
func TestFixIsThereOnce(t *testing.T) {
	for _, one := range []struct {
		identity wpj.Identity
		want     string
	}{
		{wpj.Identity{Detail: "It is not there.", Fix: "have the user register this Mac"},
			"It is not there; have the user register this Mac. usher can: `usherctl register`."},
		{wpj.Identity{Detail: "It is not there; so it seems."},
			"It is not there; so it seems. Have the user register. usher can: `usherctl register`."},
	} {
		state, _ := wpj.StateNotRegistered.Info()
		if got := withFix(contract.IdentityToProto(&one.identity), state); got != one.want {
			t.Errorf("got %q, want %q", got, one.want)
		}
	}
}

func TestProblemsBeforeAnyUser(t *testing.T) {
	for without, want := range map[string]string{"": "Nobody is logged in",
		"jane": "jane is logged in, but their usher-agent is not connected"} {
		got := problems(&usherv1.GetStatusResponse{Outbox: &usherv1.OutboxStatus{}}, without)
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%q: %q", without, got)
		}
	}
}
