package wpj

import "time"

// State is the one state that follows from the evidence of a user's identity. The set is closed; [States] explains
// each.
type State string

// The states (docs/states.md).
const (
	StateNoSession             State = "NO_SESSION"
	StateUnreadable            State = "UNREADABLE"
	StateNotApplicable         State = "NOT_APPLICABLE"
	StatePortalMissing         State = "PORTAL_MISSING"
	StateNotRegistered         State = "NOT_REGISTERED"
	StatePlatformSSOConfigured State = "PSSO_CONFIGURED"
	StateNeedsRegistration     State = "NEEDS_REGISTRATION"
	StateNeedsKeys             State = "NEEDS_KEYS"
	StateNeedsRepair           State = "NEEDS_REPAIR"
	StateOrphaned              State = "ORPHANED"
	StateExpired               State = "EXPIRED"
	StateTenantMismatch        State = "TENANT_MISMATCH"
	StateDeactivated           State = "DEACTIVATED"
	StateNotReported           State = "REGISTERED_NOT_REPORTED"
	StateDeviceIDChanged       State = "DEVICE_ID_CHANGED"
	StateNonCompliant          State = "NON_COMPLIANT"
	StateComplianceUnknown     State = "COMPLIANCE_UNKNOWN"
	StateCompliant             State = "COMPLIANT"
	StateRegistered            State = "REGISTERED"
	// Of Platform SSO.
	StateUserKeyInvalid    State = "USER_KEY_INVALID"
	StateNeedsBinding      State = "NEEDS_BINDING"
	StateUserNotRegistered State = "USER_NOT_REGISTERED"
	// StatePending often passes by itself; see [KeysHistory].
	StatePending State = "PENDING"
	// StateCannotTell: a source says something that usher does not know, or too little for a state.
	StateCannotTell State = "CANNOT_TELL"
)

// Source is a place that says something about a Workplace Join identity.
type Source string

// The sources. The first three are places of an identity; the others say what became of it.
const (
	SourceLoginKeychain Source = "login keychain"
	SourcePlatformSSO   Source = "Platform SSO"
	SourceSecureEnclave Source = "Secure Enclave"
	// SourceJamfAgent is the data of Jamf Conditional Access (jamfAAD) in the user's preferences.
	SourceJamfAgent Source = "Jamf Conditional Access"
	// SourceJamfSettings is what Jamf's preferences say about this Mac.
	SourceJamfSettings Source = "Jamf's settings"
	SourcePortal       Source = "Company Portal"
	SourceJamfPro      Source = "Jamf Pro"
	// SourceDirectory is the AltSecurityIdentities in the user's directory record. Reading them needs no session.
	SourceDirectory Source = "directory"
)

// Sources returns every source. Sources that can hold an identity come first.
func Sources() []Source {
	return []Source{SourceLoginKeychain, SourcePlatformSSO, SourceSecureEnclave, SourceJamfAgent, SourceJamfSettings,
		SourcePortal, SourceJamfPro, SourceDirectory}
}

// Finding is the result of looking at a [Source].
type Finding string

// The findings. [CouldNotLook] must never be read as [NotThere].
const (
	Found        Finding = "found"
	NotThere     Finding = "not there"
	CouldNotLook Finding = "could not look"
)

// Obstacle says why a source could not be looked at. It is empty if it could.
type Obstacle string

// The obstacles.
const (
	ObstacleLocked       Obstacle = "locked"
	ObstacleAccessDenied Obstacle = "access denied"
	ObstacleUnavailable  Obstacle = "unavailable"
	ObstacleUnsupported  Obstacle = "unsupported"
	ObstacleFailed       Obstacle = "failed"
	// ObstacleNoSession: the user is not logged in or has no agent, and nobody else can look.
	ObstacleNoSession Obstacle = "no session"
)

// HeldCertificate is a certificate that a source holds, unchanged.
type HeldCertificate struct {
	// DER is the X.509 certificate.
	DER []byte
	// HasPrivateKey reports whether the source holds the private key of the certificate.
	HasPrivateKey bool
	// Items belong to the certificate. They are nil if nobody has looked for them; then the items of the [Evidence]
	// apply.
	Items *Items
}

// Evidence is what one source said, and when. It is a claim of the user in whose session it was read, unless the helper
// read it itself.
type Evidence struct {
	Source   Source
	Finding  Finding
	Obstacle Obstacle
	// Detail is one sentence for an admin.
	Detail       string
	ObservedAt   time.Time
	Certificates []HeldCertificate
	// From the attributes of keychain items, or from the description of the Secure Enclave's registration. Empty if
	// neither has it.
	UserPrincipalName UserPrincipalName
	TenantID          TenantID
	Thumbprint        Thumbprint
	CloudHost         string
	// DeviceID is the device that the source itself names; a certificate has its own.
	DeviceID DeviceID
	// Possession reports whether the private key was proved to exist. It is empty if nobody asked for the proof.
	Possession Possession
	// Facts that only one kind of source has; nil for every other kind.
	PlatformSSO   *PlatformSSO
	SecureEnclave *SecureEnclave
	JamfAgent     *JamfAgent
	JamfSettings  *JamfSettings
	Compliance    *Compliance
}

