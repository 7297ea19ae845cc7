package redact

import (
	"strings"

	"usher.internal/internal/lazyregexp"
)

// places are where the logs of a registration have user names: the first group is the name.
var places = []struct {
	// hint is a part of every match. Text without it is skipped, which is most text.
	hint    string
	pattern *lazyregexp.Regexp
}{
	{"Users", lazyregexp.New(`(?:/|%2F|\\)Users(?:\\{0,2}/|%2F|\\{1,2})([^/\\%\s"'<>:,;)\]]+)`)},
	{"home", lazyregexp.New(`(?:/|%2F)home(?:\\{0,2}/|%2F)([^/\\%\s"'<>:,;)\]]+)`)},
	{`\\`, lazyregexp.New(`\\{2,4}[\w.-]+\\{1,2}(?i:users|profiles?|homes?|userdata|people|staff)\$?\\{1,` +
		`2}([^/\\\s"'<>:,;)\]]+)`)},
	{"user", lazyregexp.New(`(?:for|of|as|login for) user:? ["“']?([^\s"”'…,;:()]+)`)},
	{"user", lazyregexp.New(`user account:? ["“']?([^\s"”'…,;:()]+)`)},
	{"user", lazyregexp.New(
		`(?:^|[\s,;{("])(?:user|user_name|userName|username|loginUserName)"?\s*[=:]\s*["“']?([^\s"”'…,;:(){}]+)`)},
	{"macOS user ", lazyregexp.New(`macOS user (?:account )?["“']?([^\s"”'…,;:()]+)`)},
	{"account", lazyregexp.New(`account (?:name )?["“']([^\s"”',;:()]+)`)},
}

var jamfComputer = lazyregexp.New(
	`^(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (.{1,200}?) (?:jamf|jamfAgent|JamfDaemon)\[\d+\]: `)

// syslogComputer finds the host of `log show --style syslog`, which mostly is localhost.
var syslogComputer = lazyregexp.New(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}[+-]\d{4}  (\S{2,80}) [^\[]{1,64}\[\d+\]: `)

var computerFields = lazyregexp.New(
	`(?i)(?:computer ?name|device ?name|host ?name|LocalHostName)"?\s*[=:]\s*"?([^",;]{2,80})`)

// LearnName learns a personal text as the name of a user, if it is one word and no other rule has a pseudonym for it.
func (r *Redactor) LearnName(text string) {
	if name := strings.TrimSpace(text); !strings.ContainsAny(name, " \t\n/\\:@,;") && !strings.HasSuffix(name, ".") &&
		r.Text(name) == name {
		r.learnUser(name)
	}
}

// LearnText learns the names in a text. Texts that are redacted afterwards have them replaced.
func (r *Redactor) LearnText(text string) {
	for _, place := range places {
		if !strings.Contains(text, place.hint) {
			continue
		}
		for _, match := range place.pattern.FindAllStringSubmatch(text, -1) {
			r.learnPerson(match[1])
		}
	}
	if strings.ContainsRune(text, '@') || strings.Contains(text, "%40") {
		for _, match := range signInName.FindAllStringSubmatch(text, -1) {
			r.learnPerson(match[0])
		}
	}
	if hasSpelledAt(text) {
		for _, match := range spelled.FindAllString(text, -1) {
			r.learnPerson(plainSignIn(match))
		}
	}
	r.learning = true
	r.hide(r.replaceAccounts(plainLabels(text)), open{})
	r.replaceComputers(text)
	r.learning = false
	for line := range strings.Lines(text) {
		if strings.Contains(line, "amf") {
			if match := jamfComputer.FindStringSubmatch(line); match != nil {
				r.learnComputer(match[1])
			}
		}
		if line[0]-'0' > 9 {
			continue
		}
		if match := syslogComputer.FindStringSubmatch(line); match != nil {
			r.learnComputer(match[1])
		}
	}
	if match := computerFields.FindStringSubmatch(text); match != nil {
		r.learnComputer(strings.TrimSpace(match[1]))
	}
}

// learnPerson learns an account name, or the part of a sign-in name before the @, which mostly is an account name.
func (r *Redactor) learnPerson(value string) {
	local, _, is := cutSignInName(value)
	if is {
		value = local
	}
	if len(value) >= 3 {
		r.learnUser(value)
	}
}

// signInName is a user principal name or e-mail address. Its @ is escaped in URLs and in Kerberos names.
var signInName = lazyregexp.New(`[A-Za-z0-9._+'#$~!\x{80}-\x{10ffff}-]+(?:@|%40|\\@)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`)

func cutSignInName(value string) (local, domain string, ok bool) {
	for _, at := range []string{`\@`, "%40", "@"} {
		if local, domain, ok = strings.Cut(value, at); ok {
			return local, domain, true
		}
	}
	return "", "", false
}
