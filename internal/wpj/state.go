package wpj

import "time"

// State is the one state that the evidence of a user's identity comes to.
type State string

// The states. The set is closed; issue by issue it grows towards the table in domain.md 4.1.
const (
	StateNotRegistered  State = "NOT_REGISTERED"
	StateRegistered     State = "REGISTERED"
	StateOrphaned       State = "ORPHANED"
	StateExpired        State = "EXPIRED"
	StateTenantMismatch State = "TENANT_MISMATCH"
	StateUnreadable     State = "UNREADABLE"
)

// Source is a place in which a Workplace Join identity has lived.
type Source string

// The sources.
const (
	SourceLoginKeychain Source = "login keychain"
)

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
)

// HeldCertificate is a certificate that a source holds, as it stands there.
type HeldCertificate struct {
	// DER is the X.509 certificate.
	DER []byte
	// HasPrivateKey tells whether the source holds the private key that belongs to it.
	HasPrivateKey bool
}

// Evidence is what one source said, and when. It is a claim of the user in whose session it was read.
type Evidence struct {
	Source   Source
	Finding  Finding
	Obstacle Obstacle
	// Detail is one sentence for an admin.
	Detail       string
	ObservedAt   time.Time
	Certificates []HeldCertificate
	// From the attributes of keychain items; empty where there is no such item.
	UserPrincipalName UserPrincipalName
	TenantID          TenantID
	Thumbprint        Thumbprint
	CloudHost         string
}

// Identity is what the evidence comes to. The zero value says nothing; see [Evaluate].
type Identity struct {
	State State `json:"state"`
	// Detail is one sentence: what the state rests on.
	Detail            string            `json:"detail"`
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
	Source            Source            `json:"source,omitempty"`
}

// JoinType tells how the device is joined, from OID .7 of the certificate [AADInt].
type JoinType string

// The join types.
const (
	JoinRegistered JoinType = "registered"
	JoinJoined     JoinType = "joined"
)
