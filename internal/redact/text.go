package redact

import (
	"net/netip"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"usher.internal/internal/lazyregexp"
)

// Text returns a text with pseudonyms. Redacting the result again changes nothing.
func (r *Redactor) Text(text string) string {
	// Hiding one thing may make another recognisable, so the text is redacted until it no longer changes.
	for range rounds {
		again, _ := r.after(text, open{})
		if again == text {
			break
		}
		text = again
	}
	return text
}

// rounds is how often a text is redacted at most.
const rounds = 8

// after redacts a text that follows another. before is the unfinished end of that one.
func (r *Redactor) after(text string, before open) (string, open) {
	if text == "" {
		return text, before
	}
	text, before = r.hide(replaceNumbers(r.replaceAccounts(plainLabels(text))), before)
	text = r.replaceNames(r.replaceShapes(r.replaceSpelled(text)))
	return r.replaceHomes(r.replaceComputers(text)), before
}

// replaceNames replaces the learnt names where they are words.
func (r *Redactor) replaceNames(text string) string {
	small := lower(text)
	for _, name := range r.names {
		if replaced := replaceName(text, small, name); replaced != "" {
			text, small = replaced, lower(replaced)
		}
	}
	return text
}

// replaceName replaces a name in a text; small is the text in lower case. It returns "" if the text does not have the
// name.
func replaceName(text, small string, name name) string {
	var out strings.Builder
	copied := 0
	for from := 0; ; {
		at := strings.Index(small[from:], name.value)
		if at < 0 {
			break
		}
		at += from
		end := at + len(name.value)
		if !isWord(text, at, end) {
			from = at + 1
			continue
		}
		out.WriteString(text[copied:at])
		out.WriteString(name.pseudonym)
		copied, from = end, end
	}
	if copied == 0 {
		return ""
	}
	out.WriteString(text[copied:])
	return out.String()
}

// isWord reports whether no letter or digit is directly before or after text[from:to].
func isWord(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	return !isLetter(before) && !isLetter(after)
}

func isLetter(letter rune) bool {
	return letter != utf8.RuneError && (unicode.IsLetter(letter) || unicode.IsDigit(letter))
}

// homeHints are parts of the paths of folders that hold homes.
var homeHints = []string{"Users", "home", "Homes", "ser$", "ome$", "rofile", `\users`, `\people`, `\staff`, "serdata",
	"sers$", "USERS", "HOME"}

// homes matches the folders that hold homes.
var homes = lazyregexp.New(
	`((?:\\{0,2}/|%2F|\\{1,2})(?:Users|home|(?:[Hh]ome|[Uu]ser|[Pp]rofile)s?\$|[Hh]omes)(?:\\{0,2}/|%2F|\\{1,` +
		`2}))([^/\\%\s"'<>:,;)\]]+)`)

// replaceHomes replaces the names of homes, also those that are too common to be replaced everywhere.
func (r *Redactor) replaceHomes(text string) string {
	if !containsAny(text, homeHints) {
		return text
	}
	if strings.Contains(text, `\\`) {
		text = r.replaceFolders(uncHomes, text)
	}
	return r.replaceFolders(homes, text)
}

// uncHomes are homes on a Windows server: \\server\users\mia.
var uncHomes = lazyregexp.New(
	`(\\{2,4}[\w.-]+\\{1,2}(?i:users|profiles?|homes?|userdata|people|staff)\$?\\{1,2})([^/\\\s"'<>:,;)\]]+)`)

func (r *Redactor) replaceFolders(homes *lazyregexp.Regexp, text string) string {
	return homes.ReplaceAllStringFunc(text, func(match string) string {
		slash := len(homes.FindStringSubmatch(match)[1])
		who := match[slash:]
		if who == "Shared" || who == "Guest" || pseudonymPattern.MatchString(who) {
			return match
		}
		return match[:slash] + r.pseudonym(userKind, who)
	})
}

// topLevel are the top-level domains of hosts that are recognised: the most frequent of the internet, and those of
// internal networks.
const topLevel = `com|net|org|edu|gov|mil|int|io|dev|cloud|local|lan|corp|internal|home|test|example|invalid|` +
	`de|at|ch|fr|uk|nl|be|it|es|pt|dk|se|no|fi|pl|cz|eu|us|ca|au|nz|jp|` +
	`cn|in|br|mx|za|ie|sg|hk|kr|tw|il|tr|ru|co|info|biz|me|tech|ac|school`

