package recognise

import (
	"bytes"

	"usher.internal/ctl/inspect/pasted"
	"usher.internal/internal/applog"
	"usher.internal/internal/lazyregexp"
)

const (
	adviceList = "inspect knows com.jamf.management.jamfAAD.plist, com.jamfsoftware.jamf.plist and profiles for " +
		"single sign-on. Send the file itself, as a whole."
)

// texts are recognised by a pattern but not read here. The first match is taken.
var foreignTexts = []struct {
	pattern              *lazyregexp.Regexp
	format, name, advice string
}{
	{lazyregexp.New(`(?m)^-{5}BEGIN [A-Z ]*CERTIFICATE REQUEST-{5}`), "certificate-request",
		"a request for a certificate",
		"It is no certificate. Send the output of `security find-certificate -a -p`."},
	{lazyregexp.New(`(?m)^ *app-sso \[kerberos\|platform\]|^ *Kerberos Commands \(default mode\)|^ *Platform ` +
		`SSO Commands:`), "app-sso-usage", "the usage of app-sso",
		"The command was not understood. Run `app-sso platform -s` in the user's session, and send what it prints."},
	{lazyregexp.New(`(?m)^ *Usage: *(?:JamfAAD|Jamf Conditional Access)`), "jamf-usage",
		"the usage of Jamf Conditional Access",
		"It does not know the command: getPSSOStatus needs Jamf Pro 11.21.1 or later."},
	{lazyregexp.New(`(?mi)^ *(?:Device|User) Registration: *(?:NOT )?REGISTERED`), "runbook",
		"an example from a runbook",
		"app-sso never prints this. Run `app-sso platform -s` on the Mac, and send what it prints."},
	{lazyregexp.New(`\A#! ?/`), "script", "a script", "Run it, and send what it prints."},
	{lazyregexp.New(`"schema" *: *"usher\.`), "usher-json", "JSON of usherctl",
		"It is what usher has said already; docs/json.md says what the fields mean."},
	{lazyregexp.New(`(?i)\A\s*(?:<!doctype html|<html\b)`), "web-page", "a web page", pasted.AdviceText},
}

// foreign recognises content that is not read here, and says what to do with it. It returns nil for unknown content.
func foreign(content []byte) *pasted.Thing {
	refused := func(format, name, problem, advice string) *pasted.Thing {
		return &pasted.Thing{Format: format, Name: name, Problem: problem, Advice: advice}
	}
	switch {
	case pasted.IsEncrypted(content):
		return refused("encrypted", "an encrypted file, such as a profile for one device",
			"only that device can read it", "Download the profile from the MDM, where it is not encrypted.")
	case pasted.IsSigned(content):
		return refused("signed", "signed data without a profile in it",
			"there is no property list in it that inspect reads", "Send the profile itself: the .mobileconfig file.")
	case pasted.IsKeyStore(content):
		return refused("private-key", "a certificate with its private key (PKCS #12)",
			"a private key is no evidence, and must stay where it is",
			"Do not send it on, and delete this copy. Send the certificate without its key.")
	case bytes.HasPrefix(content, []byte("bplist")):
		return refused("property-list", "a binary property list that inspect does not know, or that cannot be read",
			notRead, adviceList)
	case len(content) > 262 && string(content[257:262]) == "ustar":
		return refused("archive", "an archive (tar)", notRead, pasted.AdviceArchive)
	}
	for _, one := range pasted.Magics {
		if bytes.HasPrefix(content, []byte(one.Begin)) {
			return refused(one.Format, one.Name, notRead, one.Advice)
		}
	}
	all := pasted.Readings(content)
	for _, one := range foreignTexts {
		for _, reading := range all {
			if one.pattern.MatchString(reading.Text) {
				return refused(one.format, one.name, notRead, one.advice)
			}
		}
	}
	if log, found := identified(all); found {
		return refused(string(log.Format), log.Name, notRead, log.Advice)
	}
	for _, reading := range all {
		if propertyList.MatchString(reading.Text) {
			return refused("property-list", "a property list that inspect does not know, or that cannot be read",
				notRead, adviceList)
		}
	}
	return nil
}

// identified names the log that a text is from, as the timeline knows it. A log that the timeline reads has priority
// over one that it only names: with quote marks before its lines, a log resembles a script's output.
func identified(all []pasted.Reading) (named applog.Identity, found bool) {
	indented := pasted.Reading{Text: leadingSpaces.ReplaceAllString(all[len(all)-1].Text, "")}
	for _, one := range append(all, indented) {
		log, known := applog.Identify(one.Text)
		if known && (log.Usable || log.Format == applog.IntuneAgent) {
			return log, true
		}
		if known && !found {
			named, found = log, true
		}
	}
	return named, found
}

var propertyList = lazyregexp.New(`(?i)<\?xml|<plist\b`)

var leadingSpaces = lazyregexp.New(`(?m)^ +`)

const notRead = "inspect does not read it"
