package excerpt

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
	"usher.internal/internal/lazyregexp"

	"usher.internal/internal/applog"
)

// Person is whom an excerpt is about.
type Person struct {
	Name string
	UID  uint32
	// SignInNames are his user principal names, Registrations the ids of his registrations.
	SignInNames, Registrations []string
}

// Privacy tells what one person may read of a log that is about everybody of a computer.
type Privacy struct {
	person Person
	// others are the names of the other people, in small letters.
	others []string
}

// NewPrivacy returns what a person may read. People are the names of everybody of the computer, account names and full names; his
// own may be among them.
func NewPrivacy(person Person, people []string) *Privacy {
	p := &Privacy{person: person}
	for _, name := range people {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && !p.isHim(name) {
			p.others = append(p.others, name)
		}
	}
	return p
}

// nobodies are the accounts that are no person's.
var nobodies = []string{"root", "_mbsetupuser", "loginwindow", "shared", "guest", "daemon", "nobody", "-"}

// named are the places in which a log names a user; the group is who. A line in which something else stands there is one line
// too few, which does no harm.
var named = []*lazyregexp.Regexp{
	lazyregexp.New(`(?i)\buser(?:name)?["']?(?:\s+account)?\s*[:=]?\s*["“'‘]([^"”'’]*)["”'’]`),
	lazyregexp.New(`(?i)\b(?:for|of|by|as|to) user\s+([^\s"“'‘,;:()]+)`),
	lazyregexp.New(`(?i)\buser account\s+([^\s"“'‘,;:()]+)`),
	lazyregexp.New(`(?i)\buser(?:name)?\s*[:=]\s*([^\s"“'‘,;:()]+)`),
	lazyregexp.New(`(?i)/(?:Users|home)/([^/\s"”'’]+)`),
}

var (
	signInName = lazyregexp.New(`[^\s"'<>()=,;:/]+@[^\s"'<>()=,;:/]+`)
	numbered   = lazyregexp.New(`(?i)\buid["']?\s*[:=]?\s*(\d+)`)
)

// NamesNobodyElse tells whether a record names no other user. The computer's name is everybody's.
func (p *Privacy) NamesNobodyElse(record *applog.Record) bool {
	text := record.Raw
	if computer := record.Fields.Get("computer"); computer != "" {
		text = strings.Replace(text, computer, "", 1)
	}
	return !p.namesOthers(text)
}

// IsAboutHim tells whether a record of usherd's log is about him, and about nobody else too.
func (p *Privacy) IsAboutHim(record *applog.Record) bool {
	if record.Kind != applog.Entry || record.Format != applog.UsherLog || p.namesOthers(record.Raw) {
		return false
	}
	for _, match := range numbered.FindAllStringSubmatch(record.Raw, -1) {
		if match[1] == strconv.FormatUint(uint64(p.person.UID), 10) {
			return true
		}
	}
	text := strings.ToLower(record.Raw)
	return hasWord(text, strings.ToLower(p.person.Name)) ||
		slices.ContainsFunc(p.person.Registrations, func(id string) bool { return strings.Contains(text, id) })
}

func (p *Privacy) namesOthers(text string) bool {
	for _, place := range named {
		for _, match := range place.FindAllStringSubmatch(text, -1) {
			if name := strings.ToLower(strings.TrimRight(match[1], ".… ")); name != "" && !p.isHim(name) && !slices.Contains(nobodies, name) {
				return true
			}
		}
	}
	for _, match := range signInName.FindAllString(text, -1) {
		if !p.isHim(strings.ToLower(strings.TrimRight(match, "."))) {
			return true
		}
	}
	for _, match := range numbered.FindAllStringSubmatch(text, -1) {
		if match[1] != "0" && match[1] != strconv.FormatUint(uint64(p.person.UID), 10) {
			return true
		}
	}
	small := strings.ToLower(text)
	return slices.ContainsFunc(p.others, func(name string) bool { return hasWord(small, name) })
}

// isHim tells whether a name in small letters is one of his.
func (p *Privacy) isHim(name string) bool {
	return name == strings.ToLower(p.person.Name) ||
		slices.ContainsFunc(p.person.SignInNames, func(own string) bool { return strings.ToLower(own) == name })
}

// hasWord tells whether word stands in text with no letter or digit beside it.
func hasWord(text, word string) bool {
	if word == "" {
		return false
	}
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		if !inWord(before) && !inWord(after) {
			return true
		}
		from = at + 1
	}
}

func inWord(letter rune) bool {
	return letter != utf8.RuneError && (unicode.IsLetter(letter) || unicode.IsDigit(letter))
}
