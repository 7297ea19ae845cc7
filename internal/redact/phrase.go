package redact

import (
	"strings"
	"unicode/utf8"
)

// The kinds of phrases.
const (
	schemePhrase = iota + 1
	passwordPhrase
	// pinPhrase is a word for a password that may consist of digits.
	pinPhrase
	// labelPhrase is a word that is used only as a label: client_secret, DB_PASS.
	labelPhrase
	tokenPhrase
	codePhrase
	enterPhrase
	otpPhrase
	digestPhrase
	accountPhrase
	personPhrase
	phonePhrase
)

var phrases = map[string]int{
	"bearer": schemePhrase, "basic": schemePhrase, "negotiate": schemePhrase, "ntlm": schemePhrase,
	"dpop":     schemePhrase,
	"password": passwordPhrase, "passphrase": passwordPhrase, "passcode": pinPhrase, "secret": passwordPhrase,
	"pin":    pinPhrase,
	"passwd": passwordPhrase, "pwd": passwordPhrase, "passwort": passwordPhrase, "kennwort": passwordPhrase,
	"wachtwoord": passwordPhrase, "senha": passwordPhrase,
	"heslo": passwordPhrase, "passord": passwordPhrase, "adgangskode": passwordPhrase, "salasana": passwordPhrase,
	"parola": passwordPhrase, "clave": passwordPhrase,
	"passe": passwordPhrase, "psk": passwordPhrase, "passw": passwordPhrase, "apikey": passwordPhrase,
	"apitoken": passwordPhrase, "authtoken": passwordPhrase, "clientsecret": passwordPhrase,
	"losenordet": passwordPhrase,
	"token":      tokenPhrase, "accesstoken": tokenPhrase, "refreshtoken": tokenPhrase, "idtoken": tokenPhrase,
	"cookie": tokenPhrase, "seed": tokenPhrase, "key": tokenPhrase,
	"code": codePhrase, "enter": enterPhrase, "use": enterPhrase, "otp": otpPhrase, "totp": otpPhrase, "tan": otpPhrase,
	"einmalcode": otpPhrase, "sicherheitscode": otpPhrase,
	"thumbprint": digestPhrase, "fingerprint": digestPhrase,
	"account": accountPhrase, "user": accountPhrase, "konto": accountPhrase, "benutzer": accountPhrase,
	"samaccountname": accountPhrase,
	"realname":       personPhrase, "fullname": personPhrase, "displayname": personPhrase,
	"phone": phonePhrase, "telephone": phonePhrase, "mobile": phonePhrase, "tel": phonePhrase, "fax": phonePhrase,
	"telefon": phonePhrase, "handy": phonePhrase,
	"mobil": phonePhrase, "rufnummer": phonePhrase, "mobilnummer": phonePhrase, "telefonnummer": phonePhrase,
	"handynummer": phonePhrase,
}

// verbs are the words between a label and its value in a sentence.
var verbs = []string{"was reset to ", "reset to ", "is ", "was ", "is set to ", "set to ", "changed to ", "is: ",
	"is now ", "to ", "token ", "number ", "lautet ", "lautete ", "ist ", "ist: ", "est ", "es ", "\u00e9 ",
	"\u00e8 ", "er ", "\u00e4r ", "jest ", "je ", "to: ", "changed from ", "-string ", "-data ", "- ", "\u2013 ",
	"\u2014 ", "\u2192 "}

// certain are the verbs that only a value follows.
var certain = []string{"lautet ", "lautete ", "-string ", "-data "}

// phraseOf returns the kind of phrase that begins with the word before a position, and where that word begins.
func phraseOf(text string, end int) (is, begin int) {
	begin = wordBefore(text, end)
	if begin > 0 && text[begin-1] >= utf8.RuneSelf {
		if of, wide := wideLabel(text, end); of == secretLabel {
			return passwordPhrase, wide
		}
	}
	if end-begin < 3 || end-begin > 32 {
		return 0, begin
	}
	var space [maximumLabel]byte
	word := text[begin:end]
	plain := plainLabel(space[:0], word)
	if is = phrases[string(plain)]; is != 0 && (is != passwordPhrase && is != tokenPhrase || !isMadeOfWords(word)) {
		return is, begin
	}
	if isMadeOfWords(word) && classOf("", word) == secretLabel {
		return labelPhrase, begin
	}
	return 0, begin
}

