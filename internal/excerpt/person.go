package excerpt

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"usher.internal/internal/applog"
	"usher.internal/internal/lazyregexp"
)

// Person is the person that an excerpt is about.
type Person struct {
	Name string
	UID  uint32
	// SignInNames are their user principal names, Identifiers the ids of their devices and the thumbprints of their
	// certificates.
	SignInNames, Identifiers []string
}

// Privacy decides what one person may read of a log about all users of a computer.
type Privacy struct {
	person Person
	// others are the names of the other people, in lower case.
	others []string
}

// NewPrivacy returns the Privacy of a person. people are the account names, full names, numbers and ids of all users of
// the computer. They may include the person's own.
func NewPrivacy(person Person, people []string) *Privacy {
	p := &Privacy{person: person}
	for _, name := range people {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && !p.isOwn(name) {
			p.others = append(p.others, name)
		}
	}
	return p
}

// nobodies are the accounts that belong to no person.
var nobodies = []string{"root", "_mbsetupuser", "loginwindow", "shared", "guest", "daemon", "nobody", "-"}

// named are the places in which a log names a user; the group is the name. If another word is there, a line is left out
// needlessly, which does no harm.
var named = []*lazyregexp.Regexp{
	lazyregexp.New(`(?i)\buser(?:name)?["']?(?:\s+account)?\s*[:=]?\s*["“'‘]([^"”'’]*)["”'’]`),
	lazyregexp.New(`(?i)\b(?:for|of|by|as|to) user\s+([^\s"“'‘,;:()]+)`),
	lazyregexp.New(`(?i)\buser account\s+([^\s"“'‘,;:()]+)`),
	lazyregexp.New(`(?i)\buser(?:name)?\s*[:=]\s*([^\s"“'‘,;:()]+)`),
	lazyregexp.New(`(?i)/(?:Users|home)/([^/\s"”'’]+)`),
}

var (
	signInName = lazyregexp.New(`[^\s"'<>()=,;:/]+@[^\s"'<>()=,;:/]+`)
	identifier = lazyregexp.New(`(?i)\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{40}|[0-9a-f]{64})\b`)
	numbered   = lazyregexp.New(`(?i)\buid["']?\s*[:=]?\s*(\d+)`)
)

// NamesNobodyElse reports whether a record names no other user. The computer's name belongs to all users.
func (p *Privacy) NamesNobodyElse(record *applog.Record) bool {
	text := record.Raw
	if computer := record.Fields.Get("computer"); computer != "" {
		text = strings.Replace(text, computer, "", 1)
	}
	return !p.namesOthers(text)
}

// Knows reports whether a text contains known data of another person of the computer. Unlike [Privacy.NamesNobodyElse],
// it does not search places that might name anybody. It is for texts by the person or about them.
func (p *Privacy) Knows(text string) bool {
	small := strings.ToLower(text)
	return slices.ContainsFunc(p.others, func(other string) bool { return hasWord(small, other) })
}

// Without returns a text in which [Another] replaces all known data of other people.
func (p *Privacy) Without(text string) string {
	for _, other := range p.others {
		text = replaceWord(text, other, Another)
	}
	return text
}

// Another replaces the data of another person.
const Another = "(another user)"

func (p *Privacy) namesOthers(text string) bool {
	for _, place := range named {
		for _, match := range place.FindAllStringSubmatch(text, -1) {
			if name := strings.ToLower(strings.TrimRight(match[1], ".… ")); name != "" && !p.isOwn(name) &&
				!slices.Contains(nobodies, name) {
				return true
			}
		}
	}
	for _, match := range signInName.FindAllString(text, -1) {
		if !p.isOwn(strings.ToLower(strings.TrimRight(match, "."))) {
			return true
		}
	}
	for _, match := range numbered.FindAllStringSubmatch(text, -1) {
		if match[1] != "0" && match[1] != strconv.FormatUint(uint64(p.person.UID), 10) {
			return true
		}
	}
	for _, found := range identifier.FindAllString(text, -1) {
		if !slices.ContainsFunc(p.person.Identifiers, func(own string) bool { return strings.EqualFold(own, found) }) {
			return true // nothing says whose it is
		}
	}
	return p.Knows(text)
}

// isOwn reports whether a name in lower case belongs to the person.
func (p *Privacy) isOwn(name string) bool {
	return name == strings.ToLower(p.person.Name) || name == strconv.FormatUint(uint64(p.person.UID), 10) ||
		slices.ContainsFunc(slices.Concat(p.person.SignInNames, p.person.Identifiers),
			func(own string) bool { return strings.ToLower(own) == name })
}

// replaceWord replaces a word that is given in lower case, in any case, where no letter or digit is next to it.
func replaceWord(text, word, by string) string {
	small := strings.ToLower(text)
	// no account name has a letter whose lower-case form has another length
	if len(small) != len(text) || !hasWord(small, word) {
		return text
	}
	var replaced strings.Builder
	for from := 0; ; {
		at := findWord(small[from:], word)
		if at < 0 {
			replaced.WriteString(text[from:])
			return replaced.String()
		}
		replaced.WriteString(text[from:from+at] + by)
		from += at + len(word)
	}
}

// hasWord reports whether word is in text with no letter or digit next to it.
func hasWord(text, word string) bool { return findWord(text, word) >= 0 }

// findWord returns where a word is in text with no letter or digit next to it, or -1.
func findWord(text, word string) int {
	if word == "" {
		return -1
	}
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return -1
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		if !inWord(before) && !inWord(after) {
			return at
		}
		from = at + 1
	}
}

func inWord(letter rune) bool {
	return letter != utf8.RuneError && (unicode.IsLetter(letter) || unicode.IsDigit(letter))
}
