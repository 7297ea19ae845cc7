package recognise

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"usher.internal/ctl/inspect/pasted"
	"usher.internal/internal/jamfstate"
	"usher.internal/internal/lazyregexp"
	"usher.internal/internal/wpj"
)

const noteOnePlace = "This is one of the places where a registration can be; a Mac has others: the login keychain, " +
	"the Secure Enclave and Platform SSO."

// statusMeanings are by MSAL's number [MSAL].
var statusMeanings = []string{
	"Platform SSO is not enabled; a registration can be in the login keychain or in the Secure Enclave all the same",
	"Platform SSO is enabled, and the user has not registered with it",
	"Platform SSO is enabled, and the user is registered with it; it says nothing about compliance",
	"the registration needs repair: System Settings, Users & Groups, Network Account Server, Repair",
}

func findStatus(from pasted.Source) []pasted.Thing {
	var things []pasted.Thing
	var last jamfstate.FoundStatus
	for _, one := range jamfstate.FindPSSOStatuses(from.Text) {
		// Scripts print the number once more in a summary.
		if one.Known && one.PSSOStatus == (jamfstate.PSSOStatus{Status: one.Status}) && last.Known &&
			last.Status == one.Status {
			continue
		}
		last = one
		things = append(things, statusThing(one, from.Offset(one.Line)))
	}
	return things
}

func statusThing(one jamfstate.FoundStatus, at int) pasted.Thing {
	thing := pasted.Thing{Format: "psso-status", Name: "the output of Jamf Conditional Access's getPSSOStatus",
		Note: noteOnePlace, At: at}
	switch {
	case one.TimedOut:
		thing.Add("status", "Warning:Timedout",
			"Microsoft's single sign-on did not answer in time, so that nothing is known")
		thing.Advice = "Run getPSSOStatus again in the user's session, after 5 seconds."
		return thing
	case !one.Known:
		thing.Unsure++
		thing.Add("status", "not there",
			"the number that getPSSOStatus prints first is missing, so that no state follows")
	case one.Name() == "":
		thing.Add("status", fmt.Sprint(one.Status), "a number that usher does not know, so that no state follows")
	default:
		thing.Add("status", fmt.Sprintf("%d %s", one.Status, one.Name()), statusMeanings[one.Status])
	}
	thing.Add("device id", string(one.DeviceID), meaningDevice)
	thing.Add("tenant id", string(one.TenantID), meaningTenant)
	switch name := one.UserPrincipalName; {
	case strings.Contains(string(name), "***"):
		thing.Add("user principal", string(name), "masked, so that it names nobody")
	case name == "" && one.DeviceID != "":
		thing.Add("user principal", "blank",
			"getPSSOStatus leaves it out at times; `dscl . -read /Users/NAME AltSecurityIdentities` has it")
	default:
		thing.Add("user principal", string(name), meaningUPN)
	}
	thing.Add("thumbprint", string(one.Thumbprint), meaningThumbprint)
	thing.Add("cloud host", one.CloudHost, "the sign-in host of the Microsoft cloud")
	thing.Add("full mode", one.FullMode, "whether Microsoft's extension may sign in by itself")
	if one.Known && one.Name() != "" {
		evidence := one.Evidence()
		thing.Evidence = &evidence
	}
	return thing
}

var acquired = lazyregexp.New(
	`(?i)((?:Microsoft )?(?:AAD|Entra|Azure AD) ID) (acquired|not acquired)(?: for (?:macOS )?user:? ` +
		`*(\S+))?|No AAD ID found`)

// findGather finds the output of Jamf's gatherAADInfo [SEED]. A value of an extension attribute that mentions it is not
// its output.
func findGather(from pasted.Source) []pasted.Thing {
	var things []pasted.Thing
	at := 0
	for _, line := range from.Lines {
		trimmed := strings.TrimSpace(line)
		match := acquired.FindStringSubmatch(trimmed)
		if match != nil && strings.HasPrefix(trimmed, match[0]) && !isLogLine(trimmed) {
			thing := pasted.Thing{Format: "gather", Name: "the output of Jamf Conditional Access's gatherAADInfo",
				At:   at,
				Note: "It says what Jamf has made of a registration, not whether there is one now."}
			if strings.EqualFold(match[2], "acquired") {
				thing.Add("Entra ID", "acquired", "Jamf got the device id of this user when it ran")
			} else {
				thing.Add("Entra ID", "not acquired",
					"Jamf has no device id of this user; `usherctl doctor` on the Mac says what is in the way")
			}
			thing.Add("account", match[3], "the account on the Mac")
			things = append(things, thing)
		}
		at += len(line) + 1
	}
	return things
}

