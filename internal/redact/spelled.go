package redact

import (
	"net/url"
	"strconv"
	"strings"

	"usher.internal/internal/lazyregexp"
)

// at matches the spellings of @ in JSON, twice percent-encoded, in mail and in HTML. shapes has the plain one, %40 and
// \@.
const at = `(?:\\{1,2}u0040|%2540|=40|&#64;|&#x40;|\\x40|%40|@)`

// spelled is a sign-in name that has an encoded letter.
var spelled = lazyregexp.New(
	`(?i)(?:[a-z0-9._+'#$~!\x{80}-\x{10ffff}-]|%(?:25)?(?:2[3BDE]|5F|[CDE][0-9A-F]%(?:25)?[89AB][0-9A-F])|` +
		`%[89AB][0-9A-F]|\\u00[c-f][0-9a-f]|\\u002e|=2E)+` +
		at + `[a-z0-9-]+(?:(?:\.|%2E|%252E|\\u002e|=2E|&#46;)[a-z0-9-]+)+`)

// hasSpelledAt reports whether a text may have an encoded sign-in name. Nearly all texts have none and are skipped.
func hasSpelledAt(text string) bool {
	for _, hint := range []string{"u0040", "%2540", "=40", "&#", `\x40`} {
		if strings.Contains(text, hint) {
			return true
		}
	}
	return strings.Contains(text, "%40") &&
		(strings.Contains(text, "%23EXT") || strings.Contains(text, "%2E") || strings.Contains(text, "%2B") ||
			strings.Contains(text, "%C3") ||
			strings.Contains(text, "%c3")) ||
		strings.ContainsRune(text, '@') && (strings.Contains(text, `\u00`) || strings.Contains(text, "%23EXT"))
}

// replaceSpelled replaces the sign-in names with encoded letters.
func (r *Redactor) replaceSpelled(text string) string {
	if !hasSpelledAt(text) {
		return text
	}
	return spelled.ReplaceAllStringFunc(text, func(match string) string {
		plain := plainSignIn(match)
		if _, domain, ok := cutSignInName(plain); !ok ||
			!topLevelDomains()[lower(domain[strings.LastIndexByte(domain, '.')+1:])] {
			return match
		}
		return r.signIn(plain)
	})
}

var plainSigns = strings.NewReplacer("&#64;", "@", "&#x40;", "@", "&#X40;", "@", `\x40`, "@", "&#46;", ".", "=2E", ".",
	"=2e", ".")

// plainSignIn returns a sign-in name without encoded letters.
func plainSignIn(text string) string {
	if at := strings.LastIndex(text, "=40"); at > 0 {
		text = text[:at] + "@" + text[at+3:]
	}
	text = strings.ReplaceAll(plainSigns.Replace(text), `\\u`, `\u`)
	for range 2 {
		if decoded, err := url.PathUnescape(text); err == nil {
			text = decoded
		}
	}
	if !strings.Contains(text, `\u`) {
		return text
	}
	if decoded, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, "") + `"`); err == nil {
		return decoded
	}
	return text
}