var topLevelDomains = sync.OnceValue(func() map[string]bool {
	domains := map[string]bool{}
	for domain := range strings.SplitSeq(topLevel, "|") {
		domains[domain] = true
	}
	return domains
})

// shapes match data that has a recognisable form, in the order in which they are tried at a position.
var shapes = lazyregexp.New(`(?i)` + strings.Join([]string{
	`(?P<token>eyJ[A-Za-z0-9_-]{8,}(?:(?:\.|%2E)[A-Za-z0-9_-]*){0,4}|\b[01]\.A[A-Za-z0-9_-]{20,` +
		`}(?:\.[A-Za-z0-9_.*!-]+)?|\bM\.[CR]\d+_[A-Za-z0-9._*!$-]{4,}|\bS[ACNOUX][A-Z2-7]{56}\b)`,
	`(?P<secret>\b[a-z0-9]{4}(?:[-\x{2010}-\x{2014}][a-z0-9]{4}){5}\b|\b\d{6}(?:-\d{6}){7}\b)`,
	`(?P<pairs>\b[0-9a-f]{2}(?::[0-9a-f]{2}){15,}\b)`,
	`(?P<upn>[A-Za-z0-9._+'#$~!\x{80}-\x{10ffff}-]+(?:@|%40|\\@)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)`,
	`(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})`,
	`(?P<hardware>\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b)`,
	`(?P<ip6>[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})`,
	`(?P<ip4>\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b)`,
	`(?P<blob>[A-Za-z0-9+/_-]{60,}={0,2})`,
	`(?P<sid>\bS-1-\d+(?:-\d+){3,}\b)`,
	`(?P<digest>\b(?:0x)?[0-9a-f]{32,}\b)`,
	`(?P<host>\b[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.(?:` + topLevel + `)\b)`,
}, "|"))

var shapeNames = sync.OnceValue(func() []string { return shapes.SubexpNames() })

// serials are serial numbers. Only the words before them identify them.
var serials = lazyregexp.New(`(?i)(serial(?:[ _]?number)?"?\s*(?:[=:]|is)?\s*"?)([A-Z0-9]{8,14})\b`)

// mayHaveShape reports whether a word can have a shape. Nearly all words cannot and are skipped.
func mayHaveShape(word string) bool {
	dashes, colons, dots, digits, run := 0, 0, 0, 0, 0
	domains := topLevelDomains()
	for i := range len(word) {
		switch letter := word[i]; {
		case letter == '@', letter == '%':
			return true
		case letter == ':':
			if colons++; colons >= 5 || i > 0 && word[i-1] == ':' {
				return true
			}
			run = 0
			continue
		case letter == '.':
			dots++
			if domains[lower(label(word[i+1:]))] {
				return true
			}
			run = 0
			continue
		case letter == '-', letter == 0xe2:
			dashes++
		case letter-'0' <= 9:
			digits++
		case (letter|0x20)-'a' > 25 && letter != '+' && letter != '/' && letter != '_':
			run = 0
			continue
		}
		if run++; run >= 32 {
			return true
		}
	}
	return dots >= 3 && digits >= 4 || dashes >= 4 && len(word) >= 29 || strings.HasPrefix(word, "eyJ") ||
		strings.HasPrefix(word, "M.C") || strings.HasPrefix(word, "M.R")
}

// label returns the beginning of a word, up to the end of a domain's part.
func label(text string) string {
	for i := range len(text) {
		if letter := text[i]; letter-'0' > 9 && (letter|0x20)-'a' > 25 && letter != '-' {
			return text[:i]
		}
	}
	return text
}

