package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// notAccounts are words after "account" or "user" that are not the name of an account.
var notAccounts = setOf(
	`password passwords session sessions keychain agent login logon store record status state token tokens name
		names data profile access account accounts user users home folder directory that which who he it this
		and or is was has had will can type id identifier info information interface input action cancelled
		canceled with for in on at to of by from not no the a an creation deletion lockout policy policies
		settings group groups picture enrollment registration consent key certificate mode context space level
		experience experiences defaults template list manager management service own just already never now
		still also always first last once again be been being get gets got currently successfully automatically
		recently previously you they we i must may might should could would then there here when while if else
		only both each every any some all none one another`)

// happens are statements about an account that follow its name.
var happens = []string{" was locked", " is locked", " has been locked", " locked out", " is disabled", " was disabled",
	" has been disabled", " was unlocked", " is not enabled",
	" logged in", " logged out", " logged on", " signed in", " signed out", " has logged", " has signed",
	" could not log", " could not sign", " cannot log",
	" cannot sign", " failed to log", " failed to sign", " does not exist", " was not found", " wurde gesperrt",
	" ist gesperrt", " hat sich", " was created",
	" was deleted", " was added", " was removed", " has no secure token", " is not a mobile", " is an admin"}

// fileEndings are the endings of dotted names that are not accounts.
var fileEndings = setOf(
	`plist app log txt json xml swift go py sh pkg dmg conf cfg ini exe dll db sqlite bundle framework dylib
		keychain lock html htm js css zip gz com net org io local ps1 bat cmd msi mobileconfig yaml yml md csv
		pdf png jpg socket sock error failed success service agent status state name id type`)

// accountName replaces the account after a label by its pseudonym.
func (h *hider) accountName(found field, v value) int {
	text := strings.TrimSpace(v.textOf(h.text))
	if len(text) < 2 || strings.Contains(text, " ") || strings.ContainsAny(text, "@{}()[]<>=:\\/%,\n") {
		return h.person(field{of: ownerLabel, separator: found.separator, equals: found.equals}, v)
	}
	if label := lower(found.word); (label == "uid" || strings.HasSuffix(label, "userid")) &&
		(!isDotted(text) || text[1] == '.') && !isDN(h.text[v.to:]) {
		return -1 // a number, or a type name
	}
	if dot := strings.LastIndexByte(text, '.'); isFile(text) ||
		dot > 0 && unicode.IsUpper(firstRune(text[dot+1:])) && unicode.IsLower(firstRune(text)) {
		return -1 // a property, in code
	}
	if !isName(text) || isProduct(text) || strings.Trim(text, "0123456789.-") == "" ||
		strings.HasPrefix(text, "com.") || isDashed(text) || notAccounts[lower(text)] {
		return -1
	}
	return h.account(v, true)
}

// account replaces an account by its pseudonym. If certain is true, the account is replaced in other places too.
func (h *hider) account(v value, certain bool) int {
	who := v.textOf(h.text)
	if certain && h.r.learning && len(who) >= 3 {
		h.r.learnUser(who)
	}
	h.replace(v.from, v.to, h.r.pseudonym(userKind, who))
	return v.to
}

// accountPhrase replaces the account after a word such as account by its pseudonym: `account mia.keller was locked
// out`.
func (h *hider) accountPhrase(at, from int, certain bool) int {
	text := h.text
	from += prefixOf(text[from:], "of ", "von ")
	end := from
	for end < len(text) && end-from <= maximumLabel &&
		(isWordByte(text[end]) || text[end] >= utf8.RuneSelf || strings.IndexByte(".-", text[end]) >= 0) {
		end++
	}
	end = from + len(strings.TrimRight(text[from:end], ".-"))
	who := text[from:end]
	if len(who) < 3 || !isName(who) || notAccounts[lower(who)] ||
		end < len(text) && strings.IndexByte("@:/\\=(", text[end]) >= 0 {
		return at
	}
	behind := strings.TrimLeft(text[end:min(len(text), end+32)], "\"'”’")
	if second := strings.IndexByte(strings.TrimPrefix(behind, " "), ' ') + 1; second > 1 && second < len(behind) &&
		prefixOf(text[end+second:], happens...) > 0 && isPersonName(text[from:end+second]) {
		return max(at, h.personBehind(value{from: from, to: end + second}))
	}
	if !certain && prefixOf(behind, happens...) == 0 && !isDotted(who) || strings.Trim(who, "0123456789.-") == "" {
		return at
	}
	return h.account(value{from: from, to: end}, isDotted(who) || strings.ContainsAny(who, "0123456789_"))
}

