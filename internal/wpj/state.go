package wpj

import "time"

// State is the one state that the evidence of a user's identity comes to. The set is closed; [States] explains each.
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

// The sources. The first three are where an identity has lived; the others say what became of it.
const (
	SourceLoginKeychain Source = "login keychain"
	SourcePlatformSSO   Source = "Platform SSO"
	SourceSecureEnclave Source = "Secure Enclave"
	// SourceJamfAgent is what Jamf Conditional Access (jamfAAD) keeps in the user's preferences.
	SourceJamfAgent Source = "Jamf Conditional Access"
	// SourceJamfSettings is what Jamf's preferences say of this Mac.
	SourceJamfSettings Source = "Jamf's settings"
	SourcePortal       Source = "Company Portal"
	SourceJamfPro      Source = "Jamf Pro"
	// SourceDirectory is the AltSecurityIdentities of the user's record in the directory. They can be read without a
	// session.
	SourceDirectory Source = "directory"
)

// Sources returns every source, those in which an identity lives first.
func Sources() []Source {
	return []Source{SourceLoginKeychain, SourcePlatformSSO, SourceSecureEnclave, SourceJamfAgent, SourceJamfSettings,
		SourcePortal, SourceJamfPro, SourceDirectory}
}

// Finding is what looking at a [Source] came to.
type Finding string

// The findings. [CouldNotLook] is never to be read as [NotThere].
const (
	Found        Finding = "found"
	NotThere     Finding = "not there"
	CouldNotLook Finding = "could not look"
)

// Obstacle says why a source could not be looked at; empty where it could.
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

// HeldCertificate is a certificate that a source holds, as it stands there.
type HeldCertificate struct {
	// DER is the X.509 certificate.
	DER []byte
	// HasPrivateKey tells whether the source holds the private key that belongs to it.
	HasPrivateKey bool
	// Items are those that belong to it; nil where nobody has looked for them, so that they are those of the
	// [Evidence].
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
	// From the attributes of keychain items, or from what the Secure Enclave's registration is described with; empty
	// where nothing says it.
	UserPrincipalName UserPrincipalName
	TenantID          TenantID
	Thumbprint        Thumbprint
	CloudHost         string
	// DeviceID is what the source itself names; a certificate has its own.
	DeviceID DeviceID
	// Possession tells whether the private key was proved to be there; empty where nobody asked for it.
	Possession Possession
	// What one kind of source alone says; nil with every other.
	PlatformSSO   *PlatformSSO
	SecureEnclave *SecureEnclave
	JamfAgent     *JamfAgent
	JamfSettings  *JamfSettings
	Compliance    *Compliance
}

// Possession is what came of asking for a signature with the device key.
type Possession string

// What may come of it. [PossessionRefuted] is a signature that is not by the certificate's key, [PossessionNotProved]
// none.
const (
	PossessionProved    Possession = "proved"
	PossessionRefuted   Possession = "refuted"
	PossessionNotProved Possession = "not proved"
)

// SecureEnclave is what Microsoft's library says through Jamf's getPSSOStatus.
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
	// HaveAzureID is have_an_Azure_id; nil where the key is missing.
	HaveAzureID *bool
	// LastTokenAt is last_aad_token_timestamp; zero where it is missing or 0.
	LastTokenAt time.Time
}

// JamfSettings is what com.jamfsoftware.jamf says of device compliance [BW#5, BW-MIG].
type JamfSettings struct {
	// ConditionalAccessEnabled is microsoftCAEnabled; a key that is missing is false.
	ConditionalAccessEnabled bool
	// ClientID is microsoftCANativeClientAppId, empty where it is missing.
	ClientID string
}

// Compliance is what Jamf Pro's device-compliance-information says of this Mac [SPEC].
type Compliance struct {
	Applicable bool
	// State is Jamf Pro's word: COMPLIANT, NON_COMPLIANT, or anything else for unknown.
	State string
	// DeviceIDs are the Entra devices that Jamf Pro has linked this Mac to.
	DeviceIDs []DeviceID
}

// Identity is what the evidence comes to. The zero value says nothing; see [Evaluate].
type Identity struct {
	State State `json:"state"`
	// Rule is the name of the rule that the state comes from, for scripts that want to know more exactly.
	Rule string `json:"rule,omitempty"`
	// Detail is one sentence: what the state rests on.
	Detail string `json:"detail"`
	// Fix is what to do about it, without a capital letter and a full stop; empty where there is nothing, and in
	// journals of before it was kept, whose Detail ends with it.
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
	// Source is the place that holds the identity, or that the state rests on where none does.
	Source Source `json:"source,omitempty"`
	// Others are the identities beside this one in the login keychain that can be used; where it is open which one
	// speaks for the Mac, they are all of them.
	Others []OtherIdentity `json:"other_identities,omitempty"`
	// Contradictions are what sources say against each other.
	Contradictions []Contradiction `json:"contradictions,omitempty"`
}

// OtherIdentity is an identity that is there and was not chosen.
type OtherIdentity struct {
	DeviceID DeviceID `json:"device_id"`
	// TenantID is empty where nothing names one.
	TenantID   TenantID   `json:"tenant_id,omitempty"`
	Thumbprint Thumbprint `json:"thumbprint"`
	NotAfter   time.Time  `json:"not_after,omitzero"`
}

// Contradiction is reported and not smoothed over: two sources that cannot both be right, and which one the state
// follows.
type Contradiction struct {
	// Name is stable, for scripts.
	Name string `json:"name"`
	// Followed is the source that the state follows, Against the other one.
	Followed Source `json:"followed"`
	Against  Source `json:"against"`
	// Detail is one sentence with both sides, Fix as in [Identity].
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

// Sentence returns what the state rests on and the fix in one sentence.
func (i Identity) Sentence() string { return told{i.Detail, i.Fix}.sentence() }

// Sentence returns both sides and the fix in one sentence.
func (c Contradiction) Sentence() string { return told{c.Detail, c.Fix}.sentence() }

// JoinType tells how the device is joined, from OID .7 of the certificate [AADInt].
type JoinType string

// The join types.
const (
	JoinRegistered JoinType = "registered"
	JoinJoined     JoinType = "joined"
)
