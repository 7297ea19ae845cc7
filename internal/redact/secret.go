package redact

import (
	"encoding/base64"
	"strings"
)

// hideValue hides a value according to the class of its label.
func (h *hider) hideValue(found field, v value) int {
	text := h.text[v.from:v.to]
	switch {
	case found.of == valueLabel:
		if found.of = h.pairedWith(found, v); found.of == noLabel {
			return -1
		}
	case h.isName(found, v):
		return v.next
	}
	if saysNothing(text) {
		if v.unfinished && v.quote != "" && waits(found.of) && strings.TrimSpace(text) == "" {
			h.state = open{end: v.quote, lines: maximumLines}
		}
		return -1
	}
	switch found.of {
	case personLabel, ownerLabel:
		return h.person(found, v)
	case accountLabel:
		return h.accountName(found, v)
	case phoneLabel:
		return h.number(v)
	case digestLabel:
		return h.digest(v)
	case keyLabel:
		isSignature := found.inURL && len(text) >= 16 && strings.HasSuffix(lower(found.word), "signature")
		if !isSignature && !isRandom(text, 16) && !strings.HasPrefix(text, "eyJ") &&
			!(v.quote != "" && isRandom(strings.Join(strings.Fields(text), ""), 16)) {
			return -1
		}
	case codeLabel:
		if !isCode(text, found.inURL) && !h.isSentCode(found, v) {
			return -1
		}
	case otpLabel:
		if !isOneTime(text) {
			return -1
		}
	case nameLabel:
		return -1
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

// isSelector reports whether the apparent value is the next part of a method's name: `acquire(token:completion:)`, or
// the category of a subsystem: `[com.example.token:network]`.
func isSelector(text string, separator int, v value) bool {
	if separator <= 0 || separator+1 != v.from {
		return false
	}
	if v.to < len(text) && text[v.to] == ']' &&
		strings.LastIndexByte(text[max(0, separator-maximumLabel):separator], '[') >= 0 {
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
	if len(number) <= 6 && strings.Trim(number, "0123456789") == "" ||
		prefixOf(text, "0x", "AADSTS", "-") > 0 && len(text) < 16 {
		return false
	}
	if inURL {
		return strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") != "" || len(text) > 32
	}
	return prefixOf(text, "0.A", "1.A", "M.C", "M.R", "OAQAB") > 0 && len(text) >= 6 || isRandom(text, 16)
}

// schemes are the authorization schemes with credentials of one word.
var schemes = setOf(`bearer basic negotiate ntlm token apikey api-key pop dpop mac kerberos msauth1.0 passport1.4 ` +
	`sso-key sharedkeylite sharedkey splunk`)

// header hides an Authorization header. For a scheme with credentials of one word it hides that word, for others the
// rest of the line.
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
	if saysNothing(scheme) || beginsProse(text[word.from:word.to], text[word.to:]) ||
		isSelector(text, found.separator, word) {
		return -1
	}
	if found.equals || word.to < to && text[word.to] != ' ' {
		to = word.to
	}
	h.replace(from, to, hidden)
	return to
}

// digest replaces a labelled thumbprint by its pseudonym, in any notation.
func (h *hider) digest(v value) int {
	text := h.text[v.from:v.to]
	plain, ok := plainDigest(text)
	if !ok {
		return -1
	}
	h.replace(v.from, v.to, h.r.pseudonym(digestKind, plain))
	return v.next
}

// plainDigest returns a thumbprint in hexadecimal or base64 in the form for comparison: the digits without separators.
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
	if decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "=")); err == nil &&
		(len(decoded) == 20 || len(decoded) == 32) {
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

// digestValue returns an unquoted thumbprint. It may consist of pairs with blanks between them.
func digestValue(text string, from int, enclosing byte) value {
	if from < len(text) && text[from] == '<' {
		if end := strings.IndexByte(text[from:min(len(text), from+512)], '>'); end > 0 {
			return value{from: from, to: from + end + 1, next: from + end + 1}
		}
	}
	v := bare(text, from, enclosing, false, false)
	for len(v.textOf(text)) >= 2 && isHexadecimalOrBlank(v.textOf(text)) && v.to < len(text) && text[v.to] == ' ' {
		next := bare(text, v.to+1, enclosing, false, false)
		if length := next.to - next.from; length != 2 && length != 4 && length != 8 ||
			!isHexadecimalOrBlank(next.textOf(text)) {
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
