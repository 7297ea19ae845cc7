package errorcode

import (
	"cmp"
	"slices"
	"strings"
)

// Found is a code in a text.
type Found struct {
	Code
	// Known is false if only Domain and Number are set. Domain is "" if the text does not name one.
	Known bool
	// Bare is true if the text does not name a domain for the number. Each domain that has the number is found, the
	// most likely first.
	Bare bool
	// Signless is true if the code was written without its sign.
	Signless bool
	// Chain numbers the errors of the text: an error and the errors inside it have the same number. Depth is how many
	// errors are around this one.
	Chain, Depth int

	at        int
	isNSError bool
}

// hints are parts of every text with a code, except for codes with Words. Texts without a hint are skipped, which is
// most texts.
var hints = []string{"rror", "ode", "AADSTS", "errSec", "tatus", "POUserState", "Domain", "0x801", "broker key "}

// InText finds the codes in a program's text, each once, in the order of the text. A number is a code only if the text
// says so. A text without a code costs next to nothing.
func InText(text string) []Found {
	words := byWords(text)
	if len(words) == 0 && !slices.ContainsFunc(hints, func(hint string) bool { return strings.Contains(text, hint) }) {
		return nil
	}
	return find(plain(text), false)
}

// Asked finds the codes in a person's text: codes with or without their domain, in any order, the title of an issue, or
// lines of a log. A domain in the text decides the domain of a number, and a number that the domain does not have is
// not known. A number without a domain is looked up in all domains.
func Asked(text string) []Found { return find(blanks(plain(text)), true) }

// blanks replaces several blanks by one, because people and web pages wrap texts. The end of a line remains.
func blanks(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); {
		if !isBlank(text[i]) {
			b.WriteByte(text[i])
			i++
			continue
		}
		blank := byte(' ')
		for ; i < len(text) && isBlank(text[i]); i++ {
			if text[i] == '\n' || text[i] == '\r' {
				blank = '\n'
			}
		}
		b.WriteByte(blank)
	}
	return b.String()
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

func find(text string, spoken bool) (found []Found) {
	// Words may span the end of a line.
	tokens := merge(scan(text, spoken), byWords(strings.ReplaceAll(text, "\n", " ")))
	all := bind(text, tokens, spoken)
	isPure := spoken && isPure(text, tokens)
	named := unpaired(tokens)
	for _, b := range all {
		for _, one := range resolve(text, named, b, spoken, isPure) {
			one.at = b.number.at
			if b.domain != nil && b.domain.isNSError {
				one.at, one.isNSError = min(b.number.at, b.domain.at), true
			}
			found = append(found, one)
		}
	}
	slices.SortStableFunc(found, func(a, b Found) int { return cmp.Compare(a.at, b.at) })
	nest(text, found)
	jamfs(found)
	found = once(found)
	return found[:min(len(found), maximumFound)]
}

// jamfs treats a keychain error inside an error of Jamf's keychain as one of Jamf's keychain too.
func jamfs(found []Found) {
	ofJamf := map[int]bool{}
	for i := range found {
		switch one := &found[i]; {
		case one.Domain == JamfSecurity:
			ofJamf[one.Chain] = true
		case one.Domain == OSStatus && one.Known && ofJamf[one.Chain]:
			one.Code = one.inJamfsKeychain()
		}
	}
}

// merge inserts codes that are written in words among the other tokens, and removes tokens that are a part of the
// words.
func merge(tokens, words []token) (all []token) {
	end := 0 // of the words before the token
	for _, t := range tokens {
		for len(words) > 0 && words[0].at < t.end {
			all = append(all, words[0])
			end = max(end, words[0].end)
			words = words[1:]
		}
		if t.at >= end {
			all = append(all, t)
		}
	}
	return append(all, words...)
}

// isPure reports whether a text has only codes. Then each number in it is a code.
func isPure(text string, tokens []token) bool {
	end := 0
	for _, t := range tokens {
		if t.at > end && !onlyJoining(text[end:t.at], true) {
			return false
		}
		end = max(end, t.end)
	}
	return onlyJoining(text[end:], true)
}