var logLine = lazyregexp.New(`^(?:\d{4}-\d\d-\d\d|[A-Z][a-z]{2} [A-Z][a-z]{2} +\d)`)

func isLogLine(line string) bool { return logLine.MatchString(line) }

var identities = lazyregexp.New(`(?i)^(?:dsAttrType(?:Standard|Native):)?AltSecurityIdentities:?[ \t]*(.*)$`)

// findDirectory finds AltSecurityIdentities as dscl prints it: the values are on the same line, or on lines of their
// own after a space.
func findDirectory(from pasted.Source) []pasted.Thing {
	var things []pasted.Thing
	at := 0
	for i, line := range from.Lines {
		if match := identities.FindStringSubmatch(strings.TrimSpace(line)); match != nil {
			values := strings.Fields(match[1])
			for _, next := range from.Lines[i+1:] {
				if !strings.HasPrefix(next, " ") || strings.TrimSpace(next) == "" ||
					identities.MatchString(strings.TrimSpace(next)) {
					break
				}
				values = append(values, strings.Fields(next)...)
			}
			things = append(things, directoryThing(values, at))
		}
		at += len(line) + 1
	}
	return things
}

func directoryThing(values []string, at int) pasted.Thing {
	thing := pasted.Thing{Format: "directory-record", Name: "AltSecurityIdentities of a user's record in the directory",
		At: at,
		Note: "It names the user of Platform SSO. Whether the value goes away with the registration is not known, so " +
			"that it gives no state."}
	bound := false
	for _, value := range values {
		kind, name, isPair := strings.Cut(value, ":")
		switch {
		case !isPair:
		case kind == "PlatformSSO":
			bound = true
			thing.Add("user principal", name, meaningUPN+", of Platform SSO")
		default:
			thing.Add("other identity", kind, "not of Platform SSO")
		}
	}
	if !bound {
		thing.Add("Platform SSO", "not there", "the record names no identity of Platform SSO")
	}
	return thing
}

// bare matches a number, a word or a GUID without anything beside it.
func bare(content []byte) *pasted.Thing {
	text, _ := pasted.Decoded(content)
	text = strings.Trim(strings.TrimSpace(pasted.Typed(pasted.Unquoted(pasted.Unbroken(text)))), `"'`)
	switch {
	case len(text) == 1 && strings.Contains("0123", text):
		thing := pasted.Thing{Format: "number", Name: "a number",
			Note:   "What printed a number cannot be known from it, so that it gives no state.",
			Advice: "Have the command sent with what it printed, for example by copying both from Terminal."}
		at := int(text[0] - '0')
		thing.Add("if it is of getPSSOStatus", text+" "+statusNames[at], statusMeanings[at])
		if at < 2 {
			thing.Add("if it is of `defaults read … have_an_Azure_id`", text, meaningAcquired(at == 1))
			thing.Add("if it is of `defaults read … microsoftCAEnabled`", text, meaningEnabled(at == 1))
		}
		return &thing
	case guid.MatchString(text) && len(text) == len(guidZero):
		thing := pasted.Thing{Format: "guid", Name: "a GUID",
			Note: "Whether it is a device, a tenant or a user cannot be known from it, and neither where it is from."}
		thing.Add("GUID", strings.ToLower(text),
			"extension attributes print the device id in this form; look for it among the devices in Entra")
		return &thing
	case slices.ContainsFunc(wpj.States(), func(s wpj.StateInfo) bool { return string(s.State) == text }):
		thing := ownState(text, 0)
		return &thing
	}
	return nil
}

const guidZero = "00000000-0000-0000-0000-000000000000"

var statusNames = func() (names []string) {
	for status := range len(statusMeanings) {
		names = append(names, (&jamfstate.PSSOStatus{Status: status}).Name())
	}
	return names
}()

func meaningAcquired(yes bool) string {
	if yes {
		return "Jamf's last attempt to get the device id succeeded; it says nothing about now"
	}
	return "Jamf has deactivated this user: it does not try again by itself; run gatherAADInfo in the user's session " +
		"once they are registered"
}

func meaningEnabled(yes bool) string {
	if yes {
		return "Jamf Pro wants this Mac to be registered"
	}
	return "Jamf Pro does not ask this Mac to be registered: put it into the smart group of applicable computers, " +
		"then run `sudo /usr/local/jamf/bin/jamf manage`"
}

func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
