package contract

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

var sources = newPairs(map[wpj.Source]usherv1.IdentitySource{
	wpj.SourceLoginKeychain: usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN,
})

var findings = newPairs(map[wpj.Finding]usherv1.Finding{
	wpj.Found:        usherv1.Finding_FINDING_FOUND,
	wpj.NotThere:     usherv1.Finding_FINDING_NOT_THERE,
	wpj.CouldNotLook: usherv1.Finding_FINDING_COULD_NOT_LOOK,
})

var obstacles = newPairs(map[wpj.Obstacle]usherv1.Obstacle{
	wpj.ObstacleLocked:       usherv1.Obstacle_OBSTACLE_LOCKED,
	wpj.ObstacleAccessDenied: usherv1.Obstacle_OBSTACLE_ACCESS_DENIED,
	wpj.ObstacleUnavailable:  usherv1.Obstacle_OBSTACLE_UNAVAILABLE,
	wpj.ObstacleUnsupported:  usherv1.Obstacle_OBSTACLE_UNSUPPORTED,
	wpj.ObstacleFailed:       usherv1.Obstacle_OBSTACLE_FAILED,
})

var identityStates = newPairs(map[wpj.State]usherv1.IdentityState{
	wpj.StateNotRegistered:  usherv1.IdentityState_IDENTITY_STATE_NOT_REGISTERED,
	wpj.StateRegistered:     usherv1.IdentityState_IDENTITY_STATE_REGISTERED,
	wpj.StateOrphaned:       usherv1.IdentityState_IDENTITY_STATE_ORPHANED,
	wpj.StateExpired:        usherv1.IdentityState_IDENTITY_STATE_EXPIRED,
	wpj.StateTenantMismatch: usherv1.IdentityState_IDENTITY_STATE_TENANT_MISMATCH,
	wpj.StateUnreadable:     usherv1.IdentityState_IDENTITY_STATE_UNREADABLE,
})

// pairs is a table read in both directions. A value that it does not hold becomes the other side's zero value.
type pairs[Own, Wire comparable] struct {
	toWire map[Own]Wire
	toOwn  map[Wire]Own
}

func newPairs[Own, Wire comparable](toWire map[Own]Wire) pairs[Own, Wire] {
	toOwn := make(map[Wire]Own, len(toWire))
	for own, wire := range toWire {
		toOwn[wire] = own
	}
	return pairs[Own, Wire]{toWire, toOwn}
}

// EvidenceToProto returns the message for evidence.
func EvidenceToProto(evidence wpj.Evidence) *usherv1.Evidence {
	message := &usherv1.Evidence{
		Source:            sources.toWire[evidence.Source],
		Finding:           findings.toWire[evidence.Finding],
		Obstacle:          obstacles.toWire[evidence.Obstacle],
		Detail:            evidence.Detail,
		ObserveTime:       Timestamp(evidence.ObservedAt),
		UserPrincipalName: string(evidence.UserPrincipalName),
		TenantId:          string(evidence.TenantID),
		Thumbprint:        string(evidence.Thumbprint),
		CloudHost:         evidence.CloudHost,
	}
	for _, held := range evidence.Certificates {
		message.Certificates = append(message.Certificates, &usherv1.DeviceCertificate{
			Der: held.DER, HasPrivateKey: held.HasPrivateKey,
		})
	}
	return message
}

// EvidenceFromProto returns the evidence in a message. A finding that this version does not know is read as
// [wpj.CouldNotLook], never as "not there".
func EvidenceFromProto(message *usherv1.Evidence) wpj.Evidence {
	evidence := wpj.Evidence{
		Source:            sources.toOwn[message.GetSource()],
		Finding:           findings.toOwn[message.GetFinding()],
		Obstacle:          obstacles.toOwn[message.GetObstacle()],
		Detail:            message.GetDetail(),
		ObservedAt:        Time(message.GetObserveTime()),
		UserPrincipalName: wpj.UserPrincipalName(message.GetUserPrincipalName()),
		TenantID:          wpj.TenantID(message.GetTenantId()),
		Thumbprint:        wpj.Thumbprint(message.GetThumbprint()),
		CloudHost:         message.GetCloudHost(),
	}
	if evidence.Finding == "" {
		evidence.Finding, evidence.Obstacle = wpj.CouldNotLook, wpj.ObstacleUnsupported
	}
	for _, held := range message.GetCertificates() {
		evidence.Certificates = append(evidence.Certificates, wpj.HeldCertificate{
			DER: held.GetDer(), HasPrivateKey: held.GetHasPrivateKey(),
		})
	}
	return evidence
}

// IdentityToProto returns the message for an identity, nil for nil.
func IdentityToProto(identity *wpj.Identity) *usherv1.Identity {
	if identity == nil {
		return nil
	}
	return &usherv1.Identity{
		State:             identityStates.toWire[identity.State],
		Detail:            identity.Detail,
		DeviceId:          string(identity.DeviceID),
		TenantId:          string(identity.TenantID),
		UserPrincipalName: string(identity.UserPrincipalName),
		UserObjectId:      string(identity.UserObjectID),
		Thumbprint:        string(identity.Thumbprint),
		JoinType:          string(identity.JoinType),
		TenantRegion:      identity.TenantRegion,
		NotBefore:         Timestamp(identity.NotBefore),
		NotAfter:          Timestamp(identity.NotAfter),
		ObserveTime:       Timestamp(identity.ObservedAt),
		Source:            sources.toWire[identity.Source],
	}
}

// IdentityFromProto returns the identity in a message, nil for nil.
func IdentityFromProto(message *usherv1.Identity) *wpj.Identity {
	if message == nil {
		return nil
	}
	return &wpj.Identity{
		State:             identityStates.toOwn[message.GetState()],
		Detail:            message.GetDetail(),
		DeviceID:          wpj.DeviceID(message.GetDeviceId()),
		TenantID:          wpj.TenantID(message.GetTenantId()),
		UserPrincipalName: wpj.UserPrincipalName(message.GetUserPrincipalName()),
		UserObjectID:      wpj.UserObjectID(message.GetUserObjectId()),
		Thumbprint:        wpj.Thumbprint(message.GetThumbprint()),
		JoinType:          wpj.JoinType(message.GetJoinType()),
		TenantRegion:      message.GetTenantRegion(),
		NotBefore:         Time(message.GetNotBefore()),
		NotAfter:          Time(message.GetNotAfter()),
		ObservedAt:        Time(message.GetObserveTime()),
		Source:            sources.toOwn[message.GetSource()],
	}
}

// Timestamp returns the message for a time, nil for the zero time.
func Timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// Time returns the time in a message, the zero time for nil and for a message that holds no valid one.
func Time(message *timestamppb.Timestamp) time.Time {
	if message == nil || message.CheckValid() != nil {
		return time.Time{}
	}
	return message.AsTime()
}
