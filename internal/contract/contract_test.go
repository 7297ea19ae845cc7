package contract_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
			t.Errorf("%s: code is %s", name, status.Code(err))
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
	if err := contract.Error(codes.OK, usherv1.ErrorReason_ERROR_REASON_INTERNAL, "no"); status.Code(err) != codes.Internal {
		t.Errorf("code OK became %v", err)
	}
}

var now = time.Date(2026, 11, 23, 10, 0, 0, 123456789, time.UTC)

func TestEvidenceThereAndBack(t *testing.T) {
	evidence := wpj.Evidence{
		Source: wpj.SourceLoginKeychain, Finding: wpj.Found, Detail: "one certificate", ObservedAt: now,
		Certificates:      []wpj.HeldCertificate{{DER: []byte{1, 2}, HasPrivateKey: true}, {DER: []byte{3}}},
		UserPrincipalName: "jane@example.com", TenantID: "t", Thumbprint: "aa", CloudHost: "h",
	}
	if got := contract.EvidenceFromProto(contract.EvidenceToProto(evidence)); !reflect.DeepEqual(got, evidence) {
		t.Errorf("got %+v, want %+v", got, evidence)
	}
	yes := true
	for _, evidence := range []wpj.Evidence{
		{Source: wpj.SourcePlatformSSO, PlatformSSO: &wpj.PlatformSSO{
			Device: wpj.SectionRead, UserSection: wpj.SectionUnreadable, RegistrationCompleted: true, User: "something new (12)",
			ExtensionID: "com.example.extension", IssuerHost: "idp.example.com", TokensExpireAt: now, TokensExpired: true,
		}},
		{Source: wpj.SourceSecureEnclave, SecureEnclave: &wpj.SecureEnclave{Status: 3}, DeviceID: "d"},
		{Source: wpj.SourceJamfAgent, JamfAgent: &wpj.JamfAgent{HaveAzureID: &yes, LastTokenAt: now}},
		{Source: wpj.SourceJamfAgent, JamfAgent: &wpj.JamfAgent{}},
		{Source: wpj.SourceJamfSettings, JamfSettings: &wpj.JamfSettings{ConditionalAccessEnabled: true, ClientID: "c"}},
		{Source: wpj.SourcePortal},
		{Source: wpj.SourceJamfPro, Compliance: &wpj.Compliance{Applicable: true, State: "COMPLIANT", DeviceIDs: []wpj.DeviceID{"a", "b"}}},
		{Source: wpj.SourceLoginKeychain, Possession: wpj.PossessionRefuted},
	} {
		evidence.Finding = wpj.Found
		if got := contract.EvidenceFromProto(contract.EvidenceToProto(evidence)); !reflect.DeepEqual(got, evidence) {
			t.Errorf("got %+v, want %+v", got, evidence)
		}
	}
	for _, source := range wpj.Sources() {
		if got := contract.SourceFromProto(contract.EvidenceToProto(wpj.Evidence{Source: source}).GetSource()); got != source {
			t.Errorf("%s becomes %q", source, got)
		}
	}
	for _, obstacle := range []wpj.Obstacle{wpj.ObstacleLocked, wpj.ObstacleAccessDenied, wpj.ObstacleUnavailable, wpj.ObstacleUnsupported, wpj.ObstacleFailed, wpj.ObstacleNoSession} {
		evidence := wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.CouldNotLook, Obstacle: obstacle}
		if got := contract.EvidenceFromProto(contract.EvidenceToProto(evidence)); !reflect.DeepEqual(got, evidence) {
			t.Errorf("got %+v, want %+v", got, evidence)
		}
	}
}

func TestUnknownFindingIsNeverNotThere(t *testing.T) {
	for _, finding := range []usherv1.Finding{0, 99} {
		got := contract.EvidenceFromProto(&usherv1.Evidence{Finding: finding})
		if got.Finding != wpj.CouldNotLook {
			t.Errorf("finding %d read as %q", finding, got.Finding)
		}
	}
}

func TestEveryStateHasItsCounterpart(t *testing.T) {
	for _, info := range wpj.States() {
		wire := contract.StateToProto(info.State)
		if wire == 0 || contract.StateFromProto(wire) != info.State || wire.String() != "IDENTITY_STATE_"+string(info.State) {
			t.Errorf("%s becomes %s", info.State, wire)
		}
	}
}

func TestIdentityThereAndBack(t *testing.T) {
	for wire := range usherv1.IdentityState_name {
		if wire == 0 {
			continue
		}
		identity := contract.IdentityFromProto(&usherv1.Identity{State: usherv1.IdentityState(wire)})
		if identity.State == "" {
			t.Errorf("state %s has no counterpart in wpj", usherv1.IdentityState(wire))
		}
		identity.Detail, identity.DeviceID, identity.TenantID, identity.UserPrincipalName = "d", "id", "t", "u"
		identity.UserObjectID, identity.Thumbprint, identity.JoinType, identity.TenantRegion = "o", "aa", wpj.JoinJoined, "EU"
		identity.NotBefore, identity.NotAfter, identity.ObservedAt = now, now.Add(1), now.Add(2)
		identity.Source, identity.Rule = wpj.SourceLoginKeychain, "rule"
		identity.Contradictions = []wpj.Contradiction{{Name: "n", Followed: wpj.SourcePlatformSSO, Against: wpj.SourceJamfPro, Detail: "d"}}
		if got := contract.IdentityFromProto(contract.IdentityToProto(identity)); !reflect.DeepEqual(got, identity) {
			t.Errorf("got %+v, want %+v", got, identity)
		}
	}
	if contract.IdentityToProto(nil) != nil || contract.IdentityFromProto(nil) != nil {
		t.Error("nil does not stay nil")
	}
}