// resolve returns the codes that a number with or without a domain can mean. It returns none if the number is not a
// code.
func resolve(text string, named []token, b bound, spoken, isPure bool) []Found {
	number := b.number
	if b.name >= 0 {
		return []Found{{Code: codes[b.name], Known: true}}
	}
	if b.domain != nil {
		domains := b.domain.spelling.domains
		if domains[0] == ExitCode {
			if number.number == 0 && !isPure || number.number == 1 && isOfScript(text, *b.domain) {
				return nil // a program that succeeded, or any program that failed
			}
			if 0 <= number.number && number.number <= 255 {
				return []Found{{Code: Code{Domain: ExitCode, Number: number.number}}}
			}
		} else if known, signless := ofDomains(domains, number); len(known) > 0 {
			return knownAs(byMessage(known, text, number.end), false, signless)
		} else if b.domain.spelling.strict || !spoken {
			return []Found{{Code: notKnown(domains[0], number.number)}}
		}
		return everywhere(number)
	}
	if domain := byForm(text, number); domain != "" {
		return []Found{codeOf(domain, number)}
	}
	if !spoken {
		found := inLog(text, number)
		if near := nearest(named, number); near != nil && near.spelling.domains[0] == JamfSecurity {
			for i := range found {
				if found[i].Domain == OSStatus {
					found[i].Code = found[i].inJamfsKeychain()
				}
			}
		}
		return found
	}
	if !isPure && !isCode(text, number) {
		return nil
	}
	if near := nearest(named, number); near != nil {
		known, signless := ofDomains(near.spelling.domains, number)
		switch {
		case len(known) > 0:
			return knownAs(byMessage(known, text, number.end), false, signless)
		case !near.spelling.spoken:
			return []Found{{Code: notKnown(near.spelling.domains[0], number.number)}}
		}
	}
	return everywhere(number)
}

// isOfScript reports whether an exit code is that of a Jamf policy's script, in the form of jamf.log.
func isOfScript(text string, exit token) bool {
	return strings.HasSuffix(strings.ToLower(text[max(0, exit.at-len("script ")):exit.at]), "script ")
}

// notKnown returns an unknown code, with the sign that its domain uses.
func notKnown(domain Domain, number int64) Code {
	if same := sameNumber(number); domain != HRESULT && number > 0 {
		number = same[len(same)-1]
	}
	return Code{Domain: domain, Number: number}
}

func knownAs(known []Code, bare, signless bool) (found []Found) {
	for _, code := range known {
		found = append(found, Found{Code: code, Known: true, Bare: bare, Signless: signless})
	}
	return found
}

// everywhere looks a number up in all domains.
func everywhere(number token) []Found {
	known, signless := withNumber(number.number, number.signless)
	if len(known)+len(signless) == 0 {
		return []Found{{Code: Code{Number: number.number}, Bare: true}}
	}
	return append(knownAs(known, true, false), knownAs(signless, true, true)...)
}

// ofDomains returns the codes of a number in the first of some domains that has it. signless is true if the number
// lacked its sign.
func ofDomains(domains []Domain, number token) (known []Code, signless bool) {
	for _, domain := range domains {
		for _, same := range sameNumber(number.number) {
			known = append(known, withKey(domain, same)...)
		}
		if len(known) > 0 {
			return known, false
		}
	}
	if number.signless && number.number > 0 {
		number.number, number.signless = -number.number, false
		known, _ = ofDomains(domains, number)
		return known, len(known) > 0
	}
	return nil, false
}

// messageLength is how far after a number its message is searched for.
const messageLength = 400

// byMessage chooses among several codes of one number: the one that the text after the number names. Otherwise it
// returns the first, which describes what all of them have in common.
func byMessage(known []Code, text string, end int) []Code {
	if len(known) < 2 {
		return known
	}
	message := strings.ToLower(strings.ReplaceAll(text[end:min(len(text), end+messageLength)], "\n", " "))
	said, first := known[:1], len(message)
	for i, c := range known {
		for words := range strings.SplitSeq(strings.ToLower(c.Words), "|") {
			if at := strings.Index(message, words); words != "" && at >= 0 && at < first {
				said, first = known[i:i+1], at
			}
		}
	}
	return said
}

// unpaired returns the domains in the text that have no number next to them.
func unpaired(tokens []token) (named []token) {
	for _, t := range tokens {
		if t.kind == domainToken && !t.used && !t.isGuess && t.spelling.strict && t.spelling.domains[0] != ExitCode &&
			len(named) < maximumFound {
			named = append(named, t)
		}
	}
	return named
}

// nearest returns the domain that is nearest to a number, or nil.
func nearest(named []token, number token) (near *token) {
	distance := func(t *token) int {
		if t.at > number.at {
			return t.at - number.end
		}
		return number.at - t.end
	}
	for i := range named {
		t := &named[i]
		// A formal name decides, even if other domains are named.
		if near == nil || near.spelling.spoken && !t.spelling.spoken ||
			near.spelling.spoken == t.spelling.spoken && distance(t) < distance(near) {
			near = t
		}
	}
	return near
}

// once returns each code once. If an error contains the same error, it returns the inner one, otherwise the first.
func once(found []Found) []Found {
	type identity struct {
		domain Domain
		number int64
		name   string
	}
	seen := map[identity]int{}
	kept := found[:0]
	for _, one := range found {
		id := identity{one.Domain, one.Number, one.Name}
		if at, ok := seen[id]; ok {
			if kept[at].Chain == one.Chain && one.isNSError {
				kept[at].Depth = max(kept[at].Depth, one.Depth)
			}
			continue
		}
		seen[id] = len(kept)
		kept = append(kept, one)
	}
	return kept
}
