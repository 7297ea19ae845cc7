package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"usher.internal/internal/lazyregexp"
)

// products are words in the names of programs, policies and groups, but not in the name of a person.
var products = setOf(
	`microsoft apple jamf intune entra azure company portal platform sso register registration device devices self
		service extension profile policy group groups users conditional access default all authenticator office
		teams outlook onedrive defender edge chrome google kerberos sign login certificate configuration
		settings software update inventory test mac macs ios ipad keychain system enterprise workplace join
		account cloud server client application app not found cancelled canceled failed denied locked disabled
		invalid missing security compliance management token broker agent name preferred_username given_name
		family_name display surname error domain unknown administrators`)

var computers = []string{"macbook", "imac", "mac mini", "mac pro", "mac studio", "’s mac", "'s mac"}

// isPersonName reports whether a text looks like the full name of a person.
func isPersonName(text string) bool {
	words := strings.FieldsFunc(text,
		func(letter rune) bool { return letter == ' ' || letter == ',' || letter == '\u00a0' })
	if len(words) < 2 || len(words) > 6 || len(text) > 80 {
		return false
	}
	capitals := 0
	for _, word := range words {
		var space [96]byte
		if products[string(plainLabel(space[:0], word))] || strings.ContainsAny(word, "/\\=:@<>{}[]_0123456789") {
			return false
		}
		if unicode.IsUpper(firstRune(word)) {
			capitals++
		}
	}
	return capitals >= 2
}

// isProduct reports whether a text is the name of a program, policy or group.
func isProduct(text string) bool {
	for word := range strings.FieldsSeq(text) {
		var space [96]byte
		if len(word) < 96 && products[string(plainLabel(space[:0], word))] {
			return true
		}
	}
	return false
}

// person replaces the name of a person by its pseudonym.
func (h *hider) person(found field, v value) int {
	text := strings.TrimSpace(h.text[v.from:v.to])
	if text == "" || len(text) > 120 || saysNothing(text) || isPseudonym(text) || strings.ContainsAny(text, "@{}=\n") ||
		strings.HasPrefix(text, "com.") || isProduct(text) {
		return -1
	}
	if strings.Trim(text, "0123456789.-") == "" || strings.HasPrefix(text, "%") && !strings.Contains(text, "%20") {
		return -1
	}
	if found.of == ownerLabel {
		if isUserLabel(found.word) && !strings.Contains(text, " ") &&
			(unicode.IsLower(firstRune(text)) || isDotted(text)) && isName(text) && !notAccounts[lower(text)] &&
			!strings.ContainsAny(text, "()[]:/\\\"'") && endsField(h.text[v.to:]) {
			return h.account(v, isDotted(text))
		}
		if !isPersonName(text) || strings.EqualFold(found.word, "name") && !h.isClaim(v.from) {
			return -1
		}
	}
	if found.separator > 0 && !found.equals && v.quote == "" && isSelector(h.text, found.separator, v) {
		return -1
	}
	from := v.from + strings.Index(h.text[v.from:v.to], text)
	of := userKind
	small := strings.ToLower(text)
	for _, computer := range computers {
		if strings.Contains(small, computer) {
			of = computerKind
		}
	}
	if h.r.learning && of == userKind && strings.Contains(text, " ") && isPersonName(text) {
		h.r.learnUser(text)
	}
	h.replace(from, from+len(text), h.r.pseudonym(of, text))
	return max(v.next, from+len(text))
}

// isUserLabel reports whether a label names a user. The value after it is their account or full name.
func isUserLabel(word string) bool {
	return strings.EqualFold(word, "user") || strings.EqualFold(word, "benutzer") || strings.EqualFold(word, "anwender")
}

// endsField reports whether no sentence continues after a value.
func endsField(behind string) bool {
	return behind == "" || strings.IndexByte("\r\n,;)|\"'", behind[0]) >= 0
}

func isPseudonym(text string) bool { return pseudonymPattern.MatchString(text) }

// claims are the names of claims in a person's token. A name next to them is the name of a person.
var claims = []string{"preferred_username", "unique_name", "upn", "given_name", "family_name", "oid", "tid", "mail",
	"userPrincipalName", "email"}