// signedIn are the words before "user" if the user's name follows a verb: `logged in user is mia`.
var signedIn = []string{"logged in ", "logged-in ", "logged on ", "signed in ", "signed-in ", "console ", "current ",
	"angemeldeter "}

// isMadeOfWords reports whether a word is written like a label of several words: client_secret, clientSecret.
func isMadeOfWords(word string) bool {
	return strings.IndexByte(word, '_') > 0 || len(lastWord(word)) < len(word)
}

// phrase handles the words before and after a blank: `Bearer abc…`, `the password is "…"`.
func (h *hider) phrase(at int) int {
	text := h.text
	end := at
	for end > 0 && at-end < 2 && strings.IndexByte("\"'", text[end-1]) >= 0 {
		end--
	}
	if end < 3 || at < h.copied || text[end-1] == ' ' {
		return at
	}
	if text[end-1]-'0' <= 9 && h.codeBefore(at, end) {
		return at
	}
	is, begin := phraseOf(text, end)
	if is == 0 {
		return at
	}
	from := at
	for from < len(text) && (text[from] == ' ' || text[from] == '\t') && from-at < 8 {
		from++
	}
	if is == passwordPhrase || is == pinPhrase || is == codePhrase {
		from += purpose(text[from:])
	}
	verb := prefixOf(text[from:], verbs...)
	sure := prefixOf(text[from:], certain...) > 0 || is == passwordPhrase && verb == 0 && h.isNetrc(begin)
	from += verb
	if prefixOf(text[from:], markers...) > 0 || from == len(text) || text[from] == '\n' {
		return at
	}
	if opening, closing := openingQuote(text[from:]); opening != "" && end == at {
		return h.quotedPhrase(is, begin, text[begin:end], quoted(text, from, opening, closing), at)
	}
	switch is {
	case digestPhrase:
		return max(at, h.digest(digestValue(text, from, enclosingQuote(text, at))))
	case accountPhrase:
		return h.accountPhrase(at, from,
			len(text[begin:end]) > len("benutzer") || verb > 0 && containsAny(h.sameLine(begin, 24), signedIn))
	case personPhrase:
		return max(at, h.personBehind(value{from: from, to: endOfName(text, from, enclosingQuote(text, at))}))
	case phonePhrase:
		number := value{from: from, to: endOfNumber(text, from)}
		if digitsOf(number.textOf(text)) < 7 ||
			number.to < len(text) && (isWordByte(text[number.to]) ||
				strings.IndexByte(":,", text[number.to]) >= 0 && number.to+1 < len(text) &&
					isWordByte(text[number.to+1])) {
			return at
		}
		return max(at, h.number(number))
	}
	one := bare(text, from, enclosingQuote(text, at), false, false)
	value := strings.TrimRight(one.textOf(text), ".:")
	one.to = one.from + len(value)
	if !sure && !h.isPhraseValue(is, begin, verb > 0, one) || value == "" {
		return at
	}
	one = h.wholeCode(one)
	h.replace(one.from, one.to, hidden)
	if length := prefixOf(text[one.to:], " to "); length > 0 && verb == len("changed from ") {
		if next := bare(text, one.to+length, 0, false, false); isOdd(next.textOf(text)) {
			h.replace(next.from, next.to, hidden)
			return next.to
		}
	}
	return one.to
}

