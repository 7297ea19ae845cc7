package recognise

import (
	"strings"

	"usher.internal/ctl/inspect/pasted"
	"usher.internal/internal/lazyregexp"
	"usher.internal/internal/wpj"
)

const noteAttribute = "An extension attribute is what a script printed at the last inventory, of the user who was on " +
	"the console then: it is old, and no proof."

// attributeValue is a value that a known script prints.
type attributeValue struct {
	pattern *lazyregexp.Regexp
	// script names the script and its owner; meaning says what the value can show.
	script, meaning string
}

const (
	scriptStatus   = "the community's registration status (benwhitis, ScottEKendall)"
	scriptSSO      = "the community's SSO status (ScottEKendall)"
	scriptSupport  = "the extension of Support.app"
	scriptLight    = "the community's lightweight Platform SSO status"
	scriptAccounts = "the community's check for duplicate accounts"
)

// attributeValues are tried in this order, on each line [BW-EA1, BW-EA2, SK-EA, JE-SUP, BW-DUP, PUB-EA].
var attributeValues = []attributeValue{
	{lazyregexp.New(`^usher: (.+)$`), "usher's own",
		"usherctl could not say the value: what is after \"usher:\" was in the way"},
	{lazyregexp.New(`^Registered with Platform SSO - (.+)$`), scriptStatus,
		"app-sso had a line with registration and true, and Jamf had the device id; whether it was Microsoft's " +
			"Platform SSO, and this user's, the script does not look at"},
	{lazyregexp.New(`^Platform SSO registered but AAD ID not acquired(?: for user home: (.+))?$`), scriptStatus,
		"app-sso had a line with registration and true, and Jamf has no device id of the user yet: run gatherAADInfo " +
			"in the user's session"},
	{lazyregexp.New(`^WPJ Key is in Secure Enclave, but AAD ID not acquired(?: for user home: (.+))?$`), scriptStatus,
		"getPSSOStatus named a device, and Jamf has no device id of the user yet: run gatherAADInfo in the " +
			"user's session"},
	{lazyregexp.New(`^WPJ Key present, JamfAAD PLIST missing(?: from user home: (.+))?$`), scriptStatus,
		"the login keychain has a device certificate (the script does not look for its key), and Jamf has never " +
			"asked for the device id"},
	{lazyregexp.New(`^WPJ Key Present\. AAD ID not acquired(?: for user home: (.+))?$`), scriptStatus,
		"the login keychain has a device certificate (the script does not look for its key), and Jamf has no device " +
			"id of the user"},
	{lazyregexp.New(`^Registered - (\S.*)$`), scriptStatus,
		"the script found a device certificate or a device of getPSSOStatus, and Jamf had the device id; key, dates " +
			"and tenant it does not look at"},
	{lazyregexp.New(`^Not Registered for user home:? (.+)$`), scriptStatus,
		"the script found nothing in the login keychain, nor by getPSSOStatus; older versions look at the login " +
			"keychain only, where new registrations never are"},
	{lazyregexp.New(`^pSSO (Not Enabled|Enabled not registered|Enabled and registered) \((\d)\) \| .*$`), scriptStatus,
		"getPSSOStatus' number, and the user, the device and the home directory"},
	{lazyregexp.New(`^Device ID: *(.*)$`), scriptStatus, "the device id that the script found"},
	{lazyregexp.New(`^APPLE: (Not Registered|Registered Properly)$`), scriptSSO,
		"from registrationCompleted, which is of the device and not of the user; \"Registered Properly\" is also " +
			"printed where app-sso printed nothing"},
	{lazyregexp.New(`^JAMF: (Not Enabled|Not Registerd|Not Registered|Registered Properly) \((\d)\)$`), scriptSSO,
		"from getPSSOStatus' number; everything but 0 and 1 is printed as \"Registered Properly (2)\""},
	{lazyregexp.New(`^MSALPlatformSSO(NotEnabled|EnabledNotRegistered|EnabledAndRegistered|RegistrationNeedsRepair)$`),
		"the community's Platform SSO status",
		"MSAL's name of getPSSOStatus' number"},
	{lazyregexp.New(`^JamfToolNotFound$`), "the community's Platform SSO status",
		"Jamf Conditional Access is not on the Mac, so that nothing is known"},
	{lazyregexp.New(`^(?:Status: )?Jamf Conditional Access binary not found$`), scriptLight,
		"Jamf Conditional Access is not on the Mac, so that nothing is known"},
	{lazyregexp.New(`^(?:Status: )?No getPSSOStatus data returned$`), scriptLight,
		"getPSSOStatus printed nothing, so that nothing is known; it needs Jamf Pro 11.21.1 or later"},
	{lazyregexp.New(`^No active console user$`), scriptLight,
		"nobody was logged in when the script ran, so that nothing is known"},
	{lazyregexp.New(`^Registration: (Registered|Not Fully Registered|Not Registered)$`), scriptLight,
		"from getPSSOStatus' number: 2, 1, and everything else"},
	{lazyregexp.New(`^JamfAAD have_an_Azure_id: (\S+)$`), scriptLight,
		"whether Jamf's last attempt to get the device id succeeded; it says nothing about now"},
	{lazyregexp.New(`^psso_status_code: (\S+)$`), "the community's collector", "getPSSOStatus' number"},
	{lazyregexp.New(`^Platform SSO(?:, (?:pending|Error))?$`), scriptSupport,
		"Platform SSO, with or without the device id that Jamf needs"},
	{lazyregexp.New(`^Registered, (?:pending|Error)$`), scriptSupport,
		"the login keychain has a device certificate, and Jamf has no device id yet"},
	{lazyregexp.New(`^(Multiple accounts found|No duplicate accounts found)$`), scriptAccounts,
		"whether the unified log of five days mentions several accounts; it says nothing about a registration"},
	{lazyregexp.New(`^(Not Registered|Not Fully Registered|Registered)$`), "several scripts of the community",
		"what the script looked at is not known: older ones look at the login keychain only, where new " +
			"registrations never are"},
}

