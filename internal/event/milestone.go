package event

import (
	"cmp"
	"strings"

	"usher.internal/internal/wpj"
)

// milestones are the events that usher-agent reports while Company Portal runs. If two have the same milestone, the
// milestone means the first.
var milestones = []struct {
	name string
	kind wpj.MilestoneKind
}{
	{SignInStarted, wpj.MilestoneSignInStarted},
	{TokenFetched, wpj.MilestoneTokenFetched},
	{DeviceRegistered, wpj.MilestoneDeviceRegistered},
	{JoinCompleted, wpj.MilestoneWorkplaceJoinCompleted},
	{CertificateStored, wpj.MilestoneCertificateStored},
	{PortalExited, wpj.MilestoneExited},
	{PortalFailed, wpj.MilestoneExited},
	{StepFailed, wpj.MilestoneTrouble},
}

// Milestone returns the milestone of the event, or "". An error that usher does not know has none, and neither has
// trouble that passes by itself.
func (k *Known) Milestone() wpj.MilestoneKind {
	for _, one := range milestones {
		if one.name == k.Name {
			return one.kind
		}
	}
	if k.Class == Trouble && !k.Passing && k.Name != ErrorWritten {
		return wpj.MilestoneTrouble
	}
	return ""
}

// OfMilestone returns the name of the event of a milestone, or "". The detail of trouble is Company Portal's name for
// it, or the title of the event.
func OfMilestone(milestone wpj.Milestone) string {
	if milestone.Kind == wpj.MilestoneTrouble {
		title, _, _ := strings.Cut(milestone.Detail, ":")
		if known := cmp.Or(Titled(milestone.Detail), Titled(title), OfTelemetry(title, "", true)); known != nil {
			return known.Name
		}
	}
	for _, one := range milestones {
		if one.kind == milestone.Kind {
			return one.name
		}
	}
	return ""
}
