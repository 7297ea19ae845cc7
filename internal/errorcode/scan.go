package errorcode

import (
	"strconv"
	"strings"
	"sync"
)

// token is one part of an error code in a text.
type token struct {
	kind    tokenKind
	at, end int
	// spelling is the spelling of a domain.
	spelling spelling
	// number is the value of a number. signless is true if it may lack its sign.
	number   int64
	signless bool
	// code is the index in codes of a code that is written by its name.
	code int
	// isGuess is true if a word only looks like a domain. The subsystem of a log looks like one too.
	isGuess bool
	// isNSError is true for the domain in the description of an NSError. Such an error can contain others.
	isNSError bool
	// used is true if a number belongs to the domain.
	used bool
}

type tokenKind byte

const (
	domainToken tokenKind = iota
	numberToken
	nameToken
	// fusedToken is a domain and a number in one word: AADSTS50126.
	fusedToken
)

const (
	// maximumTokens limits the tokens that are examined in one text, and maximumFound the codes that are found in it.
	maximumTokens = 1 << 17
	maximumFound  = 1000
)

// typography replaces the characters that editors and web pages write instead of ASCII. It also replaces other
// languages' words for error: macOS translates "The operation couldn't be completed. (NSURLErrorDomain error -1009.)".
var typography = strings.NewReplacer("\u2212", "-", "\u2013", "-", "\u2010", "-", "\u2011", "-", "\uff0d", "-",
	"\u2014", " - ",
	"\u2018", "'", "\u2019", "'", "\u201c", `"`, "\u201d", `"`, "\u201e", `"`, "\u00ab", `"`, "\u00bb", `"`,
	"\uff08", "(", "\uff09", ")", "\u3002", ".", "\uff1a", ":", "\uff0c", ",", "\u00a0", " ", "\u202f", " ", "\u3000",
	" ", "\u200b", "", "\ufeff", "",
	"エラー", " error ", "错误", " error ", "錯誤", " error ", "오류", " error ", "ошибка", " error ", "Ошибка", " error ",
	"コード", " code ", "代码", " code ")

// plain returns a text with ASCII dashes, quotes and spaces.
func plain(text string) string {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return typography.Replace(text)
		}
	}
	return text
}

func isDigit(b byte) bool  { return '0' <= b && b <= '9' }
func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isWord(b byte) bool   { return isDigit(b) || isLetter(b) || b == '_' }

// codeNames are the names that occur in a text only as the name of a code, in lower case.
var codeNames = sync.OnceValue(func() map[string]int {
	names := map[string]int{}
	for name, at := range byName {
		if len(name) >= 8 && !strings.ContainsAny(name, " -") && strings.ToLower(name[1:]) != name[1:] ||
			strings.HasPrefix(name, "errSec") {
			names[strings.ToLower(name)] = at
		}
	}
	return names
})

// scan finds the domains, numbers and names in a text, in their order. spoken means that a person wrote the text.
func scan(text string, spoken bool) (tokens []token) {
	add := func(t token) {
		if len(tokens) < maximumTokens {
			tokens = append(tokens, t)
		}
	}
	previous, previousEnd := "", 0
	for i := 0; i < len(text); {
		if !isWord(text[i]) {
			i++
			continue
		}
		begin := i
		for i < len(text) && (isWord(text[i]) || text[i] == '.' && i+1 < len(text) && isWord(text[i+1])) {
			i++
		}
		word := text[begin:i]
		if isDigit(word[0]) || i-begin == 8 && isHex(word) {
			if t, ok := readNumber(text, begin, i); ok {
				add(t)
			}
		} else if t, ok := readWord(text, begin, i, previous, text[previousEnd:begin], spoken); ok {
			add(t)
		}
		previous, previousEnd = word, i
	}
	return tokens
}