// replaceShapes replaces the shapes in words that may have one.
func (r *Redactor) replaceShapes(text string) string {
	if strings.Contains(lower(text), "serial") {
		text = serials.ReplaceAllStringFunc(text, func(match string) string {
			parts := serials.FindStringSubmatch(match)
			if !strings.ContainsAny(parts[2], "0123456789") {
				return match
			}
			return parts[1] + r.pseudonym(serialKind, parts[2])
		})
	}
	var out strings.Builder
	copied := 0
	for at := 0; at < len(text); {
		if isBreak(text[at]) {
			at++
			continue
		}
		end := at + 1
		for end < len(text) && !isBreak(text[end]) {
			end++
		}
		word := text[at:end]
		if len(word) > 12 {
			if replaced := hideTokens(word); replaced != word {
				out.WriteString(text[copied:at])
				out.WriteString(replaced)
				at, copied = end, end
				continue
			}
		}
		if isPadded(word, text[end:]) {
			out.WriteString(text[copied:at])
			out.WriteString(r.padded(word, text[end:]))
			copied = end
		} else if len(word) >= 5 && mayHaveShape(word) {
			if replaced := r.replaceWord(word, text[max(0, at-12):at]); replaced != word {
				out.WriteString(text[copied:at])
				out.WriteString(replaced)
				copied = end
			}
		}
		at = end
	}
	if copied == 0 {
		return text
	}
	out.WriteString(text[copied:])
	return out.String()
}

// isPadded reports whether a word is base64: the right number of = follows and ends it.
func isPadded(word, behind string) bool {
	word = withoutHash(word)
	if len(word) < 18 || behind == "" || behind[0] != '=' || !isBase64(word) {
		return false
	}
	signs := 1
	if len(behind) > 1 && behind[1] == '=' {
		signs = 2
	}
	if len(behind) > signs && !isSpaceOrCloser(behind[signs]) && behind[signs] != '<' && behind[signs] != '\\' {
		return false
	}
	return (len(word)+signs)%4 == 0 && isMixed(word)
}

// withoutHash returns a thumbprint without the name of its hash function: sha256/….
func withoutHash(word string) string {
	return strings.TrimPrefix(strings.TrimPrefix(word, "sha256/"), "sha1/")
}

// isMixed reports whether a word has upper-case letters, lower-case letters and digits.
func isMixed(word string) bool {
	return strings.ContainsAny(word, "0123456789") && strings.ToLower(word) != word && strings.ToUpper(word) != word
}

// padded replaces a word of base64: a thumbprint has a pseudonym.
func (r *Redactor) padded(word, behind string) string {
	word = withoutHash(word)
	if (len(word) == 27 || len(word) == 43) && !strings.HasPrefix(behind, "==") {
		return r.pseudonym(digestKind, word+"=")
	}
	return "[data]"
}

// isBreak reports whether no shape spans a letter. Blobs, and URLs with hosts, have slashes, so a slash does not break
// a word.
func isBreak(letter byte) bool {
	return strings.IndexByte(" \t\r\n\"<>()[]{}=,;|&?", letter) >= 0
}

func (r *Redactor) replaceWord(word, before string) string {
	return replaceSubmatches(word, func(group, match string, at int) string {
		switch group {
		case "token":
			return "[token]"
		case "secret":
			if strings.ToUpper(match) != match && !strings.ContainsAny(match, "0123456789") {
				return match // words with hyphens
			}
			return hidden
		case "upn":
			return r.signIn(match)
		case "id":
			if isKnownID(match) {
				return match
			}
			return r.pseudonym(idKind, match)
		case "hardware":
			if strings.HasPrefix(match, "00:00:5e:00:") {
				return match
			}
			return r.pseudonym(hardwareKind, match)
		case "ip6", "ip4":
			if at > 0 && match[0] == ':' && isWordByte(word[at-1]) { // address:fe80::1, or a::b of a program
				if strings.HasPrefix(match, "::") {
					return match
				}
				return ":" + r.address(match[1:], before+word[:at])
			}
			return r.address(match, before+word[:at])
		case "pairs":
			return r.pseudonym(digestKind, strings.ReplaceAll(match, ":", ""))
		case "sid":
			return r.pseudonym(idKind, match)
		case "blob":
			if strings.Count(match, "/") > 3 || strings.Count(match, "-") > 6 ||
				!strings.ContainsAny(match, "0123456789") {
				return match // a path, or a line
			}
			return "[data]"
		case "digest":
			if strings.HasPrefix(match, "00000000000000000000") {
				return match
			}
			return r.pseudonym(digestKind, strings.TrimPrefix(strings.ToLower(match), "0x"))
		default:
			if rest := word[at+len(match):]; len(rest) > 1 && rest[0] == '.' && isWordByte(rest[1]) &&
				identifiers.MatchString(match) {
				return match
			}
			return r.host(match)
		}
	})
}

