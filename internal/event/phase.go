package event

import (
	"slices"

	"usher.internal/internal/phrase"
)

// PhaseInfo describes a [Phase].
type PhaseInfo struct {
	Phase Phase
	// Phrase is what happens in it, for use inside a sentence.
	Phrase string
	// WaitingFor is whom the time is spent on.
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
	{Delivery, "telling Jamf Pro", Server},
}

// Title is how the phase is shown.
func (i PhaseInfo) Title() string { return phrase.Title(i.Phrase) }

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
