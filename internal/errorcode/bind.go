package errorcode

import (
	"slices"
	"strings"
)

// bound is a number with the domain next to it, or a code that is written by its name.
type bound struct {
	number token
	// domain is nil for a number without one.
	domain *token
	// name is the index of the code in codes, or -1 for a number.
	name int
}

// bind finds the domain next to each number: before it, after it, or before a list of numbers.
func bind(text string, tokens []token, spoken bool) (all []bound) {
	isNumber := func(i int) bool { return i < len(tokens) && tokens[i].kind == numberToken }
	isDomain := func(i int) bool { return i < len(tokens) && tokens[i].kind == domainToken }
	gap := func(i int) string { return text[tokens[i].end:max(tokens[i].end, tokens[i+1].at)] }
	for i := 0; i < len(tokens); i++ {
		t := &tokens[i]
		switch {
		case t.kind == nameToken:
			all = append(all, bound{number: *t, name: t.code})
			// The number comes after the name, as in "errSecDuplicateItem (-25299)".
			if code := codes[t.code]; code.Numbered() && isNumber(i+1) && joins(gap(i), false) {
				if tokens[i+1].number != code.Number {
					all = append(all, bound{number: tokens[i+1],
						domain: &token{spelling: spellings()[strings.ToLower(string(code.Domain))]}, name: -1})
				}
				i++
			}
		case t.kind == fusedToken, t.kind == domainToken && isNumber(i+1) && belongs(*t, gap(i), tokens[i+1], spoken):
			t.used = true
			if t.kind == fusedToken {
				all = append(all, bound{number: *t, domain: t, name: -1})
			} else {
				i++
				all = append(all, bound{number: tokens[i], domain: t, name: -1})
			}
			// More numbers of the same domain: "NSURLErrorDomain -1001, -1009". A number that only other domains have
			// does not belong to it.
			for isNumber(i+1) && lists(gap(i)) && !(isDomain(i+2) && joins(gap(i+1), spoken)) &&
				(isKnown(t.spelling.domains, tokens[i+1]) || !isKnownAnywhere(tokens[i+1])) {
				i++
				all = append(all, bound{number: tokens[i], domain: t, name: -1})
			}
		case t.kind == numberToken && isDomain(i+1) && precedes(*t, gap(i), tokens[i+1], spoken) &&
			!isValue(text, *t) && !belongsToNext(text, tokens[i:], spoken):
			tokens[i+1].used = true
			all = append(all, bound{number: *t, domain: &tokens[i+1], name: -1})
			i++
		case t.kind == numberToken:
			all = append(all, bound{number: *t, name: -1})
		}
	}
	return all
}

// isValue reports whether a number is the value of something other than an error: "TID=22157".
func isValue(text string, number token) bool {
	return at(text, number.at-1) == '=' && announced(text, number) == ""
}

// belongsToNext reports whether a domain between two numbers is the domain of the second. In "5 MSALErrorDomain -50001"
// the domain has only the second. In "22168 | Error Domain=a.b Code=1" the text calls the second its code.
func belongsToNext(text string, tokens []token, spoken bool) bool {
	if len(tokens) < 3 || tokens[2].kind != numberToken ||
		!belongs(tokens[1], text[tokens[1].end:max(tokens[1].end, tokens[2].at)], tokens[2], spoken) {
		return false
	}
	if containsFold(text[tokens[1].end:tokens[2].at], "code") && announced(text, tokens[0]) == "" {
		return true
	}
	domain, first, second := tokens[1].spelling.domains, tokens[0], tokens[2]
	if isKnown(domain, first) {
		return false
	}
	if len(tokens) > 3 && tokens[3].kind == domainToken &&
		precedes(second, text[second.end:max(second.end, tokens[3].at)], tokens[3], spoken) {
		// Each number comes before its domain.
		return isKnown(domain, second) && !isKnown(tokens[3].spelling.domains, second)
	}
	return isKnown(domain, second) || isKnownAnywhere(first)
}

func isKnown(domains []Domain, number token) bool {
	found, _ := ofDomains(domains, number)
	return len(found) > 0
}

