// Package attribute holds the one table of the extension attributes that Jamf Pro has of a Mac: name, data type, and
// how to derive the value from what usherd knows. `usherctl ea` prints them and delivery by API writes them, so both
// have the same values.
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

// DataType is how Jamf Pro compares the values of an extension attribute. Its values are Jamf Pro's names [SPEC].
type DataType string

// The data types that usher uses.
const (
	String   DataType = "STRING"
	DateTime DataType = "DATE_TIME"
)

// InForm is the name of the data type in Jamf Pro's form.
func (t DataType) InForm() string {
	if t == DateTime {
		return "Date"
	}
	return "String"
}

// longest is the longest value, in characters. Longer sentences and lists of users are cut.
const longest = 1000

// Attribute is one extension attribute.
type Attribute struct {
	// Key is the name for `usherctl ea`. Name is the name in Jamf Pro; admins build smart groups on it, so it never
	// changes.
	Key, Name string
	DataType  DataType
	// Description is one or two sentences for admins. It goes into Jamf Pro if usher creates the attribute.
	Description string

	value func(Report) string
}

// Report is the input for the values.
type Report struct {
	// User is the user whom the attributes describe: the primary user of the Mac, or the one in the question. It is nil
	// if usherd knows nobody.
	User *usherv1.UserStatus
	// Others are the other users whom usherd knows.
	Others []*usherv1.UserStatus
}

// Of returns the report about the primary user; see [contract.Primary].
func Of(users []*usherv1.UserStatus) Report { return about(users, contract.Primary(users)) }

// About returns the report about the user of that name. It returns false if usherd does not know one. If an account was
// deleted and a new one has its name, it returns the new one.
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

// Value is the value for Jamf Pro: one line, empty if nothing is known. A date has Jamf Pro's form, in UTC.
func (a Attribute) Value(report Report) string { return Text(a.value(report)) }

// Text makes a text fit for the space between <result> and </result>: one line without angle brackets. Jamf reads no
// entities there.
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
		"How the last registration with usher ended, or its present state: SUCCEEDED, CANCELLED, or FAILED " +
			"with the reason. SUCCEEDED (delivered later): Jamf Pro refused it at first.",
		func(r Report) string { return result(reported(r)) }},
	{"device-id", "Usher Entra Device ID", String,
		"Device ID of the Mac in Microsoft Entra, from its Workplace Join certificate. Empty when it is " +
			"not registered.",
		func(r Report) string { return lastKnown(r).GetDeviceId() }},
	{"upn", "Usher User Principal Name", String,
		"Sign-in name that registered the Mac in Microsoft Entra. Empty when it is not registered.",
		func(r Report) string { return lastKnown(r).GetUserPrincipalName() }},
	{"tenant-id", "Usher Entra Tenant ID", String,
		"ID of the Microsoft Entra tenant that the Mac is registered in. Empty when it is not registered.",
		func(r Report) string { return lastKnown(r).GetTenantId() }},
	{"last-registration", "Usher Last Registration", DateTime,
		"When the last registration with usher ended, in UTC.",
		func(r Report) string { return moment(resultTime(reported(r))) }},
	{"as-of", "Usher State As Of", DateTime,
		"When usher last looked at the user, in UTC.",
		func(r Report) string { return moment(r.User.GetLookTime()) }},
	{"device-id-change", "Usher Device ID Change", String,
		"The last time that the Mac became another device in Microsoft Entra: the time in UTC, the old and the " +
			"new device ID.",
		func(r Report) string { return deviceIDChange(r.User.GetDeviceIdChange()) }},
	{"user", "Usher User", String,
		"Account name of the Mac's primary user, whom the other attributes describe.",
		func(r Report) string { return r.User.GetUser().GetName() }},
	{"other-users", "Usher Other Users", String,
		"The Mac's other users whom usher knows, each with the last known state.",
		func(r Report) string { return others(r.Others) }},
	{"detail", "Usher Registration Detail", String,
		"The reason for the state, in one sentence.",
		func(r Report) string { return r.User.GetIdentity().GetDetail() }},
	{"source", "Usher Registration Source", String,
		"Where the identity is: login keychain, Secure Enclave or Platform SSO.",
		func(r Report) string { return contract.SourceName(r.User.GetIdentity().GetSource()) }},
	{"contradictions", "Usher Contradictions", String,
		"Names of the contradictions between sources, separated by commas.",
		func(r Report) string { return contradictions(r.User.GetIdentity()) }},
}

// Table returns all attributes.
func Table() []Attribute { return slices.Clone(table) }

// Find returns the attribute with that key.
func Find(key string) (_ Attribute, exists bool) {
	at := slices.IndexFunc(table, func(one Attribute) bool { return one.Key == key })
	if at < 0 {
		return Attribute{}, false
	}
	return table[at], true
}

// Keys returns the keys of all attributes, sorted.
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

// lastKnown is the present identity, or the last known one if usher could not look. A registration does not vanish
// because its keychain is locked, and the state says that usher could not look.
func lastKnown(r Report) *usherv1.Identity {
	return cmp.Or(r.User.GetLastKnownIdentity(), r.User.GetIdentity())
}

// reported is the registration whose result is reported.
func reported(r Report) *usherv1.Registration {
	return cmp.Or(r.User.GetReportedRegistration(), r.User.GetLastRegistration())
}

// DeliveredLater ends the result of a registration that Jamf Pro first refused.
const DeliveredLater = " (delivered later)"

// result is how a registration ended, or its present state. The fate of its delivery does not change it, because this
// value is part of the delivery.
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
		return succeeded // also if somebody did not want to wait for Jamf Pro
	}
	return contract.Name(state)
}

const succeeded = "SUCCEEDED"

func delivers(t *usherv1.Transition) bool {
	return t.GetState() == usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING
}

// resultTime is when a registration ended, or when it reached its present state.
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

// moment is a time in the form of Jamf Pro's dates. Smart groups compare them (docs/extension-attributes.md).
func moment(at *timestamppb.Timestamp) string {
	if at == nil {
		return ""
	}
	return at.AsTime().UTC().Format(time.DateTime)
}

// othersNamed is the number of other users that are named. A Mac of a pool can have many; the rest are only counted.
const othersNamed = 20

// others are users with their last known states. A user whom usher cannot look at, because they are not logged in,
// keeps the last state. A user whom usher never looked at is left out.
func others(users []*usherv1.UserStatus) string {
	users = slices.DeleteFunc(slices.Clone(users), func(user *usherv1.UserStatus) bool {
		// a user who has just logged in is still unknown
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
