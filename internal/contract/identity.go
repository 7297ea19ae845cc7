package contract

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

var sources = enumOf(map[wpj.Source]usherv1.IdentitySource{
	wpj.SourceLoginKeychain: usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN,
	wpj.SourceSecureEnclave: usherv1.IdentitySource_IDENTITY_SOURCE_SECURE_ENCLAVE,
	wpj.SourcePlatformSSO:   usherv1.IdentitySource_IDENTITY_SOURCE_PLATFORM_SSO,
	wpj.SourceJamfAgent:     usherv1.IdentitySource_IDENTITY_SOURCE_JAMF_AGENT,
	wpj.SourceJamfSettings:  usherv1.IdentitySource_IDENTITY_SOURCE_JAMF_SETTINGS,
	wpj.SourcePortal:        usherv1.IdentitySource_IDENTITY_SOURCE_PORTAL,
	wpj.SourceJamfPro:       usherv1.IdentitySource_IDENTITY_SOURCE_JAMF_PRO,
	wpj.SourceDirectory:     usherv1.IdentitySource_IDENTITY_SOURCE_DIRECTORY,
})

var findings = spokenEnum[wpj.Finding, usherv1.Finding]()

var obstacles = spokenEnum[wpj.Obstacle, usherv1.Obstacle]()

var identityStates = EnumOf[wpj.State, usherv1.IdentityState]()

var possessions = spokenEnum[wpj.Possession, usherv1.Possession]()

// platformSSOUsers are for programs that do not read user_state.
var platformSSOUsers = enumOf(map[wpj.PlatformSSOUser]usherv1.PlatformSSOUser{
	wpj.PlatformSSOUserNormal:               usherv1.PlatformSSOUser_PLATFORM_SSO_USER_NORMAL,
	wpj.PlatformSSOUserNeedsNewKeys:         usherv1.PlatformSSOUser_PLATFORM_SSO_USER_NEEDS_NEW_KEYS,
	wpj.PlatformSSOUserNeedsRegistration:    usherv1.PlatformSSOUser_PLATFORM_SSO_USER_NEEDS_REGISTRATION,
	wpj.PlatformSSOUserKeyInvalid:           usherv1.PlatformSSOUser_PLATFORM_SSO_USER_KEY_INVALID,
	wpj.PlatformSSOUserNewPasswordUser:      usherv1.PlatformSSOUser_PLATFORM_SSO_USER_NEW_PASSWORD_USER,
	wpj.PlatformSSOUserNewSmartCardUser:     usherv1.PlatformSSOUser_PLATFORM_SSO_USER_NEW_SMART_CARD_USER,
	wpj.PlatformSSOUserNewSecureEnclaveUser: usherv1.PlatformSSOUser_PLATFORM_SSO_USER_NEW_SECURE_ENCLAVE_USER,
	wpj.PlatformSSOUserNeedsBinding:         usherv1.PlatformSSOUser_PLATFORM_SSO_USER_NEEDS_BINDING,
})

var sections = enumOf(map[wpj.Section]usherv1.PlatformSSOSection{
	wpj.SectionRead:       usherv1.PlatformSSOSection_PLATFORM_SSO_SECTION_READ,
	wpj.SectionNull:       usherv1.PlatformSSOSection_PLATFORM_SSO_SECTION_NULL,
	wpj.SectionUnreadable: usherv1.PlatformSSOSection_PLATFORM_SSO_SECTION_UNREADABLE,
})

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
		DeviceId:          string(evidence.DeviceID),
		Possession:        possessions.toWire[evidence.Possession],
	}
	factsToProto(evidence, message)
	for _, held := range evidence.Certificates {
		message.Certificates = append(message.Certificates, &usherv1.DeviceCertificate{
			Der: held.DER, HasPrivateKey: held.HasPrivateKey, Items: itemsToProto(held.Items),
		})
	}
	return message
}

// factsToProto fills in the facts that only one kind of source has. Evidence of one source has at most one kind.
func factsToProto(evidence wpj.Evidence, message *usherv1.Evidence) {
	switch {
	case evidence.PlatformSSO != nil:
		message.Facts = &usherv1.Evidence_PlatformSso{PlatformSso: platformSSOToProto(evidence.PlatformSSO)}
	case evidence.SecureEnclave != nil:
		message.Facts = &usherv1.Evidence_SecureEnclave{
			SecureEnclave: &usherv1.SecureEnclaveFacts{Status: int32(evidence.SecureEnclave.Status)}}
	case evidence.JamfAgent != nil:
		message.Facts = &usherv1.Evidence_JamfAgent{JamfAgent: &usherv1.JamfAgentFacts{
			HaveAnAzureId: evidence.JamfAgent.HaveAzureID, LastTokenTime: Timestamp(evidence.JamfAgent.LastTokenAt),
		}}
	case evidence.JamfSettings != nil:
		message.Facts = &usherv1.Evidence_JamfSettings{JamfSettings: &usherv1.JamfSettingsFacts{
			ConditionalAccessEnabled: evidence.JamfSettings.ConditionalAccessEnabled,
			ClientId:                 evidence.JamfSettings.ClientID,
		}}
	case evidence.Compliance != nil:
		facts := &usherv1.ComplianceFacts{Applicable: evidence.Compliance.Applicable, State: evidence.Compliance.State}
		for _, id := range evidence.Compliance.DeviceIDs {
			facts.DeviceIds = append(facts.DeviceIds, string(id))
		}
		message.Facts = &usherv1.Evidence_Compliance{Compliance: facts}
	}
}

