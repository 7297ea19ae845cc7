// Package errorcode names the error codes that the logs of a registration show, and says what to do about them. [Lookup]
// takes a code, [Find] what somebody typed, and [InText] finds codes in what a program wrote.
//
// Exit codes of Company Portal are not here, but in internal/wpj.
package errorcode

import (
	"slices"
	"strconv"
	"strings"
)

// Domain is whose numbers they are.
type Domain string

// The domains, by the names that logs give them where they do.
const (
	WorkplaceJoin Domain = "WPJ SDK"
	OSStatus      Domain = "OSStatus"
	MSAL          Domain = "MSALErrorDomain"
	MSALInternal  Domain = "MSALInternalErrorCode"
	MSID          Domain = "MSIDErrorDomain"
	Broker        Domain = "broker"
	Entra         Domain = "AADSTS"
	URLLoading    Domain = "NSURLErrorDomain"
	WebSession    Domain = "com.apple.AuthenticationServices.WebAuthenticationSession"
	Authorization Domain = "com.apple.AuthenticationServices.AuthorizationError"
	PlatformSSO   Domain = "com.apple.PlatformSSO"
	PlugInKit     Domain = "PlugInKit"
	Portal        Domain = "com.microsoft.commonlib.authentication"
	PSSOStatus    Domain = "MSALPlatformSSOStatus"
	PSSOUserState Domain = "POUserState"
	WPJState      Domain = "WorkPlaceJoinState"
)

// Code is one error code.
type Code struct {
	Domain Domain `json:"domain"`
	Number int64  `json:"number"`
	// Name is what its domain calls it, Meaning one sentence, and Advice one that says what to do, "" for nothing.
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
	Advice  string `json:"advice,omitempty"`
	// Source is a tag of the reference or a URL.
	Source string `json:"source"`
}

// String returns the code with its name, for example "errSecInteractionNotAllowed (OSStatus -25308)".
func (c Code) String() string {
	number := strconv.FormatInt(c.Number, 10)
	if c.Domain == Entra {
		return c.Name + " (AADSTS" + number + ")"
	}
	return c.Name + " (" + string(c.Domain) + " " + number + ")"
}

// All returns every code that is known.
func All() []Code { return slices.Clone(codes) }

type key struct {
	domain Domain
	number int64
}

// byKey and byName are where in codes a code stands.
var byKey, byName = func() (map[key]int, map[string]int) {
	keys, names := map[key]int{}, map[string]int{}
	for i, c := range codes {
		keys[key{c.Domain, c.Number}] = i
		if _, taken := names[c.Name]; !taken {
			names[c.Name] = i
		}
	}
	return keys, names
}()

// Lookup returns what is known of a code.
func Lookup(domain Domain, number int64) (Code, bool) {
	at, ok := byKey[key{domain, number}]
	if !ok {
		return Code{}, false
	}
	return codes[at], true
}

// Find returns the codes that a query can mean: a number, in decimal or hexadecimal, without its sign only if none has it as
// it is written, with AADSTS before it or not; a name, and if none is called so a part of one of four letters or more.
func Find(query string) []Code {
	query = strings.ToLower(strings.TrimSpace(query))
	if digits, isEntra := strings.CutPrefix(query, "aadsts"); isEntra {
		number, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil
		}
		return where(func(c Code) bool { return c.Domain == Entra && c.Number == number })
	}
	if number, err := strconv.ParseInt(query, 0, 64); err == nil {
		// An OSStatus has 32 bits, and is written without its sign too.
		found := where(func(c Code) bool {
			return c.Number == number || number > 1<<31 && number < 1<<32 && c.Number == int64(int32(uint32(number)))
		})
		if found == nil && number > 0 {
			found = where(func(c Code) bool { return c.Number == -number })
		}
		return found
	}
	found := where(func(c Code) bool { return strings.ToLower(c.Name) == query })
	if found == nil && len(query) >= 4 {
		found = where(func(c Code) bool { return strings.Contains(strings.ToLower(c.Name), query) })
	}
	return found
}

func where(fits func(Code) bool) (found []Code) {
	for _, c := range codes {
		if fits(c) {
			found = append(found, c)
		}
	}
	return found
}
