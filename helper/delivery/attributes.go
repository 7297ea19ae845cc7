package delivery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"usher.internal/helper/jamfpro"
	"usher.internal/internal/wpj"
)

// ExtensionAttribute is a computer extension attribute that the api way of delivery writes.
type ExtensionAttribute struct {
	// Name is what it is called in Jamf Pro; admins build smart groups on it, so it never changes.
	Name string
	// Description is for admins; it goes into Jamf Pro when usher creates the attribute.
	Description string
	// value returns what the report says, and false where it says nothing and the attribute is to be left as it is.
	value func(Report) (string, bool)
}

// extensionAttributes is the one table of them.
var extensionAttributes = []ExtensionAttribute{
	{
		"Usher Registration State",
		"State of the Microsoft Entra registration, from what usher found on the Mac, for example REGISTERED or NOT_REGISTERED.",
		func(r Report) (string, bool) {
			if r.Identity == nil {
				return "", false
			}
			return string(r.Identity.State), true
		},
	},
	{
		"Usher Registration Result",
		"How the last registration with usher ended: SUCCEEDED, CANCELLED, or FAILED with the reason.",
		func(r Report) (string, bool) { return r.Result(), r.Outcome != "" },
	},
	{
		"Usher Entra Device ID",
		"Device id of the Mac in Microsoft Entra, from its Workplace Join certificate. Empty when it is not registered.",
		fromIdentity(func(i *wpj.Identity) string { return string(i.DeviceID) }),
	},
	{
		"Usher User Principal Name",
		"Sign-in name with which the Mac was registered in Microsoft Entra. Empty when it is not registered.",
		fromIdentity(func(i *wpj.Identity) string { return string(i.UserPrincipalName) }),
	},
	{
		"Usher Entra Tenant ID",
		"Id of the Microsoft Entra tenant in which the Mac is registered. Empty when it is not registered.",
		fromIdentity(func(i *wpj.Identity) string { return string(i.TenantID) }),
	},
	{
		"Usher Last Registration",
		"When the last registration with usher ended, in UTC, for example 2026-11-23T09:30:00Z.",
		func(r Report) (string, bool) {
			return r.At.UTC().Format(time.RFC3339), r.Outcome != "" && !r.At.IsZero()
		},
	},
	{
		"Usher State As Of",
		"When usher looked last, of what it has told Jamf Pro, in UTC. It is told with every change and at least once a week.",
		func(r Report) (string, bool) {
			if r.Identity == nil || r.Identity.ObservedAt.IsZero() {
				return "", false
			}
			return r.Identity.ObservedAt.UTC().Format(time.RFC3339), true
		},
	},
	{
		"Usher Device ID Change",
		"The last time that the Mac became another device in Microsoft Entra: when, the old and the new device id.",
		func(r Report) (string, bool) {
			if r.DeviceIDChange == nil {
				return "", false
			}
			return r.DeviceIDChange.String(), true
		},
	},
}

// ExtensionAttributes returns the table, from which the documentation is made.
func ExtensionAttributes() []ExtensionAttribute {
	return slices.Clone(extensionAttributes)
}

// fromIdentity leaves the attribute alone when the identity was not read, could not be looked at, or does not say it: an
// empty value would say that it is not there.
func fromIdentity(field func(*wpj.Identity) string) func(Report) (string, bool) {
	return func(r Report) (string, bool) {
		if r.Identity == nil || r.Identity.State.Unknown() {
			return "", false
		}
		value := field(r.Identity)
		return value, value != "" || !r.Identity.State.Registered()
	}
}

// portalFailed is the reason of a registration that ended with an exit code of Company Portal's.
const portalFailed = "PORTAL_FAILED"

// Result returns the outcome with its reason: SUCCEEDED, CANCELLED, FAILED: registrationDeviceCapError (66), or
// FAILED: IDENTITY_NOT_FOUND. One that Jamf Pro has refused before ends with [DeliveredLater].
func (r Report) Result() string {
	result := r.Outcome
	switch {
	case r.FailureReason == portalFailed && r.PortalExitCode != nil:
		result += ": " + r.PortalExitCode.String()
	case r.FailureReason != "":
		result += ": " + r.FailureReason
	}
	if r.DeliveredLater {
		result += DeliveredLater
	}
	return result
}

// DeliveredLater ends a result that Jamf Pro has refused at first.
const DeliveredLater = " (delivered later)"

// Summary is one line for an admin: whose result it is, and what. It holds the account name and no other personal data.
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
	return r.UserName + ": " + strings.Join(said, ", ")
}

// String is the change as Jamf Pro shows it.
func (c DeviceIDChange) String() string {
	return fmt.Sprintf("%s: %s became %s", c.At.UTC().Format(time.RFC3339), string(c.Old), string(c.New))
}

// values returns what the report says in the form that the client of Jamf Pro takes.
func values(report Report) []jamfpro.Attribute {
	var said []jamfpro.Attribute
	for _, one := range extensionAttributes {
		if value, says := one.value(report); says {
			said = append(said, jamfpro.Attribute{Name: one.Name, Description: one.Description, Value: value})
		}
	}
	return said
}
