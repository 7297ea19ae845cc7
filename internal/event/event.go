// Package event knows the events that the logs of a registration show: what an entry means, in which phase of a
// registration it belongs, and whether it is progress, trouble or noise. [Recognise] finds the event of a log's record;
// [All] is the table, which docs/log-formats.md and `usherctl explain` show.
package event

import (
	"strconv"
	"strings"

	"usher.internal/internal/applog"
	"usher.internal/internal/errorcode"
	"usher.internal/internal/phrase"
)

// Known is an event that is known.
type Known struct {
	// Name is stable: programs may rely on it.
	Name string
	// Phrase is what it means for a registration, for use inside a sentence.
	Phrase string
	Phase  Phase
	Class  Class
	// Advice is what to do about it, one sentence, for trouble.
	Advice string
	// Source is where the fact is from: a tag of docs/sources.md, or a URL.
	Source string
	// Then is the phase that begins with the event, "" where the phase goes on.
	Then Phase
	// Ends is true for an event that ends an attempt.
	Ends bool
	// Passing is true for trouble that programs usually get over by themselves: it is trouble only for an attempt that
	// failed and has no other cause, and noise elsewhere.
	Passing bool
	// Cancels is true where the user ended the sign-in: nothing is wrong then.
	Cancels bool
	// Settles are the names of the trouble that is over when this event is seen, whatever its phase.
	Settles []string
	// Signs are how entries show it; one of them suffices.
	Signs []Sign
}

// Title returns what it means for a registration, one sentence without a full stop.
func (k *Known) Title() string { return phrase.Title(k.Phrase) }

// Sign is how an entry shows an event. All that is set must hold.
type Sign struct {
	// From is the source in whose logs the sign counts, "" all of them.
	From applog.Source
	// Process is a part of the name of the program that wrote the entry, for the unified log, and Subsystem the
	// beginning of the entry's subsystem.
	Process, Subsystem string
	// Event is the eventTitle of a telemetry event, and Target its target. The event is a sign when it ended well, with
	// Failed when it did not.
	Event, Target string
	Failed        bool
	// Message is a part of the message, as it is written. One that ends with a digit is not followed by another digit.
	Message string
	// Also is another part of the message, "" for none.
	Also string
	// Common is true for words that others use too: in a text of unknown origin they are a sign only at its beginning.
	Common bool
	// Domain and Number are an error code in the message, however it is written there ([errorcode.InText]), or in
	// the entry's fields.
	Domain errorcode.Domain
	Number int64
}

// text is what an entry that shows the sign contains, for a sign that is not one of telemetry.
func (s *Sign) text() string {
	switch {
	case s.Domain == "":
		return s.Message
	case s.Number < 0:
		return strconv.FormatInt(s.Number, 10)
	default:
		// A number of a few digits is in nearly every entry.
		return "Code=" + strconv.FormatInt(s.Number, 10)
	}
}

// fits reports whether a record whose message contains the sign's text shows the sign. codes are those of the message.
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
	// Registration: Entra's device registration service makes the device.
	Registration Phase = "registration"
	// Storing: the certificate goes into the keychain.
	Storing Phase = "storing"
	// Closing: the registration is done, and Company Portal waits to be closed.
	Closing Phase = "closing"
	// Reading: the identity is read from the user's session.
	Reading Phase = "reading"
	// Consent: the user is asked whether the keychain may be read, or to sign in once more.
	Consent Phase = "consent"
	// Delivery: the result goes to Jamf Pro.
	Delivery Phase = "delivery"
)

// Party is whom a phase waits for.
type Party string

// The parties.
const (
	User   Party = "user"
	Server Party = "server"
	Mac    Party = "mac"
)

// Class tells what an event is for somebody who asks how a registration went.
type Class string

// The classes.
const (
	Progress Class = "progress"
	Trouble  Class = "trouble"
	Noise    Class = "noise"
)
