package wpj

import "time"

// Milestone is a step of Company Portal in its log.
type Milestone struct {
	Kind MilestoneKind `json:"kind"`
	// At is the time of the log entry.
	At time.Time `json:"at"`
	// Detail is in Company Portal's words, without personal data: for example "WPJ_DeviceRegistration: Succeeded".
	Detail string `json:"detail,omitempty"`
}

// MilestoneKind is a kind of [Milestone]. [event.OfMilestone] returns the event of each.
type MilestoneKind string

// The kinds of milestones.
const (
	MilestoneSignInStarted          MilestoneKind = "SIGN_IN_STARTED"
	MilestoneTokenFetched           MilestoneKind = "TOKEN_FETCHED"
	MilestoneDeviceRegistered       MilestoneKind = "DEVICE_REGISTERED"
	MilestoneWorkplaceJoinCompleted MilestoneKind = "WORKPLACE_JOIN_COMPLETED"
	MilestoneCertificateStored      MilestoneKind = "CERTIFICATE_STORED"
	MilestoneExited                 MilestoneKind = "EXITED"
	// MilestoneTrouble is a step that did not end as it should.
	MilestoneTrouble MilestoneKind = "TROUBLE"
	// MilestoneUnspecified is one that a later version of usher-agent reports and this one does not know.
	MilestoneUnspecified MilestoneKind = "UNSPECIFIED"
)

// Same reports whether two milestones are one milestone that was reported twice.
func (m Milestone) Same(other Milestone) bool {
	return m.Kind == other.Kind && m.At.Equal(other.At) && m.Detail == other.Detail
}
