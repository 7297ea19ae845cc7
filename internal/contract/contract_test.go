package contract_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

func TestErrorCarriesEveryReason(t *testing.T) {
	for number, name := range usherv1.ErrorReason_name {
		reason := usherv1.ErrorReason(number)
		err := contract.Error(codes.FailedPrecondition, reason, "no", "user", "jane", "odd")
		if got := contract.Reason(fmt.Errorf("start: %w", err)); got != reason {
			t.Errorf("%s: reason read back as %s", name, got)
		}
		if got := contract.Metadata(err); !reflect.DeepEqual(got, map[string]string{"user": "jane"}) {
			t.Errorf("%s: metadata read back as %v", name, got)
		}
		if status.Code(err) != codes.FailedPrecondition {
			t.Errorf("%s: code %s", name, status.Code(err))
		}
	}
}

func TestReasonOfForeignErrors(t *testing.T) {
	for _, err := range []error{nil, errors.New("x"), status.Error(codes.Unavailable, "gone")} {
		if got := contract.Reason(err); got != usherv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			t.Errorf("Reason(%v) = %s", err, got)
		}
	}
}

func TestErrorWithCodeOKIsStillAnError(t *testing.T) {
	if err := contract.Error(codes.OK, usherv1.ErrorReason_ERROR_REASON_INTERNAL, "no"); status.Code(err) !=
		codes.Internal {
		t.Errorf("code OK became %v", err)
	}
}

var now = time.Date(2026, 11, 23, 10, 0, 0, 123456789, time.UTC)

func TestUnknownFindingIsNeverNotThere(t *testing.T) {
	for _, finding := range []usherv1.Finding{0, 99} {
		got := contract.EvidenceFromProto(&usherv1.Evidence{Finding: finding})
		if got.Finding != wpj.CouldNotLook {
			t.Errorf("finding %d read as %q", finding, got.Finding)
		}
	}
}

// Unknown words of a later version never read as good news, or as nothing.
func TestEvidenceOfALaterVersion(t *testing.T) {
	got := contract.EvidenceFromProto(&usherv1.Evidence{
		Source: 98, Finding: 93, Obstacle: 92, Possession: 91, Detail: "It is ready.",
		Facts: &usherv1.Evidence_PlatformSso{
			PlatformSso: &usherv1.PlatformSSOFacts{RegistrationCompleted: true, User: 90, DeviceSection: 89,
				UserSection: 88}},
	})
	if got.Finding != wpj.CouldNotLook || got.Obstacle != wpj.ObstacleUnsupported || got.Possession != "" {
		t.Errorf("%+v", got)
	}
	if slices.Contains(wpj.Sources(), got.Source) || !strings.Contains(string(got.Source), "98") {
		t.Errorf("source: %q", got.Source)
	}
	if sso := got.PlatformSSO; !strings.Contains(sso.User, "90") || sso.Device != wpj.SectionUnreadable ||
		sso.UserSection != wpj.SectionUnreadable {
		t.Errorf("Platform SSO: %+v", sso)
	}
	if !strings.Contains(got.Detail, "93") || !strings.Contains(got.Detail, "It is ready.") {
		t.Errorf("detail: %q", got.Detail)
	}
	got = contract.EvidenceFromProto(
		&usherv1.Evidence{Source: usherv1.IdentitySource_IDENTITY_SOURCE_PLATFORM_SSO,
			Finding: usherv1.Finding_FINDING_FOUND,
			Facts: &usherv1.Evidence_PlatformSso{
				PlatformSso: &usherv1.PlatformSSOFacts{RegistrationCompleted: true, User: 90, DeviceSection: 89,
					UserSection: 88}}})
	if identity := wpj.Evaluate([]wpj.Evidence{got}, wpj.Conditions{Now: now}); identity.State.Registered() {
		t.Errorf("an unknown state of a user gives %s", identity.State)
	}
}

// A state that this version does not know is CANNOT_TELL, from either side.
func TestStatesOfALaterVersion(t *testing.T) {
	if got := contract.StateFromProto(99); got != wpj.StateCannotTell {
		t.Errorf("99 is %q", got)
	}
	if contract.StateFromProto(0) != "" || contract.StateToProto("") != 0 {
		t.Error("a state although nobody has looked")
	}
	message := contract.IdentityToProto(&wpj.Identity{State: "GUIDED", Detail: "It is ready."})
	if message.GetState() != usherv1.IdentityState_IDENTITY_STATE_CANNOT_TELL ||
		!strings.Contains(message.GetDetail(), `"GUIDED"`) || !strings.Contains(message.GetDetail(), "It is ready.") {
		t.Errorf("%+v", message)
	}
}

// Every enum of the contract has names. Every other number is shown as a number.
func TestNamesOfEnums(t *testing.T) {
	for value, want := range map[string]string{
		contract.Name(usherv1.Finding_FINDING_COULD_NOT_LOOK):                   "COULD_NOT_LOOK",
		contract.Name(usherv1.IdentityState_IDENTITY_STATE_PSSO_CONFIGURED):     "PSSO_CONFIGURED",
		contract.Name(usherv1.IdentityState(99)):                                "CANNOT_TELL (99)",
		contract.Name(usherv1.IdentityState(-1)):                                "CANNOT_TELL (-1)",
		contract.Name(usherv1.RegistrationState(99)):                            "UNKNOWN (99)",
		contract.Name(usherv1.FailureReason_FAILURE_REASON_UNSPECIFIED):         "UNSPECIFIED",
		contract.Name(usherv1.PlatformSSOUser_PLATFORM_SSO_USER_NEEDS_NEW_KEYS): "NEEDS_NEW_KEYS",
		contract.Name(usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN):    "LOGIN_KEYCHAIN",
	} {
		if value != want {
			t.Errorf("%q, want %q", value, want)
		}
	}
}

func TestReadable(t *testing.T) {
	status := &usherv1.GetStatusResponse{Users: []*usherv1.UserStatus{
		{Identity: &usherv1.Identity{State: 99, Detail: "It is ready."},
			LastRegistration: &usherv1.Registration{State: 77, Identity: &usherv1.Identity{State: 98}}},
		{Identity: &usherv1.Identity{State: usherv1.IdentityState_IDENTITY_STATE_REGISTERED, Detail: "Yes."}}, {},
	}}
	got := contract.Readable(status)
	if status.GetUsers()[0].GetIdentity().GetState() != 99 {
		t.Error("what was sent has changed")
	}
	first := got.GetUsers()[0]
	for want, identity := range map[string]*usherv1.Identity{"usherd says state 99, which this version does not " +
		"know. It is ready.": first.GetIdentity(),
		"usherd says state 98, which this version does not know.": first.GetLastRegistration().GetIdentity()} {
		if identity.GetState() != usherv1.IdentityState_IDENTITY_STATE_CANNOT_TELL || identity.GetDetail() != want {
			t.Errorf("%+v", identity)
		}
	}
	if first.GetLastRegistration().GetState() != 77 || !proto.Equal(got.GetUsers()[1], status.GetUsers()[1]) ||
		!proto.Equal(got.GetUsers()[2], status.GetUsers()[2]) {
		t.Errorf("%+v", got)
	}
	change := contract.Readable(&usherv1.StatusChange{State: 99, Mac: &usherv1.MacStatus{State: 98}})
	if change.GetState() != usherv1.IdentityState_IDENTITY_STATE_CANNOT_TELL ||
		change.GetMac().GetState() != usherv1.IdentityState_IDENTITY_STATE_CANNOT_TELL {
		t.Errorf("%+v", change)
	}
}