func platformSSOToProto(sso *wpj.PlatformSSO) *usherv1.PlatformSSOFacts {
	state, _ := wpj.ParsePlatformSSOUser(sso.User)
	return &usherv1.PlatformSSOFacts{
		RegistrationCompleted: sso.RegistrationCompleted,
		User:                  platformSSOUsers.toWire[state],
		UserState:             sso.User,
		DeviceSection:         sections.toWire[sso.Device],
		UserSection:           sections.toWire[sso.UserSection],
		ExtensionIdentifier:   sso.ExtensionID,
		IssuerHost:            sso.IssuerHost,
		TokenExpireTime:       Timestamp(sso.TokensExpireAt),
		TokensExpired:         sso.TokensExpired,
	}
}

func platformSSOFromProto(facts *usherv1.PlatformSSOFacts) *wpj.PlatformSSO {
	user := cmp.Or(facts.GetUserState(), string(platformSSOUsers.toOwn[facts.GetUser()]))
	if user == "" && facts.GetUser() != 0 {
		user = Name(facts.GetUser())
	}
	return &wpj.PlatformSSO{
		RegistrationCompleted: facts.GetRegistrationCompleted(),
		User:                  user,
		Device:                sectionFromProto(facts.GetDeviceSection()),
		UserSection:           sectionFromProto(facts.GetUserSection()),
		ExtensionID:           facts.GetExtensionIdentifier(),
		IssuerHost:            facts.GetIssuerHost(),
		TokensExpireAt:        Time(facts.GetTokenExpireTime()),
		TokensExpired:         facts.GetTokensExpired(),
	}
}

// sectionFromProto reads a section with an unknown value from a later version as one that could not be read.
func sectionFromProto(section usherv1.PlatformSSOSection) wpj.Section {
	if own, known := sections.toOwn[section]; known || section == 0 {
		return own
	}
	return wpj.SectionUnreadable
}

func factsFromProto(message *usherv1.Evidence, evidence *wpj.Evidence) {
	switch facts := message.GetFacts().(type) {
	case *usherv1.Evidence_PlatformSso:
		evidence.PlatformSSO = platformSSOFromProto(facts.PlatformSso)
	case *usherv1.Evidence_SecureEnclave:
		evidence.SecureEnclave = &wpj.SecureEnclave{Status: int(facts.SecureEnclave.GetStatus())}
	case *usherv1.Evidence_JamfAgent:
		evidence.JamfAgent = &wpj.JamfAgent{HaveAzureID: facts.JamfAgent.HaveAnAzureId,
			LastTokenAt: Time(facts.JamfAgent.GetLastTokenTime())}
	case *usherv1.Evidence_JamfSettings:
		evidence.JamfSettings = &wpj.JamfSettings{
			ConditionalAccessEnabled: facts.JamfSettings.GetConditionalAccessEnabled(),
			ClientID:                 facts.JamfSettings.GetClientId(),
		}
	case *usherv1.Evidence_Compliance:
		evidence.Compliance = &wpj.Compliance{Applicable: facts.Compliance.GetApplicable(),
			State: facts.Compliance.GetState()}
		for _, id := range facts.Compliance.GetDeviceIds() {
			evidence.Compliance.DeviceIDs = append(evidence.Compliance.DeviceIDs, wpj.DeviceID(id))
		}
	}
}

// EvidenceFromProto returns the evidence in a message. Unknown words of a later version never become good evidence, or
// no evidence. An unknown finding is [wpj.CouldNotLook]. An unknown source is not one of [wpj.Sources]. An unknown
// state of a user in Platform SSO is not one of the states.
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
		DeviceID:          wpj.DeviceID(message.GetDeviceId()),
		Possession:        possessions.toOwn[message.GetPossession()],
	}
	factsFromProto(message, &evidence)
	if evidence.Source == "" && message.GetSource() != 0 {
		evidence.Source = wpj.Source(Name(message.GetSource()))
	}
	if evidence.Finding == "" {
		evidence.Finding, evidence.Obstacle = wpj.CouldNotLook, wpj.ObstacleUnsupported
		if message.GetFinding() != 0 {
			evidence.Detail = strings.TrimSpace(
				fmt.Sprintf("It was said to be %s, which this version does not know. %s", Name(message.GetFinding()),
					evidence.Detail))
		}
	}
	if evidence.Obstacle == "" && message.GetObstacle() != 0 {
		evidence.Obstacle = wpj.ObstacleUnsupported
	}
	for _, held := range message.GetCertificates() {
		evidence.Certificates = append(evidence.Certificates, wpj.HeldCertificate{
			DER: held.GetDer(), HasPrivateKey: held.GetHasPrivateKey(), Items: itemsFromProto(held.GetItems()),
		})
	}
	return evidence
}

