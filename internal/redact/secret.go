package redact

import (
	"encoding/base64"
	"strings"
)

// hideValue hides a value by the class of its label.
func (h *hider) hideValue(found field, v value) int {
	text := h.text[v.from:v.to]
	if found.of == valueLabel {
		if h.named == noLabel || v.from-h.namedAt > 256 {
			return -1
		}
		found.of, h.named = h.named, noLabel
	} else if v.quote != "" && (found.of == ownerLabel || found.of == keyLabel) && len(text) <= maximumLabel {
		if of := classOf("", text); of == secretLabel || of == headerLabel || of == cookieLabel || of == digestLabel || of == personLabel || of == phoneLabel {
			h.named, h.namedAt = of, v.to
			return v.next
		}
	}
	if saysNothing(text) {
		return -1
	}
	switch found.of {
	case personLabel, ownerLabel:
		return h.person(found, v)
	case phoneLabel:
		return h.number(v)
	case digestLabel:
		return h.digest(v)
	case keyLabel:
		if !isRandom(text, 16) && !strings.HasPrefix(text, "eyJ") && !(v.quote != "" && isRandom(strings.Join(strings.Fields(text), ""), 16)) {
			return -1
		}
	case codeLabel:
		if !isCode(text, found.inURL) {
			return -1
		}
	case secretLabel:
		if v.quote == "" && !found.equals && isSelector(h.text, found.separator, v) {
			return -1
		}
		if strings.EqualFold(found.word, "pass") && v.quote == "" && !found.equals && !isOdd(text) {
			return -1 // a test that passed
		}
		if strings.HasSuffix(strings.ToLower(found.word), "pwd") && strings.HasPrefix(text, "/") {
			return -1 // the working directory
		}
	}
	h.replace(v.from, v.to, hidden)
	if v.quote == "" && v.to == len(h.text) {
		h.state = open{word: true}
	}
	if v.unfinished && v.quote != "" {
		h.state = open{end: v.quote, lines: maximumLines}
	}
	return v.next
}

// isSelector reports whether what looks like a value is the next part of a method's name: `acquire(token:completion:)`, or
// the category of a subsystem: `[com.example.token:network]`.
func isSelector(text string, separator int, v value) bool {
	if separator <= 0 || separator+1 != v.from {
		return false
	}
	if v.to < len(text) && text[v.to] == ']' && strings.LastIndexByte(text[max(0, separator-maximumLabel):separator], '[') >= 0 {
		return true
	}
	rest := text[v.from:v.to]
	parts := 0
	for {
		at := 0
		for at < len(rest) && isWordByte(rest[at]) {
			at++
		}
		if at == 0 || at == len(rest) || rest[at] != ':' {
			break
		}
		rest = rest[at+1:]
		parts++
	}
	return parts > 0 && (rest == "" || strings.Trim(rest, ")]}") == "")
}

// isCode reports whether a value is an authorization code and not the number or name of an error.
func isCode(text string, inURL bool) bool {
	number := strings.TrimLeft(text, "-+")
	if len(number) <= 6 && strings.Trim(number, "0123456789") == "" || prefixOf(text, "0x", "AADSTS", "-") > 0 && len(text) < 16 {
		return false
	}
	if inURL {
		return strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") != "" || len(text) > 32
	}
	return prefixOf(text, "0.A", "1.A", "M.C", "M.R", "OAQAB") > 0 && len(text) >= 6 || isRandom(text, 16)
}

// schemes are the ways to authorise whose credentials are one word.
var schemes = setOf(`bearer basic negotiate ntlm token apikey api-key pop dpop mac kerberos msauth1.0 passport1.4 sso-key sharedkeylite sharedkey splunk`)