// replaceSubmatches replaces each match of the shapes by the result of with for its group.
func replaceSubmatches(word string, with func(group, match string, at int) string) string {
	matches := shapes.FindAllStringSubmatchIndex(word, -1)
	if matches == nil {
		return word
	}
	names := shapeNames()
	var out strings.Builder
	copied := 0
	for _, m := range matches {
		for group := 1; group < len(names); group++ {
			if from, to := m[2*group], m[2*group+1]; from >= 0 {
				out.WriteString(word[copied:from])
				out.WriteString(with(names[group], word[from:to], from))
				copied = to
				break
			}
		}
	}
	out.WriteString(word[copied:])
	return out.String()
}

const exampleDomain = "example.invalid"

// signIn returns the pseudonym of a sign-in name: that of its user.
func (r *Redactor) signIn(value string) string {
	local, domain, _ := cutSignInName(value)
	if strings.HasSuffix(domain, exampleDomain) {
		return value
	}
	if !isName(local) {
		return r.pseudonym(userKind, value) + "@" + exampleDomain
	}
	return r.pseudonym(userKind, local) + "@" + exampleDomain
}

// knownIDs are ids that are the same for everybody: the organisational unit in every device's certificate, and
// applications of Microsoft and Jamf [FL-S1, BW-MIG].
var knownIDs = map[string]bool{
	"82dbaca4-3e81-46ca-9c73-0950c1eaca97": true,
	"b03c10a8-71c7-45f9-b44a-3335ab76e970": true,
	"dcf07df3-346f-4f0e-b803-c1f0ea0fb5ae": true,
	"29d9ed98-a469-4536-ade2-f981bc1d605e": true,
}

func isKnownID(value string) bool {
	return strings.HasPrefix(value, "00000000-0000-0000-0000-") || knownIDs[strings.ToLower(value)]
}

// versions are words that make four numbers after them a version.
var versions = lazyregexp.New(`(?i)(?:version|ver|v|build|mac|macos|msal|adal|adb|wpj|os|ios|portal)[\s:/=\x{22}-]*$`)

// examples are the addresses that are reserved for documentation. Pseudonyms use them.
var examples = []netip.Prefix{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("192.0.2.0/24")}

func (r *Redactor) address(value, before string) string {
	address, err := netip.ParseAddr(value)
	if err != nil || address.IsLoopback() || address.IsUnspecified() {
		return value
	}
	if address.Is4() && versions.MatchString(before) {
		return value
	}
	for _, example := range examples {
		if example.Contains(address) {
			return value
		}
	}
	return r.pseudonym(addressKind, value)
}

// publicHosts are hosts of Microsoft, Apple and others that are the same for everybody, with their subdomains.
var publicHosts = []string{
	"microsoft.com", "microsoftonline.com", "microsoftonline.us", "microsoftonline.cn", "microsoftonline.de",
	"chinacloudapi.cn",
	"usgovcloudapi.net", "azure.us", "azure.cn", "windows.net", "windowsazure.com", "azure.com", "azure.net",
	"live.com", "office.com",
	"office365.com", "office.net", "msauth.net", "msftauth.net", "msidentity.com", "apple.com", "icloud.com",
	"cdn-apple.com", "jamf.com",
	"manage.microsoft.com", "akamaiedge.net", "digicert.com", "github.com", "example.com", exampleDomain,
}

// notHosts match words that look like hosts but are, for example, bundle identifiers or files.
var notHosts = lazyregexp.New(`(?i)^(?:com|org|net|io|group)\.`)

// identifiers are the beginnings of application identifiers after a team or platform that Apple puts first:
// ABCDE12345.com.example.app.
var identifiers = lazyregexp.New(`^(?:[A-Z0-9]{10}|macOS|iOS)\.(?:com|org|net|io)$`)

func (r *Redactor) host(value string) string {
	small := strings.ToLower(value)
	if notHosts.MatchString(small) || small == "sign.in" {
		return value
	}
	for _, public := range publicHosts {
		if small == public || strings.HasSuffix(small, "."+public) {
			return value
		}
	}
	return r.pseudonym(hostKind, small)
}