// personBehind replaces a person's full name after a word for a person by its pseudonym. It returns -1 if the value is
// not such a name.
func (h *hider) personBehind(v value) int {
	name := strings.TrimSpace(v.textOf(h.text))
	if !isPersonName(name) {
		return -1
	}
	return h.person(field{of: personLabel}, v)
}

// isDotted reports whether a word is a first name and a last name with a dot between them.
func isDotted(word string) bool {
	first, last, is := strings.Cut(word, ".")
	if !is || len(first) < 1 || len(last) < 2 || fileEndings[lower(last)] || topLevelDomains()[lower(last)] {
		return false
	}
	for _, letter := range word {
		if !unicode.IsLetter(letter) && letter != '.' && letter != '-' {
			return false
		}
	}
	return !strings.Contains(last, ".") && unicode.IsLower(firstRune(first)) == unicode.IsLower(firstRune(last))
}

// containers and authorities are words in common names that do not name a person.
var (
	containers = setOf(`users computers system configuration schema builtin services sites partitions groups people ` +
		`accounts administrator administrators`)
	authorities = setOf(
		`root ca authority trust global certification issuing intermediate primary public class signing services service
		network solutions certificate server client authentication inc ltd gmbh corporation systems code
		developer worldwide team staff department everyone`)
)

// commonName replaces the person in a distinguished name by a pseudonym: CN=Mia Keller,OU=….
func (h *hider) commonName(from int) int {
	text := h.text
	end := from
	for end < len(text) && end-from < 120 && strings.IndexByte(",;/+\"'\n\r)<>|=", text[end]) < 0 {
		if text[end] == '\\' && end+1 < len(text) {
			if strings.IndexByte(", ", text[end+1]) < 0 {
				break
			}
			end++
		}
		end++
	}
	end = min(end, len(text))
	name := strings.TrimSpace(text[from:end])
	end = from + strings.Index(text[from:end], name) + len(name)
	plain := strings.ReplaceAll(name, "\\", "")
	for word := range strings.FieldsFuncSeq(plain, func(letter rune) bool { return letter == ' ' || letter == '-' }) {
		if authorities[lower(word)] {
			return -1
		}
	}
	switch {
	case name == "" || isPseudonym(name):
		return -1
	case isPersonName(plain), strings.Count(plain, " ") == 1 && isDN(text[end:]) && isLetters(plain) &&
		!isProduct(plain):
		if h.r.learning {
			h.r.learnUser(plain)
		}
		h.replace(end-len(name), end, h.r.pseudonym(userKind, plain))
		return end
	case !isDN(text[end:]), from > 4 && text[from-4] == ',', containers[lower(name)],
		strings.ContainsAny(name, " ${}"), !isName(name), isProduct(name), isDashed(name), len(name) < 3,
		strings.HasPrefix(name, "MS-"):
		return -1
	}
	return h.account(value{from: end - len(name), to: end}, isDotted(name))
}

// isDN reports whether a text continues like a distinguished name of a directory.
func isDN(text string) bool {
	return prefixOf(text, ",ou=", ",cn=", ",dc=", ", ou=", ", cn=", ", dc=") > 0
}

func isLetters(text string) bool {
	for _, letter := range text {
		if !unicode.IsLetter(letter) && letter != ' ' && letter != '-' {
			return false
		}
	}
	return true
}