// readNumber reads the number at text[begin:end], with the sign before it; false for a part of, for example, a date, a
// time or a version.
func readNumber(text string, begin, end int) (token, bool) {
	digits := text[begin:end]
	number, err := strconv.ParseInt(digits, 10, 64)
	isHexadecimal := false
	switch {
	case len(digits) == 18 && strings.HasPrefix(strings.ToLower(digits), "0xffffffff") && isHex(digits[2:]):
		// a negative 32-bit number, written with 64 bits
		number, err = strconv.ParseInt(digits[10:], 16, 64)
		isHexadecimal = true
	case len(digits) == 20 && err != nil: // the same in decimal
		if large, isLarge := strconv.ParseUint(digits, 10, 64); isLarge == nil && large >= 1<<64-1<<31 {
			number, err = int64(large&(1<<32-1)), nil
		}
	case len(digits) == 10 && strings.HasPrefix(strings.ToLower(digits), "0x") && isHex(digits[2:]):
		number, err = strconv.ParseInt(digits[2:], 16, 64)
		isHexadecimal = true
	case len(digits) == 8 && isHex(digits) && strings.ContainsRune("89abcdefABCDEF", rune(digits[0])) &&
		strings.ContainsAny(digits, "0123456789") && (err != nil || strings.HasPrefix(digits, "801")):
		number, err = strconv.ParseInt(digits, 16, 64)
		isHexadecimal = true
	case len(digits) > 1 && digits[0] == '0':
		return token{}, false
	}
	if err != nil {
		return token{}, false
	}
	t := token{kind: numberToken, at: begin, end: end, number: number, signless: !isHexadecimal}
	before, after := at(text, begin-1), at(text, end)
	switch {
	case before == '-' && !isWord(at(text, begin-2)) && !isHexadecimal:
		t.at, t.number, t.signless = begin-1, -number, false
		if at(text, begin-2) == '.' || at(text, begin-2) == '-' && isWord(at(text, begin-3)) {
			return token{}, false
		}
	case before == '-' && isDigit(at(text, begin-2)), before == '#', before == '.', before == '$', before == '+':
		return token{}, false
	case before == ':' && isDigit(at(text, begin-2)), before == '/' && isDigit(at(text, begin-2)) && len(digits) < 3:
		return token{}, false
	}
	switch {
	case after == '-' && isWord(at(text, end+1)), after == ':' && isDigit(at(text, end+1)), after == '%':
		return token{}, false
	case after == '/' && isDigit(at(text, end+1)) && len(digits) < 3:
		return token{}, false
	}
	return t, true
}

// at returns a byte of a text, or 0 outside of it.
func at(text string, i int) byte {
	if i < 0 || i >= len(text) {
		return 0
	}
	return text[i]
}

func isHex(digits string) bool {
	for i := range len(digits) {
		if !isDigit(digits[i]) && (digits[i]|0x20 < 'a' || digits[i]|0x20 > 'f') {
			return false
		}
	}
	return true
}

// readWord reads the domain or the name of a code at text[begin:end]; false for another word. previous is the word
// before it, and gap the text between the two.
func readWord(text string, begin, end int, previous, gap string, spoken bool) (token, bool) {
	word := text[begin:end]
	name := strings.ToLower(word)
	t := token{kind: domainToken, at: begin, end: end}
	known, ok := spellings()[name]
	afterDomain := strings.EqualFold(previous, "domain") && strings.ContainsAny(gap, ":=") &&
		strings.Trim(gap, " \t\"':=\\") == ""
	switch {
	case strings.HasPrefix(name, "aadsts") && len(name) > 6:
		number, err := strconv.ParseInt(name[6:], 10, 64)
		if err != nil || len(name) < 11 || len(name) > 13 {
			return token{}, false
		}
		t.kind, t.number, t.spelling = fusedToken, number, spellings()["aadsts"]
		return t, true
	case name == "broker" && strings.EqualFold(previous, "sourceArea"): // [PY#908]
		t.spelling = spelling{domains: known.domains, strict: true}
		return t, true
	case name == "join" && strings.EqualFold(previous, "workplace") && spoken:
		t.spelling = spellings()["wpj"]
		return t, true
	case name == "jamf.keychain", name == "keychain" && isJamfs(text[:begin]):
		t.spelling = spellings()["jamf.keychain"]
		return t, true
	case name == "sso" && strings.EqualFold(previous, "platform") && spoken:
		t.spelling = spellings()["platform sso"]
		return t, true
	case name == "state" && (!spoken || len(text) > 120 || strings.Contains(text, "Domain=")):
		return token{}, false // a status of something else
	case strings.HasPrefix(name, "_kcf") && !strings.HasPrefix(text[end:], "=-98"):
		return token{}, false // a number of POSIX, or of another part of CFNetwork
	case ok && (!known.spoken || spoken):
		t.spelling, t.isNSError = known, afterDomain
		return t, true
	case afterDomain && name != "null" && name != "nil" && name != "none":
		t.spelling, t.isNSError = spelling{domains: []Domain{Domain(word)}, strict: true}, true
		return t, true
	case isDomain(name):
		t.isGuess = !strings.HasSuffix(name, "domain")
		t.spelling = spelling{domains: []Domain{Domain(word)}, strict: true}
		return t, true
	}
	if at, ok := codeNames()[name]; ok && (spoken || codes[at].Name == word) {
		t.kind, t.code = nameToken, at
		return t, true
	}
	return token{}, false
}

// isJamfs reports whether the text before the word keychain makes it Jamf's own.
func isJamfs(before string) bool {
	before = strings.ToLower(before[max(0, len(before)-24):])
	for _, word := range []string{" ", "own", " ", "s", "'"} {
		before = strings.TrimSuffix(before, word)
	}
	return strings.HasSuffix(before, "jamf") || strings.HasSuffix(before, "jamf pro")
}

// isDomain reports whether a word in lower case has the form of any domain's name.
func isDomain(name string) bool {
	if strings.HasSuffix(name, "errordomain") || strings.HasSuffix(name, "domain") && strings.HasPrefix(name, "ns") {
		return true
	}
	first, _, _ := strings.Cut(name, ".")
	switch first {
	case "com", "org", "net", "io", "edu", "gov":
		return strings.Count(name, ".") >= 2
	}
	return false
}
