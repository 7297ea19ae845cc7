package errorcode

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"usher.internal/internal/lazyregexp"
)

// Found is a code that stands in a text.
type Found struct {
	Code
	// Known is false where only Domain and Number are.
	Known bool
	// At is where in the text it stands, in bytes.
	At int
}

// patterns are how codes are written.
var patterns = []struct {
	// hint is a part of every match, by which most texts are passed over.
	hint string
	// pattern has a group number, or name for a code that is written by its name. Whose number it is stands in its group
	// domain where it has one, otherwise it is that of domain.
	pattern *lazyregexp.Regexp
	domain  Domain
	// vague is a pattern that much else fits: it counts for a number that its domain is known to have.
	vague bool
}{
	// Cocoa's own two ways of writing an NSError.
	{"Code=", lazyregexp.New(`Domain=(?P<domain>[A-Za-z][\w.-]*) Code=(?P<number>-?\d+)`), "", false},
	{" error ", lazyregexp.New(`\((?P<domain>[A-Za-z]\w*ErrorDomain|OSStatus|[A-Za-z]\w*\.[\w.]*\w) error (?P<number>-?\d+)\.?\)`), "", false},
	// Company Portal [VSC] and MSAL [MSID].
	{"Code: ", lazyregexp.New(`[Ee]rror domain: (?P<domain>[A-Za-z][\w.-]*)\s+Code: (?P<number>-?\d+)\b`), "", false},
	{"rror domain: ", lazyregexp.New(`error(?: code)?: (?P<number>-\d+),? error domain: (?P<domain>[A-Za-z][\w.-]*)`), "", false},
	{"MSALInternalErrorCodeKey", lazyregexp.New(`MSALInternalErrorCodeKey ?= ?"?(?P<number>-\d+)\b`), MSALInternal, false},
	// The Workplace Join SDK [MS-25244] [VSC].
	{"[errorCode:", lazyregexp.New(`\[errorCode:(?P<number>-?\d+)\]`), WorkplaceJoin, false},
	// Entra, and the list of codes in its answer [https://learn.microsoft.com/entra/identity-platform/reference-error-codes].
	{"AADSTS", lazyregexp.New(`\bAADSTS(?P<number>\d{5,7})\b`), Entra, false},
	{`"error_codes"`, lazyregexp.New(`"error_codes"\s*:\s*\[\s*(?P<number>\d{5,7})\b`), Entra, false},
	// The keychain [OBJC#958] [MS-25244] [PY#803] [https://github.com/MicrosoftDocs/azure-docs/issues/74331].
	{"status: -", lazyregexp.New(`\bstatus: (?P<number>-\d+)\b`), OSStatus, true},
	{"code:", lazyregexp.New(`\berror code: ?(?P<number>-\d+)\b`), OSStatus, true},
	{"broker key -", lazyregexp.New(`write broker key (?P<number>-\d+)\b`), OSStatus, true},
	{"error with code -", lazyregexp.New(`Encountered error with code (?P<number>-\d+)\b`), MSID, false},
	{"OSStatus", lazyregexp.New(`\bOSStatus(?: error)?:? (?P<number>-\d+)\b`), OSStatus, false},
	// A code by its name.
	{"Err", lazyregexp.New(`\b(?P<name>(?:MSAL|MSID|NSURL)(?:Internal)?Error[A-Z]\w+)\b`), "", false},
	{"errSec", lazyregexp.New(`\b(?P<name>errSec[A-Z]\w+)\b`), "", false},
	{"POUserState", lazyregexp.New(`\b(?P<name>POUserState[A-Z]\w+)\b`), "", false},
}

// groups are where in a match of each pattern its groups are, -1 for one that it does not have.
var groups = sync.OnceValue(func() (all [][3]int) {
	for _, p := range patterns {
		all = append(all, [3]int{p.pattern.SubexpIndex("domain"), p.pattern.SubexpIndex("number"), p.pattern.SubexpIndex("name")})
	}
	return all
})

// aliases are domains whose numbers are those of another.
var aliases = map[string]Domain{
	"MSIDKeychainErrorDomain": OSStatus, "ADKeychainErrorDomain": OSStatus, "NSOSStatusErrorDomain": OSStatus,
	"MSIDOAuthErrorDomain": MSID, "MSIDHttpErrorCodeDomain": MSID, "MSALInternalErrorDomain": MSALInternal,
	"com.microsoft.workplacejoin.errordomain": WorkplaceJoin, "com.apple.AuthenticationServices.Authorization": Authorization,
	"kCFErrorDomainCFNetwork": URLLoading,
}

// maximumFound is how many codes of one kind are looked for in a text.
const maximumFound = 20

// InText finds the codes in what a program wrote, each once, in the order in which they stand there. An underlying error
// stands behind the one that it caused, so that the last one is the deepest. A text without a code costs next to nothing.
func InText(text string) (found []Found) {
	for i := range patterns {
		p := &patterns[i]
		if !strings.Contains(text, p.hint) {
			continue
		}
		for _, match := range p.pattern.FindAllStringSubmatchIndex(text, maximumFound) {
			group := func(which int) string {
				if at := groups()[i][which]; at >= 0 {
					return text[match[2*at]:match[2*at+1]]
				}
				return ""
			}
			one, ok := identify(p.domain, group(0), group(1), group(2))
			if ok && (one.Known || !p.vague) {
				one.At = match[0]
				found = append(found, one)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Found) int { return cmp.Compare(a.At, b.At) })
	seen := map[key]bool{}
	return slices.DeleteFunc(found, func(one Found) bool {
		k := key{one.Domain, one.Number}
		defer func() { seen[k] = true }()
		return seen[k]
	})
}

// identify returns the code of a domain as it is written and a number, or of a name; false for what is no code.
func identify(domain Domain, written, digits, name string) (Found, bool) {
	if name != "" {
		at, ok := byName[name]
		if !ok {
			return Found{}, false
		}
		return Found{Code: codes[at], Known: true}, true
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return Found{}, false
	}
	if written != "" {
		domain = cmp.Or(aliases[written], Domain(written))
	}
	if known, ok := Lookup(domain, number); ok {
		return Found{Code: known, Known: true}, true
	}
	if domain == MSAL {
		// Older versions of MSAL gave its internal codes the same domain.
		if known, ok := Lookup(MSALInternal, number); ok {
			return Found{Code: known, Known: true}, true
		}
	}
	return Found{Code: Code{Domain: domain, Number: number}}, true
}
