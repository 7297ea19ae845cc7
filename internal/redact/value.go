package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// value is the value after a label.
type value struct {
	// from and to are its position in the text. next is where reading continues.
	from, to, next int
	// quote is the quote that closes it, or "" if it is not quoted.
	quote string
	// unfinished: the text ends before its closing quote.
	unfinished bool
}

// maximumValue is how far the end of a quoted value is searched for.
const maximumValue = 32 << 10

// quotes are the ways to quote a value: plainly, within JSON, in HTML, in a URL. Typographic quotes close with another
// character.
var quotes = []struct{ open, close string }{
	{"&quot;", "&quot;"}, {"&#34;", "&#34;"}, {"%22", "%22"}, {"%27", "%27"}, {"%5C%22", "%5C%22"},
	{`\u0022`, `\u0022`}, {"“", "”"}, {"‘", "’"}, {"„", "“"}, {"«", "»"}, {"「", "」"}, {"『", "』"},
}

// openingQuote returns the quotes that open and close the value at the beginning of a text, or "" if it is not quoted.
func openingQuote(text string) (open, end string) {
	slashes := 0
	for slashes < len(text) && slashes < 16 && text[slashes] == '\\' {
		slashes++
	}
	if slashes < len(text) && strings.IndexByte("\"'`", text[slashes]) >= 0 {
		return text[:slashes+1], text[:slashes+1]
	}
	for _, quote := range quotes {
		if prefixOf(text, quote.open) > 0 {
			return text[:len(quote.open)], quote.close
		}
	}
	return "", ""
}

