// Package attribute is the one table of the extension attributes that Jamf Pro has of a Mac: name, data type, and how
// the value follows from what usherd knows. `usherctl ea` prints them, and the api way of delivery writes them, so that
// both say the same.
package attribute

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/contract"
	"usher.internal/internal/oneline"
	usherv1 "usher.internal/proto/usher/v1"
)

// DataType is how Jamf Pro compares the values of an extension attribute, by its own names [SPEC].
type DataType string

// The data types that usher uses.
const (
	String   DataType = "STRING"
	DateTime DataType = "DATE_TIME"
)

// InForm is what Jamf Pro's form calls the data type.
func (t DataType) InForm() string {
	if t == DateTime {
		return "Date"
	}
	return "String"
}

// longest is how long a value may be, in characters; sentences and lists of users are cut.
const longest = 1000

// Attribute is one extension attribute.
type Attribute struct {
	// Key is what `usherctl ea` calls it. Name is what it is called in Jamf Pro; admins build smart groups on it, so it
	// never changes.
	Key, Name string
	DataType  DataType
	// Description is for admins, one or two sentences; it goes into Jamf Pro where usher creates the attribute.
	Description string

	value func(Report) string
}

// Report is what the values follow from.
type Report struct {
	// User is whom the attributes describe: the primary user of the Mac, or whom somebody asked about. It is nil where
	// usherd knows nobody.
	User *usherv1.UserStatus
	// Others are the other users whom usherd knows.
	Others []*usherv1.UserStatus
}

// Of returns the report about the primary user, see [contract.Primary].
func Of(users []*usherv1.UserStatus) Report { return about(users, contract.Primary(users)) }

// About returns the report about the user of that name; false where usherd does not know any. Where an account was
// deleted and there is a new one of that name, the new one is meant.
func About(users []*usherv1.UserStatus, name string) (_ Report, known bool) {
	var found *usherv1.UserStatus
	for _, user := range users {
		if user.GetUser().GetName() == name && (found == nil || found.GetNoAccount()) {
			found = user
		}
	}
	if found == nil {
		return Report{}, false
	}
	return about(users, found), true
}

func about(users []*usherv1.UserStatus, user *usherv1.UserStatus) Report {
	return Report{User: user, Others: slices.DeleteFunc(slices.Clone(users),
		func(other *usherv1.UserStatus) bool { return other == user })}
}

// Value is what Jamf Pro is told: one line, which is empty where nothing is known. A date has Jamf Pro's form, in UTC.
func (a Attribute) Value(report Report) string { return Text(a.value(report)) }

// Text is a text as it can stand between <result> and </result>, where Jamf reads no entities: one line without angle
// brackets.
func Text(text string) string {
	return oneline.Of(angleBrackets.Replace(text), longest)
}

var angleBrackets = strings.NewReplacer("<", "", ">", "")

// table is in the order of the documentation.
var table = []Attribute{
	{"state", "Usher Registration State", String,
		"State of the Microsoft Entra registration, from what usher found on the Mac, for example REGISTERED or " +
			"NOT_REGISTERED.",
		func(r Report) string { return stateName(r.User.GetIdentity()) }},
	{"result", "Usher Registration Result", String,
		"How the last registration with usher ended, or stands: SUCCEEDED, CANCELLED, or FAILED with the reason. " +
			"SUCCEEDED (delivered later): Jamf Pro refused it at first.",
		func(r Report) string { return result(reported(r)) }},
	{"device-id", "Usher Entra Device ID", String,
		"Device ID of the Mac in Microsoft Entra, from its Workplace Join certificate. Empty when it is " +
			"not registered.",
		func(r Report) string { return lastKnown(r).GetDeviceId() }},
	{"upn", "Usher User Principal Name", String,
		"Sign-in name with which the Mac was registered in Microsoft Entra. Empty when it is not registered.",
		func(r Report) string { return lastKnown(r).GetUserPrincipalName() }},
	{"tenant-id", "Usher Entra Tenant ID", String,
		"ID of the Microsoft Entra tenant in which the Mac is registered. Empty when it is not registered.",
		func(r Report) string { return lastKnown(r).GetTenantId() }},
	{"last-registration", "Usher Last Registration", DateTime,
		"When the last registration with usher came to its result, in UTC.",
		func(r Report) string { return moment(resultTime(reported(r))) }},
	{"as-of", "Usher State As Of", DateTime,
		"When usher looked at the user last, in UTC.",
		func(r Report) string { return moment(r.User.GetLookTime()) }},
	{"device-id-change", "Usher Device ID Change", String,
		"The last time that the Mac became another device in Microsoft Entra: when, in UTC, the old and the " +
			"new device ID.",
		func(r Report) string { return deviceIDChange(r.User.GetDeviceIdChange()) }},
	{"user", "Usher User", String,
		"Account name of the Mac's primary user, whom the other attributes describe.",
		func(r Report) string { return r.User.GetUser().GetName() }},
	{"other-users", "Usher Other Users", String,
		"The Mac's other users whom usher knows, each with the state that was seen last.",
		func(r Report) string { return others(r.Others) }},
	{"detail", "Usher Registration Detail", String,
		"What the state rests on, one sentence.",
		func(r Report) string { return r.User.GetIdentity().GetDetail() }},
	{"source", "Usher Registration Source", String,
		"Where the identity is: login keychain, Secure Enclave or Platform SSO.",
		func(r Report) string { return contract.SourceName(r.User.GetIdentity().GetSource()) }},
	{"contradictions", "Usher Contradictions", String,
		"Names of what sources say against each other, with commas.",
		func(r Report) string { return contradictions(r.User.GetIdentity()) }},
}

