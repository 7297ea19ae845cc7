package applog

import (
	"context"
	"strings"
)

// Identity describes what a text is recognised as.
type Identity struct {
	// Format is the format of most of its entries, or [ScriptOutput].
	Format Format
	// Name is a name for people.
	Name string
	// Usable is true if the timeline can use the text.
	Usable bool
	// Advice is one sentence that says what to do with the text.
	Advice string
}

// ScriptOutput is the log or the output of an admin's script. It has no grammar.
const ScriptOutput Format = "script-output"

const adviceTimeline = "Run `usherctl timeline FILE`: it says how each registration in it went."

// names holds the name of each format, and advice for the formats that usher cannot use.
var names = map[Format]Identity{
	CompanyPortal2018: {Name: "a log of Company Portal (2018 to 2020)"},
	CompanyPortal5:    {Name: "a log of Company Portal 5"},
	SSOExtension:      {Name: "a log of Company Portal's SSO extension"},
	MSAL:              {Name: "messages of Microsoft's sign-in library (MSAL or ADAL)"},
	JamfLog:           {Name: "jamf.log"},
	JamfPolicy:        {Name: "the output of Jamf, or a policy's log in Jamf Pro"},
	SelfService:       {Name: "a log of Jamf Self Service"},
	UnifiedDefault:    {Name: "the unified log, default style"},
	UnifiedCompact:    {Name: "the unified log, compact style"},
	UnifiedSyslog:     {Name: "the unified log, syslog style"},
	UnifiedJSON:       {Name: "the unified log, JSON style"},
	UnifiedNDJSON:     {Name: "the unified log, ndjson style"},
	UnifiedConsole:    {Name: "the unified log, copied from Console"},
	UsherLog:          {Name: "a log of usher"},
	UsherJournal:      {Name: "registrations of usher's journal"},
	ErrorText: {Name: "an error text (NSError)",
		Advice: "Run `usherctl explain` with it: it names the deepest code that is known."},
	IntuneAgent: {Name: "the log of Intune's own agent (IntuneMDMDaemon)",
		Advice: "It is about apps and scripts that Intune installs, and does not show a registration: read Company " +
			"Portal's logs " +
			"in ~/Library/Logs/Company Portal with `usherctl timeline` instead."},
	ScriptOutput: {Name: "the log or output of a script",
		Advice: "usher does not know its lines: look in the script's source for what they mean, or give usher " +
			"what the script " +
			"read, for example the logs that `usherctl timeline` finds by itself."},
}

// NameOf describes a format; Usable is false if the format cannot show a registration.
func NameOf(format Format) (Identity, bool) {
	identity, ok := names[format]
	identity.Format = format
	if identity.Advice == "" {
		identity.Usable, identity.Advice = true, adviceTimeline
	}
	return identity, ok
}

// maximumIdentified is how many records are read to identify a text.
const maximumIdentified = 2000

// Identify recognises a log by its content, never by a name. It returns false for text that is not a log. It reads only
// the beginning of the text.
func Identify(text string) (Identity, bool) {
	counts := map[Format]int{}
	var dated, unparsed, read int
	runner := false
	for record, err := range Read(context.Background(), strings.NewReader(text), Options{}) {
		if read++; err != nil || read > maximumIdentified {
			break
		}
		switch record.Kind {
		case Entry:
			counts[record.Format]++
		case Unparsed:
			if unparsed++; looksLikeScriptLog(record.Message) {
				dated++
			}
		case Note:
			runner = runner || isRunnerExit(record.Message)
		}
	}
	var best Format
	for format, count := range counts {
		if count > counts[best] || count == counts[best] && format < best {
			best = format
		}
	}
	if best == "" && (runner || dated > 0 && 2*dated >= unparsed) {
		best = ScriptOutput
	}
	if best == "" {
		return Identity{}, false
	}
	return NameOf(best)
}

// looksLikeScriptLog reports whether a line begins like those of scripts: with a date or a time, also in brackets.
func looksLikeScriptLog(text string) bool {
	text = strings.TrimLeft(text, "[("+blanks)
	if looksDated(text) {
		return true
	}
	if len(text) >= dateLength && isNumber(text[:4]) && (text[4] == '/' || text[4] == '.') { // 2026/08/20
		return true
	}
	// 08/20/2026
	if len(text) >= dateLength && isNumber(text[:2]) && isNumber(text[3:5]) && (text[2] == '/' || text[2] == '.') {
		return true
	}
	_, isTime := clock(text)
	return isTime
}
