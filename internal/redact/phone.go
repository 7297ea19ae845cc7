package redact

import (
	"strings"

	"usher.internal/internal/lazyregexp"
)

// hiddenPhone replaces a telephone number.
const hiddenPhone = "[phone]"

// number hides the telephone number in a field for telephone numbers.
func (h *hider) number(v value) int {
	text := h.text[v.from:v.to]
	if digits := digitsOf(text); digits < 5 || digits > 24 || len(text) > 64 || isVersionOrDate(text) {
		return -1
	}
	h.replace(v.from, v.to, hiddenPhone)
	return max(v.next, v.to)
}

func digitsOf(text string) int {
	digits := 0
	for i := range len(text) {
		if text[i]-'0' <= 9 {
			digits++
		}
	}
	return digits
}

func isVersionOrDate(text string) bool {
	return len(text) >= 10 && text[4] == '-' && text[7] == '-' || strings.Count(text, ":") > 1 || isDashed(text)
}

// endOfNumber returns where an unquoted telephone number ends.
func endOfNumber(text string, from int) int {
	at, last := from, from
	for at < len(text) && at-from < 40 {
		letter := text[at]
		switch {
		case letter-'0' <= 9:
			last = at + 1
		case strings.IndexByte("+ ()-./", letter) >= 0:
		case letter == 0xC2 && at+1 < len(text) && text[at+1] == 0xA0:
			at++
		case prefixOf(text[at:], "ext. ", "ext ", "x", "%2B", "%20") > 0:
			at += prefixOf(text[at:], "ext. ", "ext ", "x", "%2B", "%20") - 1
		default:
			return last
		}
		at++
	}
	return last
}

// phone hides a telephone number in international notation. Its + is at the position at.
func (h *hider) phone(at, behind int) int {
	text := h.text
	if at < h.copied || behind >= len(text) || text[behind]-'1' > 8 ||
		at > 0 && (isWordByte(text[at-1]) ||
			strings.IndexByte("+/=-.)", text[at-1]) >= 0 && !strings.HasPrefix(text[at-1:], "=+")) {
		return at
	}
	end, last, digits, groups := behind, behind, 0, 0
	for end < len(text) && digits <= 16 {
		letter := text[end]
		if letter-'0' <= 9 {
			digits++
			end++
			last = end
			continue
		}
		blank := 0
		for end+blank < len(text) && blank < 3 && strings.IndexByte(" -./()", text[end+blank]) >= 0 {
			blank++
		}
		if blank == 0 {
			blank = prefixOf(text[end:], "\u00a0", "\u2011", "%20")
		}
		if blank == 0 || end+blank >= len(text) || text[end+blank]-'0' > 9 {
			break
		}
		if digits > 3 && groups == 0 {
			break // a country code has at most three digits
		}
		groups++
		end += blank
	}
	switch {
	case digits > 15, digits < 9 && groups == 0, digits < 7:
		return at
	case last < len(text) && (isWordByte(text[last]) || text[last] == ':'):
		return at
	case at > 1 && text[at-1] == ' ' && text[at-2]-'0' <= 9 && groups == 0:
		return at // after a time or in a sum
	}
	h.replace(at, last, hiddenPhone)
	return last
}

// dialled is an international telephone number as most countries dial it, with 00 [ITU-T E.123].
var dialled = lazyregexp.New(
	`(^|[\s"'=(,:;>])00[1-9]\d{0,2}(?: ?\(0\))?(?:[ /.-]?\(?\d{1,5}\)?(?:[ /.-]\d{2,})+|\d{9,12})\b`)

// replaceNumbers replaces telephone numbers that begin with 00.
func replaceNumbers(text string) string {
	if !strings.Contains(text, "00") {
		return text
	}
	return dialled.ReplaceAllStringFunc(text, func(match string) string {
		if digits := digitsOf(match); digits < 9 || digits > 17 {
			return match
		}
		return dialled.FindStringSubmatch(match)[1] + hiddenPhone
	})
}

// nationalPhone hides a telephone number as it is dialled within a country: 089/12345678, 0151 23456789. Its 0 is at
// the position at.
func (h *hider) nationalPhone(at int) int {
	text := h.text
	if at < h.copied || at+7 > len(text) || text[at+1]-'1' > 8 ||
		at > 0 && strings.IndexByte(" \t\n\"'(,;", text[at-1]) < 0 {
		return at
	}
	if before := strings.TrimRight(text[max(0, at-8):at], " \t"); before != "" &&
		(before[len(before)-1]-'0' <= 9 || before[len(before)-1] == ':' && at > 9 && isHex(before[len(before)-2])) {
		return at // one of several numbers
	}
	end := at
	groups := [4]int{}
	group := 0
	for end < len(text) {
		if text[end]-'0' <= 9 {
			groups[group]++
			end++
			continue
		}
		blank := 1
		if prefixOf(text[end:], " / ", " - ", ") ") > 0 {
			blank = min(3, strings.IndexAny(text[end+1:], "0123456789 ")+2)
		} else if strings.IndexByte(" /-)", text[end]) < 0 {
			break
		}
		if group == 3 || end+blank >= len(text) || text[end+blank]-'0' > 9 {
			break
		}
		end += blank
		group++
	}
	digits := groups[0] + groups[1] + groups[2] + groups[3]
	switch {
	case group == 0, groups[0] < 3, groups[0] > 5, groups[1] < 2, digits < 9, digits > 13:
		return at
	case group == 1 && groups[1] < 5, groups[0] == groups[1] && groups[1] == groups[2]:
		return at
	case end < len(text) && (isWordByte(text[end]) || text[end] == ':' ||
		text[end] == '.' && end+1 < len(text) && isWordByte(text[end+1])):
		return at
	}
	if behind := strings.TrimLeft(text[end:min(len(text), end+4)], " "); behind != "" && (behind[0]-'0' <= 9) {
		return at
	}
	h.replace(at, end, hiddenPhone)
	return end
}

// americanPhone hides a telephone number of North America: (555) 123-4567. Its bracket or first hyphen is at the
// position at.
func (h *hider) americanPhone(at int) int {
	text := h.text
	begin, end := at, at+1
	if text[at] == '(' {
		if !isDigits(text, at+1, 3) || at+5 >= len(text) || text[at+4] != ')' {
			return at
		}
		end = at + 5
		if text[end] == ' ' || text[end] == '-' {
			end++
		}
	} else {
		if at < 3 || !isDigits(text, at-3, 3) {
			return at
		}
		begin = at - 3
	}
	if !isDigits(text, end, 3) || end+3 >= len(text) || strings.IndexByte("-. ", text[end+3]) < 0 ||
		!isDigits(text, end+4, 4) {
		return at
	}
	end += 8
	if begin > 1 && strings.IndexByte("- .", text[begin-1]) >= 0 && text[begin-2] == '1' &&
		(begin == 2 || !isWordByte(text[begin-3]) && text[begin-3] != '.' && text[begin-3] != '-') {
		begin -= 2
	}
	if begin < h.copied || begin > 0 && (isWordByte(text[begin-1]) || strings.IndexByte("-./+", text[begin-1]) >= 0) {
		return at
	}
	if end < len(text) && (isWordByte(text[end]) || strings.IndexByte("-/:", text[end]) >= 0 ||
		text[end] == '.' && end+1 < len(text) && text[end+1]-'0' <= 9) {
		return at
	}
	h.replace(begin, end, hiddenPhone)
	return end
}

// isDigits reports whether the text has that many digits at a position.
func isDigits(text string, at, many int) bool {
	return at+many <= len(text) && digitsOf(text[at:at+many]) == many
}
