package wpj

import (
	"slices"
	"strconv"
	"strings"
)

// PlatformSSOUser is a user's state in Platform SSO, by Apple's names [FL-S1, PSSO-IPSW].
type PlatformSSOUser string

// The states of a user. [PlatformSSOUserUnknown] is every other one.
const (
	PlatformSSOUserUnknown              PlatformSSOUser = ""
	PlatformSSOUserNormal               PlatformSSOUser = "POUserStateNormal"
	PlatformSSOUserNeedsNewKeys         PlatformSSOUser = "POUserStateNeedsNewKeys"
	PlatformSSOUserNeedsRegistration    PlatformSSOUser = "POUserStateNeedsRegistration"
	PlatformSSOUserNewPasswordUser      PlatformSSOUser = "POUserStateNewPasswordUser"
	PlatformSSOUserKeyInvalid           PlatformSSOUser = "POUserStateUserKeyInvalid"
	PlatformSSOUserNewSmartCardUser     PlatformSSOUser = "POUserStateNewSmartCardUser"
	PlatformSSOUserNewSecureEnclaveUser PlatformSSOUser = "POUserStateNewSecureEnclaveUser"
	PlatformSSOUserNeedsBinding         PlatformSSOUser = "POUserStateNeedsBinding"
)

type platformSSOUserRow struct {
	state  PlatformSSOUser
	number int
	// verdict is what the state means on a Mac that is registered, detail the sentence for it.
	verdict verdict
	detail  string
}

// platformSSOUsers are the states that are known. The number is what macOS prints behind the name, -1 where it is not
// known; nobody has seen 3. The name of 7 is not public, so that state is known by its number only [PSSO-DEC].
var platformSSOUsers = []platformSSOUserRow{
	{PlatformSSOUserNormal, 0, usable, ""},
	{PlatformSSOUserNeedsNewKeys, 1, needsKeys, "Platform SSO says that this user needs new keys"},
	{PlatformSSOUserNeedsRegistration, 2, needsRegistration, "Platform SSO says that this user needs registration"},
	{PlatformSSOUserNewPasswordUser, 4, needsBinding,
		"Platform SSO says that this user is new, and their local account is not bound to it yet"},
	{PlatformSSOUserKeyInvalid, 5, keyInvalid, "Platform SSO says that this user's key cannot be used"},
	{PlatformSSOUserNewSmartCardUser, 6, needsBinding,
		"Platform SSO says that this user is new, and their local account is not bound to it yet"},
	{PlatformSSOUserNewSecureEnclaveUser, 7, needsBinding,
		"Platform SSO says that this user is new, and their local account is not bound to it yet"},
	{PlatformSSOUserNeedsBinding, -1, needsBinding,
		"Platform SSO says that this user has to sign in with the password of their local account"},
}

// ParsePlatformSSOUser reads a state as app-sso prints it: "POUserStateNormal (0)", or the name or the number only. The
// name decides; the number does so where there is no name, which macOS prints as "(null)". A name that is not known is
// [PlatformSSOUserUnknown], whatever number is behind it. agree reports whether name and number belong together, as far
// as both are there.
func ParsePlatformSSOUser(text string) (state PlatformSSOUser, agree bool) {
	name, number := splitUserState(text)
	byName := slices.IndexFunc(platformSSOUsers,
		func(known platformSSOUserRow) bool { return string(known.state) == name })
	if name == "" {
		i := slices.IndexFunc(platformSSOUsers,
			func(known platformSSOUserRow) bool { return number >= 0 && known.number == number })
		if i < 0 {
			return PlatformSSOUserUnknown, true
		}
		return platformSSOUsers[i].state, true
	}
	if byName < 0 {
		return PlatformSSOUserUnknown, true
	}
	known := platformSSOUsers[byName]
	return known.state, number < 0 || known.number < 0 || number == known.number
}

// splitUserState returns the name, "" where there is none, and the number, -1 where there is none that can be read.
func splitUserState(text string) (name string, number int) {
	text = strings.TrimSpace(text)
	number = -1
	if before, rest, found := strings.Cut(text, "("); found && strings.TrimSpace(before) == "" {
		// "(null) (7)", or "(7)": what is in the first parentheses is no name.
		inside, after, _ := strings.Cut(rest, ")")
		if strings.TrimSpace(inside) == "null" {
			text = strings.TrimSpace(after)
		}
	}
	name = text
	if open := strings.LastIndexByte(text, '('); open >= 0 && strings.HasSuffix(text, ")") {
		name = strings.TrimSpace(text[:open])
		if n, err := strconv.ParseUint(strings.TrimSpace(text[open+1:len(text)-1]), 10, 31); err == nil {
			return name, int(n)
		}
		return text, -1 // something else is in the parentheses
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return "", int(n)
	}
	return name, -1
}
