package redact

import (
	"strings"
	"unicode/utf8"
)

// notDomains are words before a backslash that begins an escape or is a part of a Windows path.
var notDomains = setOf(
	`error warn warning info debug fatal trace notice ok done eof end begin null true false yes no json http https
		xml key certificate request response users windows program system32 hklm hkcu hkey get post put delete
		patch options title usage note notes output stdout stderr date time result status code body header
		headers url uri path file`)

// accountWords are words before an account. After them, a word in lower case before a backslash is a domain.
var accountWords = setOf(`user username account login logon as for by domain principal sam samaccountname identity ` +
	`owner member upn name credentials actor caller runas`)

// domainUser replaces the account in `DOMAIN\user` by its pseudonym, and removes the domain.
func (h *hider) domainUser(at, end int) int {
	text := h.text
	if at == 0 || at < h.copied || end >= len(text) {
		return at
	}
	begin := at
	for begin > 0 && at-begin <= maximumLabel &&
		(isWordByte(text[begin-1]) || text[begin-1] == '-' || text[begin-1] == '.') {
		begin--
	}
	domain := text[begin:at]
	local := domain == "."
	dns := !local && isDNSDomain(domain)
	if begin < h.copied || !local && !dns &&
		(len(domain) < 2 || len(domain) > 15 || (domain[0]|0x20)-'a' > 25 || strings.Contains(domain, ".")) {
		return at
	}
	if begin > 0 && (text[begin-1] >= utf8.RuneSelf || strings.IndexByte(`\/.@%$`, text[begin-1]) >= 0) {
		return at
	}
	last := end
	for last < len(text) && last-end <= 64 &&
		(isWordByte(text[last]) || text[last] >= utf8.RuneSelf || strings.IndexByte(".-$", text[last]) >= 0) {
		last++
	}
	who := strings.TrimRight(text[end:last], ".-$")
	last = end + len(who)
	if utf8.RuneCountInString(who) < 2 || !utf8.ValidString(who) || isPseudonym(who) {
		return at
	}
	if last < len(text) && (strings.IndexByte("@/(", text[last]) >= 0 ||
		text[last] == '\\' && last+1 < len(text) && isWordByte(text[last+1])) {
		return at // a sign-in name, or a path
	}
	var space [32]byte
	if notDomains[string(plainLabel(space[:0], domain))] || isEscape(who) {
		return at
	}
	labelled := h.isAccount(begin)
	upper := domain == strings.ToUpper(domain)
	escape := text[at] == '\\' && strings.IndexByte("nrtbfv0xu", who[0]) >= 0
	switch {
	case local:
		whole := begin == 0 || strings.IndexByte(" \t\n\"'=", text[begin-1]) >= 0
		if isFile(who) || !labelled && !isDotted(who) &&
			(!whole || len(who) < 3 || strings.IndexByte("nrtbfvuxdws", who[0]|0x20) >= 0) {
			return at
		}
	case labelled:
	case dns:
		if len(who) < 3 || isFile(who) {
			return at
		}
	case escape && (!upper || who != strings.ToLower(who) || len(who) < 3):
		return at
	case !upper && (len(who) < 3 || strings.IndexByte("dwsDWSB", who[0]) >= 0 && len(who) < 4):
		return at
	}
	if h.r.learning && len(who) >= 3 {
		h.r.learnUser(who)
	}
	if !local {
		h.replace(begin, at, "[domain]")
	}
	h.replace(end, last, h.r.pseudonym(userKind, who))
	return last
}

// isDNSDomain reports whether a text is a DNS domain that has accounts: corp.contoso.de.
func isDNSDomain(text string) bool {
	dot := strings.LastIndexByte(text, '.')
	return dot > 1 && topLevelDomains()[lower(text[dot+1:])] && !strings.HasPrefix(text, ".") &&
		!notHosts.MatchString(text)
}

// isFile reports whether a word ends like a file name.
func isFile(word string) bool {
	dot := strings.LastIndexByte(word, '.')
	return dot >= 0 && fileEndings[lower(word[dot+1:])]
}

// isAccount reports whether the word before a place says that an account follows.
func (h *hider) isAccount(at int) bool {
	before := strings.TrimRight(h.text[max(0, at-48):at], " \"'=:\\“‘")
	var space [maximumLabel]byte
	return accountWords[string(plainLabel(space[:0], before[wordBefore(before, len(before)):]))]
}

// isEscape reports whether a backslash begins the escape of a letter by its number: \u00eb, \U00eb of property lists,
// \303.
func isEscape(text string) bool {
	if len(text) >= 5 && text[0]|0x20 == 'u' && isHexadecimalOrBlank(text[1:5]) {
		return true
	}
	return len(text) >= 3 && strings.Trim(text[:3], "01234567") == ""
}
