package errorcode

import "strings"

// announcing are words that make a number after them a code.
var announcing = []string{"error", "errors", "err", "code", "codes", "errorcode", "status", "issue", "errno", "rc",
	"returned", "returns", "fault", "failure",
	"fehler", "fehlercode", "erreur", "errore", "fout", "foutcode", "erro", "fel", "fejl", "feil", "ended with",
	"exited with", "failed with", "fails with", "closed with",
	"quit with", "terminated with", "finished with"}

// announced returns the word before a number, in lower case, if the word makes the number a code. Otherwise it returns
// "".
func announced(text string, number token) string {
	before := strings.TrimRight(text[max(0, number.at-24):number.at], " \t:=(['\"#-,is")
	begin := len(before)
	for begin > 0 && isWord(before[begin-1]) {
		begin--
	}
	word := strings.Trim(strings.ToLower(before[begin:]), "_")
	if word == "with" {
		end := len(strings.TrimRight(before[:begin], " "))
		for begin = end; begin > 0 && isWord(before[begin-1]); begin-- {
		}
		word = strings.ToLower(before[begin:end]) + " with"
	}
	if word == "code" && strings.HasSuffix(strings.ToLower(before[:begin]), "enroll return ") {
		return "" // the exit code of `jamf enroll`
	}
	for _, one := range announcing {
		// The trimmed letters may be the end of the word.
		if word == one || word == strings.TrimRight(one, "is") {
			return one
		}
	}
	if strings.HasSuffix(word, "errorcode") {
		return "errorcode"
	}
	return ""
}

// isCode reports whether a number without a domain, in a person's text, is a code.
func isCode(text string, number token) bool {
	known, _ := withNumber(number.number, false)
	digits := number.end - number.at
	switch {
	case number.number == 0:
		return false // not an error
	case announced(text, number) != "":
		return true
	case number.number >= 1<<31 && !number.signless:
		return len(known) > 0
	case number.number <= -100:
		return (len(known) > 0 || digits >= 5 && !isValue(text, number)) && !isOffset(text, number)
	case len(known) == 0:
		return false
	}
	_, isEntra := Lookup(Entra, number.number)
	return isEntra && at(text, number.at-1) != '=' || number.at == 0 && digits >= 3
}

// isOffset reports whether a number is the offset of a time's zone.
func isOffset(text string, number token) bool {
	before := strings.TrimRight(text[max(0, number.at-16):number.at], " ")
	return before != "" && isDigit(before[len(before)-1]) && strings.Contains(before, ":")
}

// byForm returns the domain that the form of a number names, or "". The SDK for Workplace Join writes its codes in
// brackets [MS-25244] [VSC], and Entra answers with a list of them
// [https://learn.microsoft.com/entra/identity-platform/reference-error-codes].
func byForm(text string, number token) Domain {
	before := text[max(0, number.at-24):number.at]
	switch {
	case at(text, number.end) == ']' && strings.HasSuffix(before, "[errorCode:"):
		return WorkplaceJoin
	case number.number > 0 && strings.HasSuffix(strings.TrimRight(strings.ReplaceAll(before, " ", ""), "["),
		`"error_codes":`):
		return Entra
	}
	return ""
}

// inLog returns the code of a number without a domain in a log. The code is known, and the text calls the number a
// code. The keychain [OBJC#958] [MS-25244] [PY#803] [https://github.com/MicrosoftDocs/azure-docs/issues/74331] and MSAL
// [MSID] write such numbers.
func inLog(text string, number token) []Found {
	if number.number >= 0 {
		if known, ok := Lookup(HRESULT, number.number); ok && !number.signless {
			return []Found{{Code: known, Known: true}}
		}
		return nil
	}
	word := announced(text, number)
	if word == "" && !strings.HasSuffix(text[:number.at], "broker key ") || word == "error" && number.number > -1000 {
		return nil
	}
	for _, domain := range []Domain{OSStatus, URLLoading, MSID, MSAL, MSALInternal} {
		if known, ok := Lookup(domain, number.number); ok && (domain == OSStatus || number.number <= -1000) {
			return []Found{{Code: known, Known: true}}
		}
	}
	return nil
}

// codeOf returns the code of a domain, known or not.
func codeOf(domain Domain, number token) Found {
	known, ok := Lookup(domain, number.number)
	if !ok {
		known = Code{Domain: domain, Number: number.number}
	}
	return Found{Code: known, Known: ok}
}
