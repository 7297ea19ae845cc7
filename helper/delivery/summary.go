package delivery

import "strings"

// portalFailed is the reason of a registration that ended with an exit code of Company Portal's.
const portalFailed = "PORTAL_FAILED"

// Result returns the outcome with its reason: SUCCEEDED, CANCELLED, FAILED: registrationDeviceCapError (66), or
// FAILED: IDENTITY_NOT_FOUND.
func (r Report) Result() string {
	switch {
	case r.FailureReason == portalFailed && r.PortalExitCode != nil:
		return r.Outcome + ": " + r.PortalExitCode.String()
	case r.FailureReason != "":
		return r.Outcome + ": " + r.FailureReason
	}
	return r.Outcome
}

// Summary is one line for an admin: the user and the result. It holds the account name and no other personal data.
func (r Report) Summary() string {
	var said []string
	if r.Outcome != "" {
		said = append(said, r.Result())
	}
	if r.Identity != nil {
		said = append(said, "identity "+string(r.Identity.State))
	}
	if r.DeviceIDChange != nil {
		said = append(said, "another device id")
	}
	if r.UserName == "" {
		return "no user is known any more"
	}
	if len(said) == 0 {
		said = append(said, "the primary user")
	}
	return r.UserName + ": " + strings.Join(said, ", ")
}
