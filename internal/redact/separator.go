package redact

import "strings"

// field is a label that was found, with facts about its surroundings.
type field struct {
	of class
	// begin is where the label begins; word is its last word.
	begin int
	word  string
	// separator is the position of the = or :.
	separator int
	// equals: the separator is =. inURL: a parameter of a URL or form. encoded: in percent-encoding.
	equals, inURL, encoded bool
	// next: the label was in the previous text, and the value may be in this one.
	next bool
	// key: of a property list, whose value is the next element.
	key bool
}

// encodedSeparators are = and : in HTML and in full width.
var encodedSeparators = []string{"&#61;", "&#x3d;", "&equals;", "\uff1d", "\ufe66", "&#58;", "&#x3a;", "&colon;",
	"\uff1a", "\ufe55"}

// isWords are words for "is" in languages without blanks around it.
var isWords = []string{"は", "是", "为", "為"}

// isEqualsSign reports whether a separator is a = and not a colon, in any notation.
func isEqualsSign(separator string) bool {
	switch separator {
	case ":", "\uff1a", "\ufe55", "&#58;", "&colon;":
		return false
	}
	return !strings.HasSuffix(lower(strings.TrimSuffix(separator, ";")), "3a")
}

// separator handles the label before a separator, and the value after it.
func (h *hider) separator(at, behind int, encoded bool) int {
	if at == 0 || at < h.copied {
		return at
	}
	of, begin, word := labelBefore(h.text, at)
	if of == noLabel {
		return h.valueForPerson(at, begin, behind)
	}
	found := field{of: of, begin: begin, word: word, separator: at, encoded: encoded,
		equals: isEqualsSign(h.text[at:behind])}
	if begin > 0 && found.equals && at == begin+len(word) {
		before := h.text[:begin]
		found.inURL = strings.IndexByte("?&#;", before[begin-1]) >= 0 ||
			suffixOf(before, "%26", "%3F", "%3f", "%23", `\u0026`, "&amp;") > 0
	}
	for behind < len(h.text) && behind-at < 4 && strings.IndexByte("=:>", h.text[behind]) >= 0 { // =>, :=, ==
		behind++
	}
	return max(at, h.valueBehind(found, behind))
}

// hiddenAlready skips a value that was hidden before. The value still belongs to its name, so no other value does.
func (h *hider) hiddenAlready(found field, from, length int) int {
	if found.of == valueLabel {
		h.pairedWith(found, value{from: from, to: from + length, next: from + length})
	}
	return from + length
}

// valueBehind finds the value of a label and hides it. It returns where to continue, or -1 if nothing is hidden.
func (h *hider) valueBehind(found field, at int) int {
	text := h.text
	if next := h.dashedList(found, at); next > 0 {
		return next
	}
	from, ok := h.skipToValue(found, at)
	if !ok {
		return -1
	}
	if length := prefixOf(text[from:], markers...); length > 0 {
		return h.hiddenAlready(found, from, length)
	}
	if found.key {
		return h.elementValue(found, from)
	}
	if length := prefixOf(text[from:], "Optional(", "Some(", "@\"", "b'", "b\"", "u'", "u\""); length > 0 {
		if letter := text[from+length-1]; letter == '"' || letter == '\'' {
			length--
		}
		from += length
		if length := prefixOf(text[from:], markers...); length > 0 {
			return from + length
		}
	}
	opening, end := openingQuote(text[from:])
	switch {
	case opening == "" && from < len(text) && (text[from] == '[' || text[from] == '('):
		return h.list(found, from)
	case opening == "" && (found.of == secretLabel || found.of == keyLabel || found.of == digestLabel) &&
		dataLength(text[from:]) > 0:
		end := from + dataLength(text[from:])
		h.replace(from, end, hidden)
		return end
	case opening == "" && from < len(text) && text[from] == '{':
		return h.dictionary(found, from)
	case opening != "":
		whole := quoted(text, from, opening, end)
		if length := prefixOf(text[whole.from:], markers...); length > 0 {
			return h.hiddenAlready(found, whole.from, length)
		}
		return h.hideValue(found, whole)
	}
	enclosing := enclosingQuote(text, max(found.begin, 0))
	if found.of == valueLabel && h.named == headerLabel && from-h.namedAt <= nearPair {
		found.of, h.named = headerLabel, noLabel
	}
	switch found.of {
	case ownerLabel, nameLabel:
		if word := bare(text, from, enclosing, found.inURL, found.encoded); h.isName(found, word) {
			return word.next
		}
		if strings.EqualFold(found.word, "cn") && found.equals {
			return h.commonName(from)
		}
	case secretLabel, headerLabel, cookieLabel:
		if next := h.blockScalar(found, from); next > 0 {
			return next
		}
	}
	switch found.of {
	case headerLabel:
		return h.header(found, from, enclosing)
	case cookieLabel:
		return h.restOfLine(from, enclosing)
	case personLabel, ownerLabel:
		return h.person(found, value{from: from, to: endOfName(text, from, enclosing)})
	case accountLabel:
		return h.accountName(found, bare(text, from, enclosing, found.inURL, found.encoded))
	case phoneLabel:
		return h.number(value{from: from, to: endOfNumber(text, from)})
	case digestLabel:
		return h.hideValue(found, digestValue(text, from, enclosing))
	case nameLabel:
		return -1
	}
	word := bare(text, from, enclosing, found.inURL, found.encoded)
	if !found.equals && (beginsProse(text[word.from:word.to], text[word.to:]) ||
		found.of == secretLabel && isWeak(found.word) && isPlainWord(word.textOf(text), text[word.to:], found.word)) {
		return -1
	}
	if found.of == secretLabel && !found.equals && !found.encoded {
		word = passPhrase(text, word, found.word)
	}
	if found.of == secretLabel || found.of == codeLabel || found.of == otpLabel {
		word = h.wholeCode(word)
	}
	return h.hideValue(found, word)
}

