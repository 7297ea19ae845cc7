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
	// verdict is the meaning of the state on a registered Mac, and detail is the sentence for it.
	verdict verdict
	detail  string
}

// platformSSOUsers are the known states. The number is the one that macOS prints after the name, or -1 if it is not
// known; nobody has seen 3. The name of 7 is not public, so only the number identifies that state [PSSO-DEC].
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

// ParsePlatformSSOUser reads a state as app-sso prints it: "POUserStateNormal (0)", or only the name or the number. The
// name decides. The number decides if there is no name, which macOS prints as "(null)". An unknown name is
// [PlatformSSOUserUnknown], whatever the number after it. agree reports whether name and number belong together, if
// both exist.
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

// splitUserState returns the name, or "" if it is missing. It returns the number, or -1 if it is missing or unreadable.
func splitUserState(text string) (name string, number int) {
	text = strings.TrimSpace(text)
	number = -1
	if before, rest, found := strings.Cut(text, "("); found && strings.TrimSpace(before) == "" {
		// "(null) (7)", or "(7)": the text in the first parentheses is not a name.
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
		return text, -1 // the parentheses hold something else
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return "", int(n)
	}
	return name, -1
}
