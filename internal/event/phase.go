package event

import (
	"slices"

	"usher.internal/internal/phrase"
)

// PhaseInfo describes a [Phase].
type PhaseInfo struct {
	Phase Phase
	// Phrase says what happens in the phase, for use inside a sentence.
	Phrase string
	// WaitingFor is the party for which the phase waits.
	WaitingFor Party
}

var phases = []PhaseInfo{
	{Preparation, "preparing", Mac},
	{Session, "waiting for the user to log in", User},
	{Launch, "opening Company Portal", Mac},
	{SignIn, "signing in", User},
	{Token, "fetching the token", Server},
	{Registration, "registering the device", Server},
	{Storing, "storing the certificate", Mac},
	{Closing, "closing Company Portal", User},
	{Reading, "reading the identity", Mac},
	{Consent, "consenting to the keychain or a second sign-in", User},
	{Delivery, "reporting to Jamf Pro", Server},
}

// Title is the phase as it is shown.
func (i PhaseInfo) Title() string { return phrase.Title(i.Phrase) }

// Info describes the phase; the zero value describes an unknown phase.
func (p Phase) Info() PhaseInfo {
	for _, info := range phases {
		if info.Phase == p {
			return info
		}
	}
	return PhaseInfo{}
}

// Order is the place of the phase in a registration, counted from 0, or -1 for an unknown phase.
func (p Phase) Order() int {
	return slices.IndexFunc(phases, func(info PhaseInfo) bool { return info.Phase == p })
}