// dataLength returns the length of the bytes at the beginning of a text. The notation is that of property lists in
// text, and of descriptions of NSData: <68756e74 65723232>, {length = 8, bytes = 0x68756e7465723232}.
func dataLength(text string) int {
	if strings.HasPrefix(text, "{length = ") {
		inside, _, closed := strings.Cut(text[:min(len(text), 512)], "}")
		if _, bytes, has := strings.Cut(inside, "bytes = 0x"); closed && has &&
			strings.Trim(bytes, "0123456789abcdefABCDEF .…") == "" {
			return len(inside) + 1
		}
		return 0
	}
	if !strings.HasPrefix(text, "<") {
		return 0
	}
	inside, _, closed := strings.Cut(text[1:min(len(text), maximumValue)], ">")
	if !closed || strings.Trim(inside, "0123456789abcdefABCDEF ") != "" || strings.TrimSpace(inside) == "" {
		return 0
	}
	return len(inside) + 2
}

// restOfLine hides the rest of a line, or the text up to the quote that encloses its label.
func (h *hider) restOfLine(from int, enclosing byte) int {
	to := endOfLine(h.text, from, enclosing)
	if saysNothing(h.text[from:to]) {
		return -1
	}
	h.replace(from, to, hidden)
	return to
}

func endOfLine(text string, from int, enclosing byte) int {
	to := min(len(text), from+maximumValue)
	if newline := strings.IndexByte(text[from:to], '\n'); newline >= 0 {
		to = from + newline
	}
	if enclosing != 0 {
		if at := closingQuote(text[:to], from, string(enclosing)); at >= 0 {
			to = at
		}
	}
	for _, end := range []string{`\r\n`, `\n`} {
		if at := strings.Index(text[from:to], end); at >= 0 && enclosing != 0 {
			to = from + at
		}
	}
	return from + len(strings.TrimRight(text[from:to], "\r \t"))
}

// passPhraseEnds are words after a password that are not a part of it.
var passPhraseEnds = setOf(`for user failed rejected accepted with error was is has and on at in from to status code ` +
	`account by of or not which that returned expired`)

// passCodeEnds are the same for a code of digits. nothingEnds are words after one that says that there is no password.
var (
	passCodeEnds = setOf(`sent received entered verified`)
	nothingEnds  = setOf(`set given found needed required configured available present`)
)

// wordBehind returns the word after the blank at a position.
func wordBehind(text string, at int) string {
	word, _, _ := strings.Cut(strings.TrimPrefix(text[at:min(len(text), at+maximumLabel)], " "), " ")
	return strings.TrimRight(word, ".,;:!\r\n")
}

// passPhrase extends the first word of a pass phrase by the words after it.
func passPhrase(text string, word value, name string) value {
	var space [maximumLabel]byte
	plain := string(plainLabel(space[:0], name))
	if !strings.Contains(plain, "pass") && !strings.Contains(plain, "phrase") && !strings.Contains(plain, "mnemonic") {
		return word
	}
	first, behind := word.textOf(text), lower(wordBehind(text, word.to))
	if saysNothing(first) && nothingEnds[behind] || isOneTime(first) && passCodeEnds[behind] {
		return word
	}
	for words := 0; words < 24 && word.to+1 < len(text) && text[word.to] == ' '; words++ {
		next := text[word.to+1:]
		end := strings.IndexAny(next, " \t\r\n,;|)}]\"'<>")
		if end < 0 {
			end = len(next)
		}
		one := next[:end]
		var space [64]byte
		if end == 0 || end > 32 || startsLabel(one+next[end:min(len(next), end+1)]) ||
			strings.ContainsAny(one, "=:[({/\\") || passPhraseEnds[string(plainLabel(space[:0], one))] ||
			strings.HasPrefix(one, "-") {
			break
		}
		word.to += 1 + end
		word.next = word.to
	}
	return word
}