// Possession is the result of asking for a signature with the device key.
type Possession string

// The results. [PossessionRefuted] is a signature by another key than the certificate's. [PossessionNotProved] is no
// signature.
const (
	PossessionProved    Possession = "proved"
	PossessionRefuted   Possession = "refuted"
	PossessionNotProved Possession = "not proved"
)

// SecureEnclave is the answer of Microsoft's library through Jamf's getPSSOStatus.
type SecureEnclave struct {
	// Status is MSALPlatformSSOStatus: 0 NotEnabled, 1 EnabledNotRegistered, 2 EnabledAndRegistered,
	// 3 RegistrationNeedsRepair [MSAL].
	Status int
}

// The values of [SecureEnclave].Status.
const (
	SingleSignOnNotEnabled           = 0
	SingleSignOnEnabledNotRegistered = 1
	SingleSignOnRegistered           = 2
	SingleSignOnNeedsRepair          = 3
)

// JamfAgent is the state of Jamf Conditional Access for a user [BW-W1].
type JamfAgent struct {
	// HaveAzureID is have_an_Azure_id, or nil if the key is missing.
	HaveAzureID *bool
	// LastTokenAt is last_aad_token_timestamp, or zero if it is missing or 0.
	LastTokenAt time.Time
}

// JamfSettings is what com.jamfsoftware.jamf says about device compliance [BW#5, BW-MIG].
type JamfSettings struct {
	// ConditionalAccessEnabled is microsoftCAEnabled. A missing key is false.
	ConditionalAccessEnabled bool
	// ClientID is microsoftCANativeClientAppId, or empty if it is missing.
	ClientID string
}

// Compliance is what Jamf Pro's device-compliance-information says about this Mac [SPEC].
type Compliance struct {
	Applicable bool
	// State is Jamf Pro's word: COMPLIANT, NON_COMPLIANT, or anything else for unknown.
	State string
	// DeviceIDs are the Entra devices that Jamf Pro has linked this Mac to.
	DeviceIDs []DeviceID
}

// Identity is the result of the evidence. The zero value says nothing; see [Evaluate].
type Identity struct {
	State State `json:"state"`
	// Rule is the name of the rule that gave the state, for scripts that need more detail.
	Rule string `json:"rule,omitempty"`
	// Detail is one sentence with the reason for the state.
	Detail string `json:"detail"`
	// Fix is what to do about it, without a capital letter and a full stop. It is empty if there is nothing to do, and
	// in old journals, whose Detail ends with it.
	Fix               string            `json:"fix,omitempty"`
	DeviceID          DeviceID          `json:"device_id,omitempty"`
	TenantID          TenantID          `json:"tenant_id,omitempty"`
	UserPrincipalName UserPrincipalName `json:"user_principal_name,omitempty"`
	UserObjectID      UserObjectID      `json:"user_object_id,omitempty"`
	Thumbprint        Thumbprint        `json:"thumbprint,omitempty"`
	JoinType          JoinType          `json:"join_type,omitempty"`
	TenantRegion      string            `json:"tenant_region,omitempty"`
	NotBefore         time.Time         `json:"not_before,omitzero"`
	NotAfter          time.Time         `json:"not_after,omitzero"`
	ObservedAt        time.Time         `json:"observed_at,omitzero"`
	// Source is the place that holds the identity. If no place does, it is the source that decided the state.
	Source Source `json:"source,omitempty"`
	// Others are the other usable identities in the login keychain. If it is unclear which one represents the Mac, they
	// are all of them.
	Others []OtherIdentity `json:"other_identities,omitempty"`
	// Contradictions are the contradictions between sources.
	Contradictions []Contradiction `json:"contradictions,omitempty"`
}

// OtherIdentity is an identity that exists but was not chosen.
type OtherIdentity struct {
	DeviceID DeviceID `json:"device_id"`
	// TenantID is empty if nothing names one.
	TenantID   TenantID   `json:"tenant_id,omitempty"`
	Thumbprint Thumbprint `json:"thumbprint"`
	NotAfter   time.Time  `json:"not_after,omitzero"`
}

// Contradiction names two sources that cannot both be right, and the one that the state follows. Usher reports it and
// does not hide it.
type Contradiction struct {
	// Name is stable, for scripts.
	Name string `json:"name"`
	// Followed is the source that the state follows. Against is the other one.
	Followed Source `json:"followed"`
	Against  Source `json:"against"`
	// Detail is one sentence with both sides, Fix as in [Identity].
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

// Sentence returns the reason for the state and the fix in one sentence.
func (i Identity) Sentence() string { return statement{i.Detail, i.Fix}.sentence() }

// Sentence returns both sides and the fix in one sentence.
func (c Contradiction) Sentence() string { return statement{c.Detail, c.Fix}.sentence() }

// JoinType is how the device is joined, from OID .7 of the certificate [AADInt].
type JoinType string

// The join types.
const (
	JoinRegistered JoinType = "registered"
	JoinJoined     JoinType = "joined"
)