// purpose returns the length of the words between "password" and a verb that say its purpose: `for the smart card ` is.
func purpose(text string) int {
	if prefixOf(text, "for ", "of ", "to ", "f\u00fcr ", "zum ", "zur ") == 0 {
		return 0
	}
	near := text[:min(len(text), 64)]
	for at, words := 0, 0; words < 6; words++ {
		blank := strings.IndexByte(near[at:], ' ')
		if blank < 0 {
			return 0
		}
		word := near[at : at+blank]
		at += blank + 1
		switch {
		case words > 0 && strings.HasSuffix(word, ":") && !strings.ContainsAny(word[:len(word)-1], "\n=:;.,\"'"):
			return at
		case strings.ContainsAny(word, "\n=:;.,\"'"):
			return 0
		case prefixOf(near[at:], "= ") > 0:
			return at + len("= ")
		case prefixOf(near[at:], "is ", "was ", "lautet ", "ist ", "is: ") > 0:
			return at
		}
	}
	return 0
}

// isPhraseValue reports whether a word after another one is its value.
func (h *hider) isPhraseValue(is, begin int, verb bool, one value) bool {
	text := h.text
	value := one.textOf(text)
	switch is {
	case schemePhrase:
		if len(value) < 6 || !isOdd(value) && len(value) < 20 || strings.Contains(value, "://") {
			return false
		}
		return prefixOf(value, "realm=", "error=", "authorization_uri", "client_id") == 0
	case passwordPhrase, pinPhrase:
		if isOneTime(value) && (is == pinPhrase || containsAny(h.sameLine(begin, 32), sureCodeWords)) {
			return true
		}
		if verb {
			return len(value) >= 3 && isOdd(value) && !isTechnical(value)
		}
		return isRandom(value, 12) || isStrong(value) || looksSecret(value)
	case labelPhrase:
		return len(value) >= 4 && isOdd(value) && looksSecret(value)
	case tokenPhrase:
		return isRandom(value, 16) || isOneTime(value) && h.isAboutCodes(begin)
	case enterPhrase:
		return isOneTime(value) && len(value) >= 6 && prefixOf(text[one.to:], signsIn[:5]...) > 0
	case otpPhrase:
		return isOneTime(h.wholeCode(one).textOf(text))
	case codePhrase:
		behind := text[one.to:]
		if isOneTime(h.wholeCode(one).textOf(text)) {
			if isEntraError(value) && !containsAny(h.sameLine(begin, 32), sureCodeWords) {
				return false
			}
			if verb && len(value) == 6 && !containsAny(h.sameLine(begin, 96), errorWords) {
				return true
			}
			return h.isAboutCodes(begin) || len(value) >= 6 && prefixOf(behind, signsIn...) > 0
		}
		return len(value) >= 8 && len(value) <= 10 &&
			strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" && prefixOf(behind, signsIn...) > 0
	}
	return false
}

// signsIn are the words after a code that a person enters.
var signsIn = []string{" to auth", " to sign", " to log", " to verify", " to confirm", " to continue", " was sent",
	" sent", " has been sent", " at http", " on http", " in the br"}

// quotedPhrase hides a quoted value that follows a word.
func (h *hider) quotedPhrase(is, begin int, word string, whole value, at int) int {
	value := whole.textOf(h.text)
	if whole.unfinished || strings.Contains(value, "\n") || len(value) > 200 || saysNothing(value) ||
		prefixOf(value, markers...) > 0 {
		return at
	}
	switch {
	case is == accountPhrase:
		if strings.Contains(value, " ") {
			return max(at, h.personBehind(whole))
		}
		return max(at, h.accountPhrase(at, whole.from, false))
	case is == personPhrase:
		return max(at, h.personBehind(whole))
	case is == codePhrase && (isCode(value, false) || isOneTime(value) && h.isAboutCodes(begin)):
	case strings.EqualFold(word, "cookie") && strings.Contains(value, "="):
	case (is == passwordPhrase || is == pinPhrase || is == labelPhrase) && strings.Count(value, " ") < 8 &&
		!strings.ContainsAny(value, "=:{"):
	case is == otpPhrase && isOneTime(value):
	case is != phonePhrase && isRandom(value, 12):
	default:
		return at
	}
	h.replace(whole.from, whole.to, hidden)
	return whole.next
}

