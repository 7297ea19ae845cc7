package redact

import "strings"

// isOneTime reports whether a value is a one-time code: 4 to 10 digits, perhaps in two groups.
func isOneTime(text string) bool {
	digits := digitsOf(text)
	if digits < 4 || digits > 10 || text[0]-'0' > 9 {
		return false
	}
	return digits == len(text) || digits+1 == len(text) && digits >= 6 && strings.IndexByte(" -", text[digits/2]) >= 0
}

// wholeCode returns a code of three digits together with three more digits after a blank.
func (h *hider) wholeCode(v value) value {
	text := h.text
	if v.to-v.from != 3 || digitsOf(v.textOf(text)) != 3 || v.to+4 > len(text) || text[v.to] != ' ' ||
		digitsOf(text[v.to+1:v.to+4]) != 3 {
		return v
	}
	if v.to+4 < len(text) && isWordByte(text[v.to+4]) {
		return v
	}
	v.to += 4
	v.next = v.to
	return v
}

// codeWords are words about codes that are sent to a person. errorWords are words about error codes.
var (
	codeWords = []string{"verification", "security", "confirm", "one-time", "one time", "onetime", "login", "sign-in",
		"sign in", "access", "authent", "mfa", "2fa", "otp", "sms",
		"passcode", "your", "enter"}
	sureCodeWords = codeWords[:6]
	errorWords    = []string{"error", "exit", "status", "return", "result", "response", "reason", "fail", "http",
		"domain", "aadsts", "signal", "line", "osstatus", "err ", "fehler"}
)

// isAboutCodes reports whether the words before a place are about a code that is sent to a person.
func (h *hider) isAboutCodes(at int) bool {
	before := h.sameLine(at, 32)
	return containsAny(before, codeWords) && !containsAny(before, errorWords)
}

// entraErrors are the first digits of Entra's error numbers with six digits: 530003, 700016.
var entraErrors = []string{"500", "501", "530", "65005", "700", "900", "901", "135", "160", "240"}

// isEntraError reports whether a number may be the number of an Entra error.
func isEntraError(number string) bool {
	return len(number) == 6 && prefixOf(number, entraErrors...) > 0
}

// isSentCode reports whether the number after "code:" is sent to a person: it has six or eight digits. Error numbers
// with that many digits have a word for an error near them in these logs.
func (h *hider) isSentCode(found field, v value) bool {
	text := v.textOf(h.text)
	if !isOneTime(text) {
		return false
	}
	if h.isAboutCodes(found.begin) {
		return !isEntraError(text) || containsAny(h.sameLine(found.begin, 32), sureCodeWords)
	}
	return !isEntraError(text) && !found.inURL && (len(text) == 6 || len(text) == 8) &&
		(!found.equals || v.quote != "") && !containsAny(h.sameLine(found.begin, 96), errorWords) &&
		!containsAny(strings.ToLower(h.text[v.to:min(len(h.text), v.to+48)]), errorWords)
}

// codeBefore hides a code before its description: `482997 is your verification code`.
func (h *hider) codeBefore(at, end int) bool {
	text := h.text
	length := prefixOf(text[at:], " is your ", " ist ihr ", " ist dein ", " est votre ")
	begin := wordBefore(text, end)
	if begin < end && text[begin] == 'G' {
		begin += min(2, end-begin) // Google writes the prefix "G-"
	}
	if length == 0 || begin < h.copied || !isOneTime(text[begin:end]) ||
		!strings.Contains(lower(text[at:min(len(text), at+64)]), "code") {
		return false
	}
	h.replace(begin, end, hidden)
	return true
}

// sameLine returns the text before a position in its line, in lower case.
func (h *hider) sameLine(at, length int) string {
	before := h.text[max(0, at-length):at]
	return lower(before[strings.LastIndexByte(before, '\n')+1:])
}

func containsAny(text string, words []string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
