package status

import (
	"slices"
	"strings"

	usherv1 "usher.internal/proto/usher/v1"
)

// withoutDevicesOfOthers keeps only the user's own of the devices to which Jamf Pro has linked this computer.
func withoutDevicesOfOthers(user *usherv1.UserStatus) {
	own := []string{user.GetIdentity().GetDeviceId(), user.GetLastRegistration().GetIdentity().GetDeviceId(),
		user.GetDeviceIdChange().GetOldDeviceId(), user.GetDeviceIdChange().GetNewDeviceId()}
	isOthers := func(id string) bool {
		return !slices.ContainsFunc(own, func(one string) bool { return strings.EqualFold(one, id) })
	}
	for _, evidence := range user.GetEvidence() {
		if facts := evidence.GetCompliance(); facts != nil {
			facts.DeviceIds = slices.DeleteFunc(facts.DeviceIds, isOthers)
		}
	}
}

// withoutJamfPro leaves out why Jamf Pro could not be asked: that describes problems of the API client and its secret.
func withoutJamfPro(user *usherv1.UserStatus) {
	for _, evidence := range user.GetEvidence() {
		if evidence.GetSource() != usherv1.IdentitySource_IDENTITY_SOURCE_JAMF_PRO ||
			evidence.GetFinding() != usherv1.Finding_FINDING_COULD_NOT_LOOK {
			continue
		}
		said := strings.TrimRight(evidence.GetDetail(), ".")
		evidence.Detail, evidence.Obstacle = "Jamf Pro could not be asked. Only root and admins see why.",
			usherv1.Obstacle_OBSTACLE_UNAVAILABLE
		if identity := user.GetIdentity(); identity != nil && said != "" {
			identity.Detail = strings.ReplaceAll(identity.Detail, said, "only root and admins see why")
		}
	}
}