// header hides an Authorization header: of the schemes that have one word their credentials, of others the rest of the line.
func (h *hider) header(found field, from int, enclosing byte) int {
	text := h.text
	to := endOfLine(text, from, enclosing)
	scheme := text[from:to]
	if blank := strings.IndexByte(scheme, ' '); blank >= 0 {
		scheme = scheme[:blank]
	}
	var space [maximumLabel]byte
	if len(scheme) < 24 && schemes[string(plainLabel(space[:0], scheme))] {
		behind := from + len(scheme)
		for behind < to && text[behind] == ' ' {
			behind++
		}
		if behind == to || prefixOf(text[behind:to], markers...) > 0 {
			return to
		}
		word := bare(text, behind, enclosing, false, false)
		h.replace(behind, min(word.to, to), hidden)
		return min(word.to, to)
	}
	word := bare(text, from, enclosing, found.inURL, found.encoded)
	if saysNothing(scheme) || beginsProse(text[word.from:word.to], text[word.to:]) || isSelector(text, found.separator, word) {
		return -1
	}
	if found.equals || word.to < to && text[word.to] != ' ' {
		to = word.to
	}
	h.replace(from, to, hidden)
	return to
}

// digest gives a labelled thumbprint its pseudonym, in whatever way it is written.
func (h *hider) digest(v value) int {
	text := h.text[v.from:v.to]
	plain, ok := plainDigest(text)
	if !ok {
		return -1
	}
	h.replace(v.from, v.to, h.r.pseudonym(digestKind, plain))
	return v.next
}

// plainDigest returns a thumbprint in hexadecimal or base64 as it is compared: the digits without what separates them.
func plainDigest(text string) (string, bool) {
	text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "<"), ">")
	text = strings.TrimPrefix(strings.TrimPrefix(text, "sha1/"), "sha256/")
	text = strings.TrimPrefix(strings.TrimPrefix(text, "SHA1:"), "SHA256:")
	text = strings.TrimPrefix(text, "0x")
	hexadecimal := strings.NewReplacer(":", "", " ", "", "-", "", "%3A", "").Replace(text)
	switch {
	case strings.HasPrefix(hexadecimal, "00000000000000000000"), len(text) < 8, isDashed(text):
		return "", false
	case isHexadecimal(hexadecimal) && len(hexadecimal)%2 == 0:
		return hexadecimal, true
	}
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil && len(decoded) >= 16 {
		return text, true
	}
	if decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "=")); err == nil && (len(decoded) == 20 || len(decoded) == 32) {
		return text, true
	}
	return text, isRandom(text, 20)
}

func isHexadecimal(text string) bool {
	digits := false
	for i := range len(text) {
		if !isHex(text[i]) {
			return false
		}
		digits = digits || text[i] <= '9'
	}
	return digits
}

// digestValue is a thumbprint that is not quoted. It may be of pairs with blanks between them.
func digestValue(text string, from int, enclosing byte) value {
	if from < len(text) && text[from] == '<' {
		if end := strings.IndexByte(text[from:min(len(text), from+512)], '>'); end > 0 {
			return value{from: from, to: from + end + 1, next: from + end + 1}
		}
	}
	v := bare(text, from, enclosing, false, false)
	for len(v.textOf(text)) >= 2 && isHexadecimalOrBlank(v.textOf(text)) && v.to < len(text) && text[v.to] == ' ' {
		next := bare(text, v.to+1, enclosing, false, false)
		if length := next.to - next.from; length != 2 && length != 4 && length != 8 || !isHexadecimalOrBlank(next.textOf(text)) {
			break
		}
		v.to, v.next = next.to, next.next
		if v.to-v.from > 256 {
			break
		}
	}
	return v
}

func (v value) textOf(text string) string { return text[v.from:v.to] }

func isHexadecimalOrBlank(text string) bool {
	for i := range len(text) {
		if !isHex(text[i]) && text[i] != ' ' {
			return false
		}
	}
	return text != ""
}