func isKnownAnywhere(number token) bool {
	found, signless := withNumber(number.number, number.signless)
	return len(found)+len(signless) > 0
}

// belongs reports whether a number after a domain belongs to it, according to the text between them.
func belongs(domain token, between string, number token, spoken bool) bool {
	if !joins(between, spoken) {
		return false
	}
	if spoken {
		return !domain.spelling.spoken || isLikely(domain, between, number)
	}
	// In a log, many other texts come after a name.
	says := strings.ContainsAny(between, ",:=(") || saysError(between)
	_, known := spellings()[strings.ToLower(string(domain.spelling.domains[0]))]
	if !known && !domain.isNSError {
		return saysError(between) || strings.Contains(between, ",")
	}
	return says || number.number < 0
}

// precedes reports whether a number before a domain belongs to it.
func precedes(number token, between string, domain token, spoken bool) bool {
	if !joins(between, spoken) {
		return false
	}
	if spoken {
		return !domain.spelling.spoken || isLikely(domain, between, number)
	}
	return containsFold(between, "domain") || strings.Contains(between, "(") || number.number < 0
}

// isLikely reports whether a number next to a word that people use for a domain belongs to that domain. In "keychain
// 25308" it does, and in "TID=22157 MSAL 1.9.0" it does not.
func isLikely(domain token, between string, number token) bool {
	return number.number < 0 || saysError(between) || domain.spelling.domains[0] == ExitCode ||
		isKnown(domain.spelling.domains, number)
}

// joining are the words between a domain and a number that belongs to it.
var joining = map[string]bool{"error": true, "errors": true, "code": true, "codes": true, "errorcode": true,
	"domain": true, "internal": true, "key": true,
	"number": true, "errordomain": true,
	// macOS's translations of error
	"fehler": true, "erreur": true, "errore": true, "fout": true, "erro": true, "fel": true, "fejl": true, "feil": true}

// joiningSpoken are more such words, in people's texts.
var joiningSpoken = map[string]bool{"with": true, "and": true, "is": true, "was": true, "of": true, "in": true,
	"from": true, "the": true, "a": true,
	"status": true, "issue": true, "result": true, "fails": true, "failed": true, "failing": true, "failure": true,
	"returned": true, "returns": true,
	"gave": true, "gives": true, "got": true, "no": true, "nr": true, "num": true, "underlying": true, "problem": true,
	"exception": true, "rawvalue": true,
	"value": true, "err": true, "platform": true, "user": true, "or": true, "also": true, "then": true, "by": true,
	"due": true, "to": true,
	"company": true, "portal": true, "usherctl": true, "fehlercode": true, "foutcode": true}

// joins reports whether only joining words and signs are between a domain and a number.
func joins(between string, spoken bool) bool {
	if len(between) > 48 {
		return false
	}
	return onlyJoining(between, spoken)
}

func onlyJoining(text string, spoken bool) bool {
	for i := 0; i < len(text); {
		if !isWord(text[i]) {
			if !strings.ContainsRune(" \t\r\n\"'()[]<>,:;=#/|*&-_`", rune(text[i])) &&
				!(spoken && strings.ContainsRune(".!?\\+", rune(text[i]))) {
				return false
			}
			i++
			continue
		}
		begin := i
		for i < len(text) && isWord(text[i]) {
			i++
		}
		word := strings.Trim(strings.ToLower(text[begin:i]), "_")
		if word != "" && !joining[word] && !(spoken && joiningSpoken[word]) {
			return false
		}
	}
	return true
}

// lists reports whether only the separators of a list are between two numbers.
func lists(between string) bool {
	for word := range strings.FieldsFuncSeq(between,
		func(r rune) bool { return strings.ContainsRune(" \t,;/&|()", r) }) {
		if !slices.Contains([]string{"and", "or", "code", "error"}, strings.ToLower(word)) {
			return false
		}
	}
	return len(between) <= 16
}

// saysError reports whether a word for error or code is between a domain and a number.
func saysError(between string) bool {
	return containsFold(between, "code") || containsFold(between, "err") || containsFold(between, "fe") ||
		containsFold(between, "fout")
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), part)
}
