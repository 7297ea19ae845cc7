package applog

import "strings"

// jamfErrors are the beginnings of Jamf's messages about failures. Sources: docs/log-formats.md for the first three;
// https://github.com/jamf/JamfSync/issues/41 and .../setup-your-mac/Setup-Your-Mac/issues/160 for "Installation failed"
// and "Error running script"; https://github.com/jamf/ReEnroller/issues/2 for "Failed to".
var jamfErrors = []string{
	"Error ",
	"Error: ",
	"Could not ",
	"Installation failed",
	"An error occurred",
	"There was an error",
	"The package could not be",
	"Unable to ",
	"Failed to ",
	"Device Signature Error",
}

// readJamfMessage sets the level of one of Jamf's entries, and adds the fields in its message.
func readJamfMessage(record *Record) {
	record.Level = LevelInfo
	if record.Message == "" {
		return
	}
	message := record.Message
	switch message[0] {
	case 'C':
		if rest, ok := strings.CutPrefix(message, "Checking for policies triggered by "); ok {
			trigger, user, hasUser := cutLast(rest, " for user ")
			record.Fields.set("trigger", unquoteName(trigger))
			if hasUser {
				record.Fields.set("user", unquoteName(user))
			}
		} else if rest, ok := strings.CutPrefix(message, "Checking for policy ID "); ok {
			record.Fields.set("policyId", trimEllipsis(rest))
		}
	case 'E':
		if policy, ok := strings.CutPrefix(message, "Executing Policy "); ok {
			if record.PID == "" { // the output of older versions has dots, jamf.log has none
				policy = trimEllipsis(policy)
			}
			record.Fields.set("policy", policy)
		} else if code, ok := strings.CutPrefix(message, "Error running script: return code was "); ok {
			record.Fields.set("scriptExitCode", strings.TrimSuffix(code, "."))
		} else if code, ok := strings.CutPrefix(message, "Enroll return code: "); ok {
			record.Fields.set("enrollExitCode", code)
			if code != "0" {
				record.Level = LevelError
			}
		}
	case 'I':
		if user, ok := strings.CutPrefix(message, "Informing the JSS about log"); ok {
			if _, user, ok = strings.Cut(user, " for user "); ok {
				record.Fields.set("user", user)
			}
		}
	case 'N':
		if rest, ok := strings.CutPrefix(message, "No policies were found for the "); ok {
			if trigger, ok := strings.CutSuffix(rest, " trigger."); ok {
				record.Fields.set("trigger", unquoteName(trigger))
			}
		}
	case 'S':
		if code, ok := strings.CutPrefix(message, "Script exit code: "); ok {
			record.Fields.set("scriptExitCode", code)
			if code != "0" {
				record.Level = LevelError
			}
			return
		}
	}
	if isJamfError(message) {
		record.Level = LevelError
	}
}

// isJamfError reports whether a message is about a failure.
func isJamfError(message string) bool {
	for _, beginning := range jamfErrors {
		if message[0] == beginning[0] && strings.HasPrefix(message, beginning) {
			return true
		}
	}
	at := strings.Index(message, errorName)
	return at > 0 && at < maximumErrorName
}

// errorName is the text between the name of a Jamf error and its sentence. An example: "Permission Error - The user
// specified does not have permission to perform the action." maximumErrorName is how far into a message it is searched
// for.
const (
	errorName        = " Error - "
	maximumErrorName = 80
)

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// trimEllipsis removes the dots that Jamf writes after an action that it begins.
func trimEllipsis(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "..."), "…")
}

// unquoteName removes dots from the end of a name, and one pair of quotes around it. The quotes are straight, or
// typographic as on web pages.
func unquoteName(text string) string {
	text = trimEllipsis(text)
	for _, quote := range []string{`"`, "“", "”"} {
		if rest, ok := strings.CutPrefix(text, quote); ok {
			text = rest
			break
		}
	}
	for _, quote := range []string{`"`, "”", "“"} {
		if rest, ok := strings.CutSuffix(text, quote); ok {
			return rest
		}
	}
	return text
}