// phrase looks at the words before and behind a blank: `Bearer abc…`, `the password is "…"`.
func (h *hider) phrase(at int) int {
	text := h.text
	end := at
	for end > 0 && at-end < 2 && strings.IndexByte("\"'", text[end-1]) >= 0 {
		end--
	}
	// Nearly every word ends here.
	if end < 3 || at < h.copied || strings.IndexByte("rRcCeEmMdDtTnNyY", text[end-1]) < 0 {
		return at
	}
	begin := wordBefore(text, end)
	if end-begin < 3 || end-begin > 24 {
		return at
	}
	var space [32]byte
	word := string(plainLabel(space[:0], text[begin:end]))
	is := phrases[word]
	if is == 0 {
		return at
	}
	from := at
	for from < len(text) && text[from] == ' ' && from-at < 8 {
		from++
	}
	verb := prefixOf(text[from:], "is ", "was ", "is set to ", "set to ", "changed to ", "is: ", "is now ", "to ")
	from += verb
	if prefixOf(text[from:], markers...) > 0 || from == len(text) {
		return at
	}
	if opening, closing := openingQuote(text[from:]); opening != "" && end == at {
		whole := quoted(text, from, opening, closing)
		value := whole.textOf(text)
		if whole.unfinished || strings.Contains(value, "\n") || len(value) > 200 || saysNothing(value) || prefixOf(value, markers...) > 0 {
			return at
		}
		if is == codePhrase && isCode(value, false) || word == "cookie" && strings.Contains(value, "=") || is == passwordPhrase && strings.Count(value, " ") < 8 && !strings.ContainsAny(value, "=:{") || isRandom(value, 12) {
			h.replace(whole.from, whole.to, hidden)
			return whole.next
		}
		return at
	}
	if is == digestPhrase {
		return max(at, h.digest(digestValue(text, from, enclosingQuote(text, at))))
	}
	one := bare(text, from, enclosingQuote(text, at), false, false)
	value := strings.TrimRight(one.textOf(text), ".")
	one.to = one.from + len(value)
	switch is {
	case schemePhrase:
		if len(value) < 6 || !isOdd(value) || strings.Contains(value, "://") {
			return at
		}
		if prefixOf(value, "realm=", "error=", "authorization_uri", "client_id") > 0 {
			return at
		}
	case passwordPhrase:
		if verb > 0 && (len(value) < 3 || !isOdd(value)) || verb == 0 && !isRandom(value, 12) && !isStrong(value) {
			return at
		}
	case tokenPhrase:
		if !isRandom(value, 16) {
			return at
		}
	case codePhrase:
		behind := text[one.to:]
		if len(value) < 8 || len(value) > 10 || strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" ||
			prefixOf(behind, " to auth", " to sign", " to log", " at http", " on http", " in the br") == 0 {
			return at
		}
	}
	h.replace(one.from, one.to, hidden)
	return one.to
}

// The kinds of phrases.
const (
	schemePhrase = iota + 1
	passwordPhrase
	tokenPhrase
	codePhrase
	digestPhrase
)

var phrases = map[string]int{
	"bearer": schemePhrase, "basic": schemePhrase, "negotiate": schemePhrase, "ntlm": schemePhrase, "dpop": schemePhrase,
	"password": passwordPhrase, "passphrase": passwordPhrase, "passcode": passwordPhrase, "secret": passwordPhrase, "pin": passwordPhrase,
	"token": tokenPhrase, "accesstoken": tokenPhrase, "refreshtoken": tokenPhrase, "idtoken": tokenPhrase, "cookie": tokenPhrase, "seed": tokenPhrase, "key": tokenPhrase,
	"code": codePhrase, "thumbprint": digestPhrase, "fingerprint": digestPhrase,
}

// isOdd reports whether a word is none of a sentence: with a digit, a sign, or a capital letter in it.
func isOdd(word string) bool {
	if strings.HasPrefix(word, "[") || strings.HasPrefix(word, "(") || strings.HasPrefix(word, "<") {
		return false
	}
	for i := 1; i < len(word); i++ {
		if letter := word[i]; letter-'0' <= 9 || letter-'A' <= 25 || strings.IndexByte("._~+/=!@#$%^&*", letter) >= 0 {
			return true
		}
	}
	return false
}

// isStrong reports whether a word is as passwords have to be: with a letter and a sign that no word of a sentence has.
func isStrong(word string) bool {
	return len(word) >= 5 && strings.ContainsAny(word, "!@#$^&*") && !strings.ContainsAny(word, "/%(<{\\") && strings.ContainsAny(word, "0123456789") && isOdd(word)
}
