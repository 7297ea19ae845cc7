// Package event describes the events in the logs of a registration: what an entry means, its phase in a registration,
// and whether it is progress, trouble or noise. [Recognise] finds the event of a log's record; [All] is the table,
// which docs/log-formats.md and `usherctl explain` show.
package event

import (
	"strconv"
	"strings"

	"usher.internal/internal/applog"
	"usher.internal/internal/errorcode"
	"usher.internal/internal/phrase"
)

// Known is a known event.
type Known struct {
	// Name is stable: programs may rely on it.
	Name string
	// Phrase is its meaning for a registration, for use inside a sentence.
	Phrase string
	Phase  Phase
	Class  Class
	// Advice is one sentence that says what to do about trouble.
	Advice string
	// Source is the source of the fact: a tag of docs/sources.md, or a URL.
	Source string
	// Then is the phase that begins with the event, or "" if the phase continues.
	Then Phase
	// Ends is true for an event that ends an attempt.
	Ends bool
	// Passing is true for trouble from which programs usually recover. It is trouble only for an attempt that failed
	// and has no other cause. Otherwise it is noise.
	Passing bool
	// Cancels is true if the user ended the sign-in: nothing is wrong then.
	Cancels bool
	// Settles are the names of trouble that this event ends, in any phase.
	Settles []string
	// Signs are how entries show it; one of them is enough.
	Signs []Sign
}

// Title returns the meaning for a registration as one sentence without a full stop.
func (k *Known) Title() string { return phrase.Title(k.Phrase) }

// Sign is how an entry shows an event. All fields that are set must match.
type Sign struct {
	// From is the source whose logs can have the sign; "" is every source.
	From applog.Source
	// Process is a part of the name of the program that wrote the entry, for the unified log, and Subsystem the
	// beginning of the entry's subsystem.
	Process, Subsystem string
	// Event is the eventTitle of a telemetry event, and Target its target. It is a sign if the event succeeded, or,
	// with Failed, if it did not.
	Event, Target string
	Failed        bool
	// Message is a part of the message, as written. If it ends with a digit, no other digit may follow.
	Message string
	// Also is another part of the message, or "".
	Also string
	// Common is true for words that other programs use too. In a text of unknown origin they are a sign only at its
	// beginning.
	Common bool
	// Domain and Number are an error code in the message, in any notation ([errorcode.InText]), or in the entry's
	// fields.
	Domain errorcode.Domain
	Number int64
}

// text is contained in every entry that shows the sign. Signs of telemetry have no such text.
func (s *Sign) text() string {
	switch {
	case s.Domain == "":
		return s.Message
	case s.Number < 0:
		return strconv.FormatInt(s.Number, 10)
	default:
		// Nearly every entry has a number of a few digits.
		return "Code=" + strconv.FormatInt(s.Number, 10)
	}
}

// fits reports whether a record whose message contains the sign's text shows the sign. codes are the message's codes.
func (s *Sign) fits(record *applog.Record, codes *messageCodes) bool {
	return (s.Process == "" || strings.Contains(record.Process, s.Process)) &&
		strings.HasPrefix(record.Subsystem, s.Subsystem) &&
		(s.Also == "" || strings.Contains(record.Message, s.Also)) && (s.Domain == "" || codes.has(s.Domain, s.Number))
}

// Phase is a part of a registration.
type Phase string

// The phases, in the order in which a registration goes through them.
const (
	// Preparation: a policy runs, usher checks the Mac and waits for the user's session.
	Preparation Phase = "preparation"
	// Session: usher waits until the user is logged in.
	Session Phase = "session"
	// Launch: Company Portal starts and shows its window.
	Launch Phase = "launch"
	// SignIn: the user signs in.
	SignIn Phase = "sign-in"
	// Token: Entra issues the token for the device registration.
	Token Phase = "token"
	// Registration: Entra's device registration service creates the device.
	Registration Phase = "registration"
	// Storing: the certificate goes into the keychain.
	Storing Phase = "storing"
	// Closing: the registration is done, and Company Portal waits to be closed.
	Closing Phase = "closing"
	// Reading: the identity is read from the user's session.
	Reading Phase = "reading"
	// Consent: the user is asked to allow reading the keychain, or to sign in again.
	Consent Phase = "consent"
	// Delivery: the result goes to Jamf Pro.
	Delivery Phase = "delivery"
)

// Party is who or what a phase waits for.
type Party string

// The parties.
const (
	User   Party = "user"
	Server Party = "server"
	Mac    Party = "mac"
)

// Class is how an event matters to a reader who wants to know how a registration went.
type Class string

// The classes.
const (
	Progress Class = "progress"
	Trouble  Class = "trouble"
	Noise    Class = "noise"
)