// SourceFromProto returns our source for a message's, or "" for one that this version does not know.
func SourceFromProto(source usherv1.IdentitySource) wpj.Source { return sources.toOwn[source] }

// SourceName is the name of a source for people, "" for none.
func SourceName(source usherv1.IdentitySource) string {
	own := SourceFromProto(source)
	if own == "" && source != usherv1.IdentitySource_IDENTITY_SOURCE_UNSPECIFIED {
		return strings.ToLower(Name(source)) // of a later version
	}
	return string(own)
}

// StateToProto returns the message's state for one of ours. A state that this version does not know becomes
// CANNOT_TELL; a journal can hold one. "" becomes UNSPECIFIED.
func StateToProto(state wpj.State) usherv1.IdentityState {
	if wire, known := identityStates.toWire[state]; known || state == "" {
		return wire
	}
	return usherv1.IdentityState_IDENTITY_STATE_CANNOT_TELL
}

// SourceToProto returns the message's source for one of ours.
func SourceToProto(source wpj.Source) usherv1.IdentitySource { return sources.toWire[source] }

// StateFromProto returns our state for a message's. A state that this version does not know becomes
// [wpj.StateCannotTell]; UNSPECIFIED becomes "".
func StateFromProto(state usherv1.IdentityState) wpj.State {
	if own, known := identityStates.toOwn[state]; known || state == 0 {
		return own
	}
	return wpj.StateCannotTell
}

// IdentityToProto returns the message for an identity, nil for nil.
func IdentityToProto(identity *wpj.Identity) *usherv1.Identity {
	if identity == nil {
		return nil
	}
	message := &usherv1.Identity{
		State:             StateToProto(identity.State),
		Detail:            identity.Sentence(),
		Fix:               identity.Fix,
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
		Rule:              identity.Rule,
	}
	if _, known := identityStates.toWire[identity.State]; !known && identity.State != "" {
		message.Detail = strings.TrimSpace(
			fmt.Sprintf("The state is %q, which this version does not know. %s", identity.State, message.Detail))
	}
	for _, one := range identity.Others {
		message.OtherIdentities = append(message.OtherIdentities, &usherv1.OtherIdentity{
			DeviceId: string(one.DeviceID), TenantId: string(one.TenantID), Thumbprint: string(one.Thumbprint),
			NotAfter: Timestamp(one.NotAfter),
		})
	}
	for _, one := range identity.Contradictions {
		message.Contradictions = append(message.Contradictions, &usherv1.Contradiction{
			Name: one.Name, Followed: sources.toWire[one.Followed], Against: sources.toWire[one.Against],
			Detail: one.Sentence(), Fix: one.Fix,
		})
	}
	return message
}

// IdentityFromProto returns the identity in a message, nil for nil.
func IdentityFromProto(message *usherv1.Identity) *wpj.Identity {
	if message == nil {
		return nil
	}
	identity := &wpj.Identity{
		State:             StateFromProto(message.GetState()),
		Detail:            withoutFix(message),
		Fix:               message.GetFix(),
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
		Rule:              message.GetRule(),
	}
	for _, one := range message.GetOtherIdentities() {
		identity.Others = append(identity.Others, wpj.OtherIdentity{
			DeviceID: wpj.DeviceID(one.GetDeviceId()), TenantID: wpj.TenantID(one.GetTenantId()),
			Thumbprint: wpj.Thumbprint(one.GetThumbprint()), NotAfter: Time(one.GetNotAfter()),
		})
	}
	for _, one := range message.GetContradictions() {
		identity.Contradictions = append(identity.Contradictions, wpj.Contradiction{
			Name: one.GetName(), Followed: sources.toOwn[one.GetFollowed()], Against: sources.toOwn[one.GetAgainst()],
			Detail: withoutFix(one), Fix: one.GetFix(),
		})
	}
	return identity
}

// withoutFix returns the detail of a message without the fix at its end. An older usherd does not send the fix apart;
// then the whole sentence is the detail.
func withoutFix(message interface {
	GetDetail() string
	GetFix() string
}) string {
	detail, has := strings.CutSuffix(message.GetDetail(), "; "+message.GetFix()+".")
	if !has {
		return detail
	}
	return detail + "."
}

// Timestamp returns the message for a time, nil for the zero time.
func Timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// Time returns the time in a message. It returns the zero time for nil and for an invalid time.
func Time(message *timestamppb.Timestamp) time.Time {
	if message == nil || message.CheckValid() != nil {
		return time.Time{}
	}
	return message.AsTime()
}