var (
	ownValue = lazyregexp.New(`^(?:([A-Za-z0-9._-]+): )?([A-Z][A-Z_]{5,})$`)
	// result matches the value between its tags. One script closes it with </results>, and a paste may have lost the
	// end.
	result = lazyregexp.New(`(?is)<result>(.*?)(?:</results?>|\z)`)
)

// ownState matches a state in usher's own extension attribute.
func ownState(value string, at int) pasted.Thing {
	thing := pasted.Thing{Format: "extension-attribute", Name: "the value of usher's own extension attribute", At: at,
		Note:   noteAttribute,
		Advice: "`usherctl status` on the Mac says how it is now."}
	addOwn(&thing, value)
	return thing
}

// addOwn adds a state of usher, with or without the account before it. It returns false for any other text.
func addOwn(thing *pasted.Thing, line string) bool {
	match := ownValue.FindStringSubmatch(line)
	if match == nil {
		return false
	}
	info, known := wpj.State(match[2]).Info()
	if known {
		thing.Add("state, when it was reported", line, info.Meaning)
	}
	return known
}

// addKnown adds the facts of one line, and reports whether a known script prints it.
func addKnown(t *pasted.Thing, line string) bool {
	if addOwn(t, line) {
		return true
	}
	for _, one := range attributeValues {
		if one.pattern.MatchString(line) {
			t.Add(one.script, line, one.meaning)
			return true
		}
	}
	return false
}

func findAttributes(from pasted.Source) []pasted.Thing {
	var things []pasted.Thing
	for _, match := range result.FindAllStringSubmatchIndex(from.Text, maximumThings) {
		value := strings.ReplaceAll(from.Text[match[2]:match[3]], `\n`, "\n")
		if isScript(value) {
			continue // the script itself, not its output
		}
		things = append(things, resultThing(value, match[0]))
	}
	if len(things) > 0 {
		return things
	}
	return bareValues(from)
}

// isScript reports whether a value is a shell variable.
func isScript(value string) bool {
	return strings.Contains(value, "$") ||
		strings.HasPrefix(strings.TrimSpace(value), `"`) && strings.Contains(value, `"$`)
}

func resultThing(value string, at int) pasted.Thing {
	thing := pasted.Thing{Format: "extension-attribute", Name: "the value of an extension attribute", At: at,
		Note:   noteAttribute,
		Advice: "`usherctl status` on the Mac says how it is now."}
	lines := 0
	for line := range strings.Lines(strings.TrimSpace(value)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if lines++; !addKnown(&thing, line) && lines <= 20 {
			name, meaning := "value", "not one that usher knows"
			if id := guid.FindStringSubmatch(line); id != nil && id[0] == line {
				meaning = "a GUID; scripts print the device id in this form"
			} else if line == "0" || line == "1" {
				meaning = "yes or no, or the number of getPSSOStatus; which one cannot be known"
			}
			thing.Add(name, line, meaning)
		}
	}
	if lines == 0 {
		thing.Add("value", "empty", "the script printed nothing, which says nothing")
		thing.Facts = append(thing.Facts[:0],
			pasted.Fact{Name: "value", Value: "empty", Meaning: "the script printed nothing, which says nothing"})
	}
	return thing
}

// maximumBare is how many lines a value without its tags may have.
const maximumBare = 40

// bareValues recognises values without their tags, as Jamf Pro shows them. The text must contain nothing else.
func bareValues(from pasted.Source) []pasted.Thing {
	thing := pasted.Thing{Format: "extension-attribute", Name: "the value of an extension attribute",
		Note:   noteAttribute,
		Advice: "`usherctl status` on the Mac says how it is now."}
	lines, other := 0, 0
	for _, line := range from.Lines {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if lines++; lines > maximumBare {
			return nil
		}
		if !addKnown(&thing, line) && !pair.MatchString(line) {
			other++
		}
	}
	if len(thing.Facts) == 0 || other > 0 {
		return nil
	}
	return []pasted.Thing{thing}
}

// pair matches a line that scripts print beside the known values.
var pair = lazyregexp.New(`^(?:User|Home|Captured|Network|version|PSSO ` +
	`Status|tenant_id|device_id|isSSOExtensionInFullMode|sso_full_mode|cloud_host|upn|Parsed summary)\b`)
