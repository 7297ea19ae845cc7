package event

import "slices"

// PhaseInfo describes a [Phase].
type PhaseInfo struct {
	Phase Phase
	// Title is how it is shown.
	Title string
	// WaitingFor is whom the time is spent on.
	WaitingFor Party
}

var phases = []PhaseInfo{
	{Preparation, "Preparing", Mac},
	{Session, "Waiting for the user to log in", User},
	{Launch, "Opening Company Portal", Mac},
	{SignIn, "Signing in", User},
	{Token, "Fetching the token", Server},
	{Registration, "Registering the device", Server},
	{Storing, "Storing the certificate", Mac},
	{Closing, "Closing Company Portal", User},
	{Reading, "Reading the identity", Mac},
	{Consent, "Consenting to the keychain or a second sign-in", User},
	{Delivery, "Telling Jamf Pro", Server},
}

// Info describes the phase; the zero value describes one that is not known.
func (p Phase) Info() PhaseInfo {
	for _, info := range phases {
		if info.Phase == p {
			return info
		}
	}
	return PhaseInfo{}
}

// Order is the place of the phase in a registration, counted from 0; -1 for one that is not known.
func (p Phase) Order() int {
	return slices.IndexFunc(phases, func(info PhaseInfo) bool { return info.Phase == p })
}
