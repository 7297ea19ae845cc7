package wpj

import "slices"

// StateInfo explains a state to an admin.
type StateInfo struct {
	State State
	// Meaning is one line. Fix is what to do, empty if there is nothing to do.
	Meaning, Fix string
	// Command is the complete command line that the user runs to have usher act. It is empty if usher can do nothing.
	Command string
	// Registered reports whether the user has a usable identity.
	Registered bool
}

// answerNotification is for a user whom macOS asks to register. Only the user can answer; no other person or program
// can [MS-PTS, KR].
const answerNotification = "Have the user answer the notification \"Registration Required\" (with a Focus on, " +
	"click the clock), or choose Register in System Settings, Users & Groups, Network Account Server, Edit. After a " +
	"log-out and log-in macOS asks again."

// states is the one table of the states, the gravest first.
var states = []StateInfo{
	{StateNoSession, "usher has never looked at this user: they are not logged in, or usher-agent does not run in " +
		"their session.", "Have the user log in; if they are, see `usherctl doctor`.", "", false},
	{StateUnreadable, "Not known: usher could not look at a place where the identity may be.",
		"Remove the obstacle that the evidence names.", "", false},
	{StateCannotTell, "Not known: a source says something that this version of usher does not know, or too " +
		"little for a state.",
		"See the evidence for the exact words. Update usher if an update exists, and report the problem " +
			"if that does not help.", "", false},
	{StatePending, "Not known yet: macOS asks the user to sign in to Platform SSO again. Often this passes by " +
		"itself, for example when the network is back.",
		"Wait; after a day with a network, or the third time within a week, this becomes NEEDS_KEYS.", "", false},
	{StateNotApplicable, "Not registered, and Jamf Pro does not ask for it: device compliance is off for this Mac.",
		"Put the Mac into the smart group of applicable computers, then run `sudo /usr/local/jamf/bin/jamf manage`.",
		"", false},
	{StatePortalMissing, "Not registered, and cannot be: Company Portal is missing or is not a program. " +
		"`usherctl doctor` reports whether it is too old, and whether it is Microsoft's.", "Install Company Portal.",
		"", false},
	{StateNotRegistered, "Not registered: usher looked at every place, and none holds an identity.",
		"Have the user register.", "usherctl register", false},
	{StatePlatformSSOConfigured, "Platform SSO is configured, and the user has not registered with it.",
		answerNotification, "", false},
	{StateNeedsRegistration, "The Mac is registered with Platform SSO, and this user has to register again.",
		answerNotification, "", false},
	{StateNeedsKeys, "The Mac is registered with Platform SSO, and the user's keys are lost, for example " +
		"because their " +
		"password was reset.",
		"Have the user log out and in, and sign in when macOS asks.", "", false},
	{StateUserNotRegistered, "The Mac is registered with Platform SSO, and this user has never registered.",
		answerNotification, "", false},
	{StateUserKeyInvalid, "The Mac is registered with Platform SSO, and the user's key cannot be used, for example " +
		"because their fingerprints have changed.",
		"Have the user answer macOS's notification, or choose Repair in System Settings, Users & Groups, Network " +
			"Account Server.", "", false},
	{StateNeedsBinding, "The Mac is registered with Platform SSO, and this user's local account is not " +
		"bound to it yet.",
		"Have the user log out and in with the password of their local account, and answer macOS's questions.", "",
		false},
	{StateNeedsRepair, "Microsoft's single sign-on says that the registration needs repair.",
		"Have the user choose Repair in System Settings, Users & Groups, Network Account Server.", "", false},
	{StateOrphaned, "The remains of a registration cannot be used: a certificate without key, several, or items " +
		"that disagree.",
		"Remove them, then have the user register; `usherctl clean` needs --force if a certificate still has " +
			"its private key.", "usherctl clean && usherctl register", false},
	{StateExpired, "The device certificate is not valid at this time.",
		"Check this Mac's clock; if it is right, have the user register again.", "usherctl register", false},
	{StateTenantMismatch, "Registered in another tenant than the configured one.",
		"Register with an account of the right tenant, or correct tenant.id.",
		"usherctl clean --force && usherctl register", false},
	{StateDeactivated, "Registered, but Jamf Conditional Access has given up on this user and will not try again.",
		"Have Jamf gather the identity while the user is logged in.", "usherctl gather", true},
	{StateNotReported, "Registered, but Jamf has not acquired the identity (\"AAD ID not acquired\").",
		"Have Jamf gather the identity while the user is logged in.", "usherctl gather", true},
	{StateDeviceIDChanged, "Registered with a new device id; Jamf Pro is still linked to another one.",
		"Have Jamf gather the identity while the user is logged in, and remove the old device in Entra.",
		"usherctl gather", true},
	{StateNonCompliant, "Registered and reported; Jamf Pro says that this Mac is not compliant.",
		"See the smart group of compliant computers in Jamf Pro; a new registration is non-compliant until it has " +
			"been calculated.", "", true},
	{StateComplianceUnknown, "Registered and reported; Jamf Pro has not yet said whether this Mac is compliant.",
		"Wait for Jamf Pro, which calculates it with the next inventory.", "usherctl gather", true},
	{StateCompliant, "Registered, reported, and compliant by Jamf Pro.", "", "", true},
	{StateRegistered, "Registered: a usable identity exists. Nobody asked Jamf Pro whether it " +
		"is compliant.", "", "", true},
}

// States returns every state, the gravest first.
func States() []StateInfo { return slices.Clone(states) }

// Info explains the state. It returns false for a state that is not in the table.
func (s State) Info() (StateInfo, bool) {
	i := slices.IndexFunc(states, func(info StateInfo) bool { return info.State == s })
	if i < 0 {
		return StateInfo{}, false
	}
	return states[i], true
}

// unknown are the states that say that usher does not know the user's situation.
var unknown = []State{StateNoSession, StateUnreadable, StateCannotTell, StatePending}

// Unknown reports whether the state says that usher does not know, or does not yet know, the user's situation. A state
// that is not in the table is unknown too.
func (s State) Unknown() bool {
	_, known := s.Info()
	return !known || slices.Contains(unknown, s)
}

// Registered reports whether a user in this state has a usable identity.
func (s State) Registered() bool {
	info, _ := s.Info()
	return info.Registered
}