// Table returns every attribute there is.
func Table() []Attribute { return slices.Clone(table) }

// Find returns the attribute that `usherctl ea` calls so.
func Find(key string) (_ Attribute, exists bool) {
	at := slices.IndexFunc(table, func(one Attribute) bool { return one.Key == key })
	if at < 0 {
		return Attribute{}, false
	}
	return table[at], true
}

// Keys returns what `usherctl ea` calls them, sorted.
func Keys() []string {
	var keys []string
	for _, one := range table {
		keys = append(keys, one.Key)
	}
	slices.Sort(keys)
	return keys
}

func stateName(identity *usherv1.Identity) string {
	if identity.GetState() == usherv1.IdentityState_IDENTITY_STATE_UNSPECIFIED {
		return ""
	}
	return contract.Name(identity.GetState())
}

// lastKnown is the identity, or where that could not be looked at, the last one before: while a keychain is locked its
// registration has not gone, and the state says that it could not be seen.
func lastKnown(r Report) *usherv1.Identity {
	return cmp.Or(r.User.GetLastKnownIdentity(), r.User.GetIdentity())
}

// reported is the registration whose result counts.
func reported(r Report) *usherv1.Registration {
	return cmp.Or(r.User.GetReportedRegistration(), r.User.GetLastRegistration())
}

// DeliveredLater ends the result of a registration that Jamf Pro refused at first.
const DeliveredLater = " (delivered later)"

// result is how a registration ended, or stands. How its delivery fares does not change that, for this is the delivery.
func result(r *usherv1.Registration) string {
	state, reason := r.GetState(), r.GetFailureReason()
	exit, ended := r.GetPortalExit().GetHow().(*usherv1.PortalExit_Code)
	switch {
	case r == nil:
		return ""
	case reason == usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED:
		return succeeded + DeliveredLater
	case state == usherv1.RegistrationState_REGISTRATION_STATE_FAILED &&
		reason == usherv1.FailureReason_FAILURE_REASON_PORTAL_FAILED && ended:
		return fmt.Sprintf("FAILED: %s (%d)", r.GetPortalExit().GetName(), exit.Code)
	case state == usherv1.RegistrationState_REGISTRATION_STATE_FAILED:
		return "FAILED: " + contract.Name(reason)
	case slices.ContainsFunc(r.GetTransitions(), delivers):
		return succeeded // also where somebody did not want to wait until Jamf Pro has it
	}
	return contract.Name(state)
}

const succeeded = "SUCCEEDED"

func delivers(t *usherv1.Transition) bool {
	return t.GetState() == usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING
}

// resultTime is when a registration came to its result, or to where it stands.
func resultTime(r *usherv1.Registration) *timestamppb.Timestamp {
	transitions := r.GetTransitions()
	if at := slices.IndexFunc(transitions, delivers); at >= 0 {
		return transitions[at].GetTime()
	}
	if len(transitions) == 0 {
		return nil
	}
	return transitions[len(transitions)-1].GetTime()
}

func deviceIDChange(change *usherv1.DeviceIDChange) string {
	if change == nil {
		return ""
	}
	return fmt.Sprintf("%s: %s became %s", moment(change.GetTime()), change.GetOldDeviceId(), change.GetNewDeviceId())
}

// moment is a time in the form of Jamf Pro's dates, which smart groups compare (docs/extension-attributes.md).
func moment(at *timestamppb.Timestamp) string {
	if at == nil {
		return ""
	}
	return at.AsTime().UTC().Format(time.DateTime)
}

// othersNamed is how many of the other users are named; those who have come to a Mac of a pool are counted.
const othersNamed = 20

// others are users with the states that were seen last. One who cannot be looked at, because they are not logged in,
// keeps theirs; one who was never looked at is not among them.
func others(users []*usherv1.UserStatus) string {
	users = slices.DeleteFunc(slices.Clone(users), func(user *usherv1.UserStatus) bool {
		// who has just logged in
		return user.GetLookTime() == nil && user.GetLastRegistration() == nil && !user.GetNoAccount()
	})
	users = slices.SortedFunc(slices.Values(users), func(a, b *usherv1.UserStatus) int {
		return cmp.Compare(a.GetUser().GetName(), b.GetUser().GetName())
	})
	var said []string
	for i, user := range users {
		if i == othersNamed {
			said = append(said, fmt.Sprintf("%d more", len(users)-i))
			break
		}
		said = append(said, user.GetUser().GetName()+": "+otherState(user))
	}
	return strings.Join(said, ", ")
}

func otherState(user *usherv1.UserStatus) string {
	last := cmp.Or(user.GetLastKnownIdentity(), user.GetIdentity())
	state := contract.StateFromProto(last.GetState())
	switch {
	case user.GetNoAccount():
		return "no account"
	case last == nil || state.Unknown():
		return "not known"
	}
	return stateName(last)
}

func contradictions(identity *usherv1.Identity) string {
	var names []string
	for _, one := range identity.GetContradictions() {
		names = append(names, one.GetName())
	}
	return strings.Join(names, ", ")
}
