package redact

import "strings"

// keychainAttributes are the attributes in security(1)'s lists of keychains that may name a person or hold a secret:
// `"labl"<blob>="Mia Keller"`. Its other output describes the item: kinds, dates, and the issuer.
var keychainAttributes = setOf(`acct alis labl subj icmt desc gena path`)

// maximumBlob is how much of a line with such an attribute is examined, in bytes.
const maximumBlob = 1 << 10

// blob handles the attribute of a keychain item whose = is at a position. A value that is not plain is printed in
// hexadecimal. The same value follows as text, with bytes beyond ASCII in octal.
func (h *hider) blob(at int) int {
	text := h.text
	before := text[max(0, at-24):at]
	if at < h.copied || !strings.HasSuffix(before, "<blob>") {
		return at
	}
	before = strings.TrimSuffix(strings.TrimSuffix(before, "<blob>"), `"`)
	name := before[strings.LastIndexByte(before, '"')+1:]
	if strings.HasSuffix(name, "0x00000007 ") { // the label of a password has a number
		name = "labl"
	}
	if !keychainAttributes[name] {
		return at
	}
	// Of a longer value, this rule hides a part; other rules may hide the rest.
	end := min(len(text), at+1+maximumBlob)
	if newline := strings.IndexByte(text[at+1:end], '\n'); newline >= 0 {
		end = at + 1 + newline
	}
	shown := strings.TrimSpace(text[at+1 : end])
	if shown == "" || shown == "<NULL>" || strings.HasPrefix(shown, hidden) {
		return at
	}
	if strings.HasPrefix(shown, "0x") || strings.Contains(shown, `\`) {
		h.replace(at+1, end, hidden)
		return end
	}
	inside := strings.Trim(shown, `"`)
	from := at + 1 + strings.Index(text[at+1:end], inside)
	v := value{from: from, to: from + len(inside)}
	if name == "acct" {
		return max(at, h.accountName(field{of: accountLabel, word: "account", equals: true}, v))
	}
	return max(at, h.personBehind(v))
}