// closingQuote returns where a quoted value ends, or -1 if the quote is not in the text. A quote with more backslashes
// before it is a part of the value.
func closingQuote(text string, from int, quote string) int {
	limit := min(len(text), from+maximumValue)
	letter := quote[len(quote)-1]
	slashes := len(quote) - 1
	if quote[0] == '<' || quote[0] == ']' { // XML, whose case is fixed
		at := strings.Index(text[from:limit], quote)
		if at < 0 {
			return -1
		}
		return from + at
	}
	if strings.IndexByte("\"'`", letter) < 0 || strings.Trim(quote[:slashes], `\`) != "" {
		for at := from; at+len(quote) <= limit; at++ {
			if text[at] == quote[0] && strings.EqualFold(text[at:at+len(quote)], quote) {
				return at
			}
		}
		return -1
	}
	for at := from; at < limit; at++ {
		if text[at] != letter {
			continue
		}
		before := 0
		for at-before > from && text[at-before-1] == '\\' {
			before++
		}
		switch {
		// two of them mean one, in YAML and SQL
		case slashes == 0 && letter == '\'' && at > from && at+1 < limit && text[at+1] == '\'':
			at++
		case slashes == 0 && before%2 == 0:
			return at
		case slashes > 0 && before <= slashes:
			return at - before
		}
	}
	return -1
}

// isRecord reports whether a line begins like a log entry. An unclosed value ends before such a line.
func isRecord(line string) bool {
	line = strings.TrimLeft(line, " \t")
	if line == "" {
		return false
	}
	if prefixOf(line, "mon ", "tue ", "wed ", "thu ", "fri ", "sat ", "sun ", "default ", "error ", "info ", "debug ",
		"fault ", `{"`) > 0 {
		return true
	}
	return len(line) > 10 && line[0]-'0' <= 9 && line[3]-'0' <= 9 && line[4] == '-' && line[7] == '-'
}

// maximumLines is how many lines a quoted value has at most.
const maximumLines = 40

// quoted returns the value between quotes. A value that is not closed in its line ends with that line. A value in
// quotation marks may end in a later line.
func quoted(text string, from int, open, end string) value {
	begin := from + len(open)
	if whole := text; len(whole) > begin+maximumValue {
		text = whole[:begin+maximumValue]
	}
	limit := begin
	for lines := 0; ; lines++ {
		at := strings.IndexByte(text[limit:], '\n')
		if at < 0 {
			limit = len(text)
			break
		}
		limit += at
		if lines == maximumLines || isRecord(text[limit+1:]) {
			break
		}
		limit++
	}
	if at := closingQuote(text[:limit], begin, end); at >= 0 {
		return value{from: begin, to: at, next: at + len(end), quote: end}
	}
	line := strings.IndexByte(text[begin:], '\n')
	if line < 0 {
		return value{from: begin, to: len(text), next: len(text), quote: end, unfinished: true}
	}
	if limit == len(text) && strings.Count(text[begin+line+1:], "\n") < 4 { // the value may end in the next text
		return value{from: begin, to: begin + len(strings.TrimRight(text[begin:], "\r\n")), next: len(text), quote: end,
			unfinished: true}
	}
	to := begin + len(strings.TrimRight(text[begin:begin+line], "\r"))
	return value{from: begin, to: to, next: to, quote: end}
}

// bareEnds end an unquoted value anywhere.
var bareEnds = []string{`\"`, `\u0022`, `\u0026`, "&quot;", "&amp;", "&lt;", "&gt;", "&#"}

// encodedEnds end an unquoted value in a percent-encoded text.
var encodedEnds = []string{"%26", "%22", "%7D", "%3B", "%20", "%0A", "%0D", "%23", "%2C"}

// bare returns an unquoted value: a word. enclosing is the quote that is open before the label, or 0.
func bare(text string, from int, enclosing byte, inURL, encoded bool) value {
	at := from
scan:
	for at < len(text) {
		letter := text[at]
		switch letter {
		case ' ', '\t', '\r', '\n', '<':
			break scan
		case '"', '\'', '`':
			if letter == enclosing || at+1 == len(text) || enclosing == 0 && isSpaceOrCloser(text[at+1]) {
				break scan
			}
		case '&':
			if inURL || startsLabel(text[at+1:]) {
				break scan
			}
		case '#':
			if inURL {
				break scan
			}
		case ';', ',', ')', '}', ']', '|', '>':
			if endsAt(text, at) {
				break scan
			}
		case '\\':
			if enclosing != 0 && at+1 < len(text) && strings.IndexByte("nrt", text[at+1]) >= 0 {
				break scan
			}
		}
		if letter == '\\' || letter == '&' {
			if prefixOf(text[at:], bareEnds...) > 0 {
				break
			}
		}
		if encoded && letter == '%' && prefixOf(text[at:], encodedEnds...) > 0 {
			break
		}
		at++
	}
	return value{from: from, to: at, next: at}
}

func isSpaceOrCloser(letter byte) bool { return strings.IndexByte(" \t\r\n\"'`,;)}]>|&", letter) >= 0 }

// endsAt reports whether a character such as a comma or a bracket ends a value. It does if a space, another such
// character or a label follows.
func endsAt(text string, at int) bool {
	for at++; at < len(text); at++ {
		if !isSpaceOrCloser(text[at]) {
			return startsLabel(text[at:])
		}
		if strings.IndexByte(" \t\r\n", text[at]) >= 0 {
			return true
		}
	}
	return true
}

// startsLabel reports whether a text begins with a word and = or :.
func startsLabel(text string) bool {
	at := 0
	for at < len(text) && at <= maximumLabel &&
		(text[at] == '_' || text[at] == '-' || text[at] == '.' || text[at]-'0' <= 9 || (text[at]|0x20)-'a' <= 25) {
		at++
	}
	return at > 0 && at < len(text) && (text[at] == '=' || text[at] == ':' && at > 1)
}

// enclosingQuote returns the quote that is open at a position in a line, or 0.
func enclosingQuote(text string, at int) byte {
	begin := max(0, at-512)
	line := text[begin:at]
	if newline := strings.LastIndexByte(line, '\n'); newline >= 0 {
		line = line[newline+1:]
	}
	last, open := -1, byte(0)
	for _, quote := range []byte{'"', '\'', '`'} {
		count := strings.Count(line, string(quote))
		if quote == '\'' {
			count -= strings.Count(line, "n't ") + strings.Count(line, "'s ")
		}
		if where := strings.LastIndexByte(line, quote); count%2 == 1 && where > last {
			last, open = where, quote
		}
	}
	return open
}

// markers replace values that are already hidden, by this package or by another program.
var markers = []string{"[hidden]", "[token]", "[data]", "[phone]", "[private key]", "[block]", "<redacted>",
	"<private>", "<masked>", "[redacted]", "masked("}

// nothing are values that say that there is no secret, or whether there is one.
var nothing = setOf(
	`null nil none true false yes no undefined empty missing present absent required optional unknown redacted hidden
		masked valid invalid expired set unset notset found failed ok available unavailable wrong incorrect rejected
		accepted changed unchanged disabled enabled skipped reused
		nein ja oui non falsch abgelaufen gesperrt ungltig incorrecto incorrecta incorrecte`)

// saysNothing reports whether a text in the place of a value is not a secret.
func saysNothing(text string) bool {
	text = strings.Trim(text, " \t()<>[].…")
	if text == "" {
		return true
	}
	if len(text) > 12 {
		return false
	}
	var space [16]byte
	return nothing[string(plainLabel(space[:0], text))] &&
		strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_- ") == ""
}

// proseBeginnings are the first words of sentences in the place of a value.
var proseBeginnings = setOf(
	`error the failed failure could couldn cannot can unable no not user authentication operation access an this there
		is was has request server received got using from for with in invalid expired found empty missing required
		domain status nserror underlying optional nil null wrong incorrect`)

// beginsProse reports whether an unquoted value is the first word of a sentence.
func beginsProse(word, behind string) bool {
	if behind == "" || behind[0] != ' ' || len(behind) < 2 || !unicode.IsLetter(firstRune(behind[1:])) {
		return false
	}
	word = strings.TrimRight(word, "'’")
	var space [64]byte
	if len(word) > 32 {
		return false
	}
	if len(word) > 6 && strings.HasSuffix(word, "ing") {
		return true
	}
	return proseBeginnings[string(plainLabel(space[:0], word))] &&
		strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// isPlainWord reports whether a value is an ordinary word. After a label in capitals, like that of a variable, only the
// first word of a sentence is.
func isPlainWord(word, behind, label string) bool {
	if isOdd(strings.TrimRight(word, ".,;:!?")) {
		return false
	}
	return strings.ToUpper(label) != label || word != "" && word[0]-'A' <= 25 && len(behind) > 1 && behind[1]-'a' <= 25
}

func firstRune(text string) rune {
	letter, _ := utf8.DecodeRuneInString(text)
	return letter
}

// isRandom reports whether a value looks like a key. It is long enough and has letters and digits. It is not an id, a
// path, a number or a pseudonym.
func isRandom(text string, shortest int) bool {
	if len(text) < shortest {
		return false
	}
	letters, digits, upper, lower := false, false, false, false
	for i := range len(text) {
		switch letter := text[i]; {
		case letter-'0' <= 9:
			digits = true
		case letter-'A' <= 25:
			letters, upper = true, true
		case letter-'a' <= 25:
			letters, lower = true, true
		case strings.IndexByte("+/=_-.~!*%$:", letter) >= 0:
		default:
			return false
		}
	}
	switch {
	case !letters, strings.HasPrefix(text, "/"), isDashed(text), strings.Contains(text, exampleDomain),
		strings.Contains(text, "://"):
		return false
	case pseudonymPattern.MatchString(text):
		return false
	case digits:
		return !isVersioned(text)
	}
	return len(text) >= 24 && upper && lower && strings.ContainsAny(text, "+=") && strings.Count(text, "/") < 4
}

// isDashed reports whether a text has the form of an id. Ids have pseudonyms of their own.
func isDashed(text string) bool {
	return len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-'
}

// isVersioned reports whether a text is an identifier with dots, a date or a time: com.microsoft.app2,
// 2026-05-07T19:48:34Z.
func isVersioned(text string) bool {
	if len(text) > 9 && text[4] == '-' && text[7] == '-' && text[0]-'0' <= 9 {
		return true
	}
	longest, run := 0, 0
	for i := range len(text) {
		if run++; strings.IndexByte("._-:", text[i]) >= 0 {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest < 12
}