// isClaim reports whether a position is among the claims of a token, or the properties of a user.
func (h *hider) isClaim(at int) bool {
	if h.claimsAt >= 0 && at < h.claimsAt+512 {
		return h.claims
	}
	around := h.text[max(0, at-512):min(len(h.text), at+1024)]
	h.claims, h.claimsAt = false, at
	for _, claim := range claims {
		if strings.Contains(around, `"`+claim+`"`) || strings.Contains(around, " "+claim+" =") ||
			strings.Contains(around, `\"`+claim+`\"`) {
			h.claims = true
			break
		}
	}
	return h.claims
}

// endOfName returns where an unquoted name ends.
func endOfName(text string, from int, enclosing byte) int {
	limit := min(len(text), from+120)
	end := from
	for end < limit && strings.IndexByte(",;|)}]<>\"\t\r\n=(&", text[end]) < 0 &&
		!(enclosing != 0 && text[end] == enclosing) {
		if text[end] == '\\' && prefixOf(text[end:], `\"`, `\n`, `\u0022`, `\u0026`) > 0 ||
			text[end] == '%' && prefixOf(text[end:], encodedEnds[:2]...) > 0 {
			break
		}
		end++
	}
	if end == limit && limit < len(text) {
		end = from + strings.LastIndexByte(text[from:end], ' ')
		if end < from {
			return from
		}
	}
	// "Keller, Mia" is a name too.
	if end+2 < len(text) && text[end] == ',' && text[end+1] == ' ' && !strings.Contains(text[from:end], " ") &&
		unicode.IsUpper(firstRune(text[end+2:])) {
		word := end + 2
		for word < len(text) && (text[word] >= utf8.RuneSelf || isWordByte(text[word]) || text[word] == '-') {
			word++
		}
		if word == len(text) || strings.IndexByte(":=", text[word]) < 0 {
			return word
		}
	}
	if end < len(text) && text[end] == '=' { // the last word is the next label
		end = from + max(0, strings.LastIndexByte(text[from:end], ' '))
	}
	whole := text[from:end]
	if colon := strings.IndexByte(whole, ':'); colon >= 0 {
		whole = whole[:max(0, strings.LastIndexByte(whole[:colon], ' '))]
	}
	if dash := strings.Index(whole, " - "); dash >= 0 {
		whole = whole[:dash]
	}
	if strings.Count(strings.TrimSpace(whole), " ") < 4 && !containsWord(whole, nameEnds) {
		return from + len(strings.TrimRight(whole, " ."))
	}
	// A sentence: its first capitalised words are the name.
	at := 0
	for at < len(whole) {
		blank := strings.IndexByte(whole[at:], ' ')
		if blank < 0 {
			at = len(whole)
			break
		}
		next := strings.TrimLeft(whole[at+blank:], " ")
		word, _, _ := strings.Cut(next, " ")
		at += blank
		if next == "" || nameEnds[strings.ToLower(word)] || !unicode.IsUpper(firstRune(word)) && !particles[word] {
			break
		}
		at += len(whole[at:]) - len(next)
	}
	return from + at
}

var (
	particles = setOf(`von van de der den di da du la le el al bin y zu dos`)
	nameEnds  = setOf(`for with was is has from signed logged failed not on at in to account user upn status error ` +
		`using uid email phone mail`)
)

func containsWord(text string, words map[string]bool) bool {
	for word := range strings.FieldsSeq(text) {
		if words[strings.ToLower(word)] {
			return true
		}
	}
	return false
}

// account is an entry of passwd(5) or master.passwd(5). The group is the field with the name of its owner.
var account = lazyregexp.New(`(?m)^[\w.-]+:[^:\n]*:-?\d+:-?\d+:(?:[^:\n]*:\d+:\d+:)?([^:\n]{2,200}):/`)

// replaceAccounts replaces the names of people in a list of accounts.
func (r *Redactor) replaceAccounts(text string) string {
	if !strings.Contains(text, ":/bin/") && !strings.Contains(text, ":/usr/bin/") {
		return text
	}
	return account.ReplaceAllStringFunc(text, func(entry string) string {
		field := account.FindStringSubmatch(entry)[1]
		name, _, _ := strings.Cut(field, ",")
		if isPseudonym(name) && name == field || isProduct(name) {
			return entry
		}
		if r.learning && isPersonName(name) {
			r.learnUser(name)
		}
		return strings.TrimSuffix(entry, field+":/") + r.pseudonym(userKind, name) + ":/"
	})
}
