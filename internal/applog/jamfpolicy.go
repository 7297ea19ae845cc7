package applog

import "strings"

// jamfPolicy is the grammar of what `jamf policy` prints. It prints the messages of jamf.log without their time,
// computer and process. It also prints messages about scripts, which jamf.log lacks, and with -verbose its steps in
// between. The typed command may come first [docs/log-formats.md; https://github.com/patchoo/patchoo/issues/32;
// samples, derflounder]:
//
//	admin@mac ~ % sudo jamf policy -event enrol -verbose
//	 verbose: Checking for an existing instance of this application...
//	Checking for policies triggered by "enrol" for user "test"...
//	Executing Policy Register
//	Running script register.sh...
//	Script exit code: 0
//	Script result: registered
//
// The result of a script continues until the next line that jamf is known to print.
var jamfPolicy = grammar{format: JamfPolicy, undated: true, head: jamfPolicyHead, body: jamfPolicyBody}

// An ending is how one of jamf's lines ends.
type ending uint8

const (
	anyEnding ending = iota
	ellipsis
	fullStop
)

func (e ending) of(text string) bool {
	switch e {
	case ellipsis:
		return strings.HasSuffix(text, "...") || strings.HasSuffix(text, "…")
	case fullStop:
		return strings.HasSuffix(text, ".")
	}
	return true
}

// jamfLine is how one of jamf's lines begins and ends. text means that the lines after it belong to it.
type jamfLine struct {
	beginning string
	ending    ending
	text      bool
}

// jamfLines are the lines that jamf is known to print, from the sources of [jamfPolicy] and [jamfErrors].
var jamfLines = []jamfLine{
	{beginning: "Adding launchd task ", ending: ellipsis},
	{beginning: "An error occurred ", ending: anyEnding},
	{beginning: "Blessing ", ending: ellipsis},
	{beginning: "Checking for patches", ending: ellipsis},
	{beginning: "Checking for policies triggered by "},
	{beginning: "Checking for policy ID "},
	{beginning: "Could not connect to the JSS"},
	{beginning: "Could not mount distribution point"},
	{beginning: "Creating ", ending: ellipsis},
	{beginning: "Device Signature Error"},
	{beginning: "Downloading ", ending: ellipsis},
	{beginning: "Downloading http", ending: ellipsis},
	{beginning: "Enforcing ", ending: ellipsis},
	{beginning: "Enroll return code: "},
	{beginning: "Enrolling computer", ending: ellipsis},
	{beginning: "Error: Could not mount distribution point"},
	{beginning: "Error running recon: "},
	{beginning: "Error running script: return code was "},
	{beginning: "Executing Policy "},
	{beginning: "Finding extension attributes", ending: ellipsis},
	{beginning: "Gathering application usage information", ending: ellipsis},
	{beginning: "Getting management framework from the JSS", ending: ellipsis},
	{beginning: "Informing the JSS about log"},
	{beginning: "Installation failed.", text: true},
	{beginning: "Installing ", ending: ellipsis},
	{beginning: "Inventory will be updated when all queued actions in Self Service are complete."},
	{beginning: "Locating ", ending: ellipsis},
	{beginning: "Mapping Printer ", ending: ellipsis},
	{beginning: "Mounting ", ending: anyEnding},
	{beginning: "No patch policies were found."},
	{beginning: "No policies were found for the "},
	{beginning: "Permission Error - "},
	{beginning: "Preparing ", ending: ellipsis},
	{beginning: "Removing ", ending: ellipsis},
	{beginning: "Result of command:", text: true},
	{beginning: "Retrieving inventory", ending: ellipsis},
	{beginning: "Retrieving inventory preferences from "},
	{beginning: "Retrying using distribution point ", ending: ellipsis},
	{beginning: "Running Recon", ending: ellipsis},
	{beginning: "Running command ", ending: ellipsis},
	{beginning: "Running script ", ending: ellipsis},
	{beginning: "Script exit code: "},
	{beginning: "Script result:", text: true},
	{beginning: "Searching path: "},
	{beginning: "Security Error - "},
	{beginning: "Setting Default Printer ", ending: ellipsis},
	{beginning: "Submitting data to http", ending: ellipsis},
	{beginning: "Submitting log to http"},
	{beginning: "Successfully installed ", ending: fullStop},
	{beginning: "The package could not be "},
	{beginning: "There was an error", text: true},
	{beginning: "Unmounting ", ending: anyEnding},
	{beginning: "Upgrading ", ending: ellipsis},
	{beginning: "Verifying package integrity", ending: ellipsis},
}

// afterScript are the lines that jamf prints after the result of a script. No other program writes them.
var afterScript = []string{"Error running script: return code was ", "Executing Policy ", "Submitting log to http",
	"Running script ", "Script exit code: "}

func isAfterScript(text string) bool {
	if text == "" || text[0] != 'E' && text[0] != 'R' && text[0] != 'S' {
		return false
	}
	for _, beginning := range afterScript {
		if strings.HasPrefix(text, beginning) {
			return true
		}
	}
	return false
}

func jamfPolicyHead(text string, _ *state, record *Record) bool {
	if detail, ok := strings.CutPrefix(text, " verbose: "); ok {
		record.Message, record.Level, record.WrittenLevel = detail, LevelVerbose, "verbose"
		return true
	}
	if findJamfLine(text) != nil {
		record.Message = text
		readJamfMessage(record)
		return true
	}
	if command, ok := cutPrompt(text); ok {
		record.Message, record.Level = command, LevelInfo
		if trigger := triggerOf(command); trigger != "" {
			record.Fields = Fields{{"trigger", trigger}}
		}
		return true
	}
	return false
}

func jamfPolicyBody(record *Record) body {
	if line := findJamfLine(record.Message); line != nil && line.text {
		return textBody(record)
	}
	return nil
}

func findJamfLine(text string) *jamfLine {
	if text == "" || text[0]-'A' > 25 {
		return nil
	}
	for i := range jamfLines {
		line := &jamfLines[i]
		if line.beginning[0] == text[0] && strings.HasPrefix(text, line.beginning) && line.ending.of(text) {
			return line
		}
	}
	return nil
}

// maximumPrompt is the longest shell prompt that is searched for the command, in bytes.
const maximumPrompt = 120

// cutPrompt returns the command of a line in which `jamf policy` was typed, with or without a prompt before it.
func cutPrompt(text string) (command string, ok bool) {
	at := strings.Index(text[:min(len(text), maximumPrompt)], "jamf policy")
	if at < 0 || looksDated(text) {
		return "", false
	}
	before := text[:at]
	for _, folder := range []string{"/usr/local/bin/", "/usr/local/jamf/bin/", "/usr/sbin/"} {
		before = strings.TrimSuffix(before, folder)
	}
	before = strings.TrimSuffix(before, "sudo ")
	prompt := strings.TrimRight(before, blanks)
	if prompt != "" && (prompt == before || !isPrompt(prompt)) {
		return "", false
	}
	return text[len(before):], true
}

func isPrompt(text string) bool {
	for _, end := range []string{"%", "$", "#", "❯", "➜"} {
		if strings.HasSuffix(text, end) {
			return true
		}
	}
	return strings.HasPrefix(text, "➜")
}

// triggerOf returns the custom event of a command, or "".
func triggerOf(command string) string {
	words := strings.Fields(command)
	for i, word := range words[:len(words)-1] {
		switch word {
		case "-event", "--event", "-trigger", "--trigger", "-action", "-e":
			return unquoteName(strings.Trim(words[i+1], "'"))
		}
	}
	return ""
}