// valueForPerson hides the value after `password for mia:`. The last word begins at the position begin.
func (h *hider) valueForPerson(at, begin, behind int) int {
	if begin <= 0 {
		return at
	}
	length := suffixOf(h.text[:begin], " for ", " f\u00fcr ", " pour ", " para ", " voor ", " of ")
	if length == 0 || begin == length {
		return at
	}
	if of, _, _ := labelBefore(h.text, begin-length); of != secretLabel {
		return at
	}
	for behind < len(h.text) && h.text[behind] == ' ' {
		behind++
	}
	one := bare(h.text, behind, 0, false, false)
	if !looksSecret(one.textOf(h.text)) {
		return at
	}
	h.replace(one.from, one.to, hidden)
	return one.to
}

// isNetrc reports whether a password is in an entry of netrc(5): `machine h login u password p`.
func (h *hider) isNetrc(begin int) bool {
	before := h.text[max(0, begin-nearPair):begin]
	if begin < nearPair && h.netrc {
		return true
	}
	machine := strings.LastIndex(before, "machine ")
	return machine >= 0 && strings.Contains(before[machine:], "login ") && strings.Count(before[machine:], "\n") < 4
}

// isOdd reports whether a word does not belong to a sentence: it has a digit, a sign, or a capital letter inside.
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

// isStrong reports whether a word looks like a required password: it has a letter and a sign that no word of a sentence
// has.
func isStrong(word string) bool {
	return len(word) >= 5 && strings.ContainsAny(word, "!@#$^&*") && !strings.ContainsAny(word, "/%(<{\\") &&
		strings.ContainsAny(word, "0123456789") && isOdd(word)
}

// looksSecret reports whether a word looks like a password and not like a word of a sentence. It has digits among its
// letters, and is not the name of something technical.
func looksSecret(word string) bool {
	if len(word) < 5 || len(word) > 200 || isTechnical(word) || prefixOf(word, markers...) > 0 {
		return false
	}
	letters, digits := 0, 0
	for i := range len(word) {
		switch letter := word[i]; {
		case letter-'0' <= 9:
			digits++
		case (letter|0x20)-'a' <= 25, letter >= utf8.RuneSelf:
			letters++
		case strings.IndexByte("!@#$^&*~+?._-", letter) < 0:
			return false
		}
	}
	return letters > 0 && digits > 0
}

// technical are beginnings of words with digits that occur near secrets but are not secrets.
var technical = strings.Fields(
	`aadsts sha1 sha2 sha3 sha5 sha-1 sha-2 sha-5 md4 md5 aes1 aes2 aes-1 aes-2 rsa utf base64 base32 base58 pbkdf
		argon bcrypt scrypt oauth openid http ipv4 ipv6 x509 x.509 pkcs rfc iso- iso8 win1 windows macos ios1
		ios- tls ssl es256 rs256 hs256 ps256 ed25519 ed448 curve25519 x25519 krb5 ntlmv mschap uuid kerberos5
		wpa2 wpa3 wep1 fips u2f fido2 auth0 okta python java node com.`)

// isTechnical reports whether a word with digits is, for example, a version, a date, an id or the name of an algorithm.
func isTechnical(word string) bool {
	if prefixOf(word, technical...) > 0 || isDashed(word) || isPseudonym(word) ||
		strings.Contains(word, exampleDomain) || prefixOf(word, "0x") > 0 {
		return true
	}
	if at := strings.IndexByte(word, '@'); at > 0 && strings.Contains(word[at:], ".") {
		return true
	}
	first := strings.TrimLeft(word, "0123456789.-_:/+,")
	if first == "" || len(word) > 9 && word[4] == '-' && word[7] == '-' {
		return true
	}
	if before := len(word) - len(first); before > 0 && before < 5 &&
		strings.Trim(first, "abcdefghijklmnopqrstuvwxyz-") == "" {
		return true // 8-character, 30s, 2nd
	}
	if word[0]|0x20 == 'v' && strings.Trim(word[1:], "0123456789.") == "" {
		return true
	}
	return strings.Count(word, ".") > 1 && strings.ToLower(word) == word
}
