package keychain

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"usher.internal/internal/command"
	"usher.internal/internal/wpj"
)

// The two ways of reading the keychain of macOS.
var (
	theFramework = "the Security framework"
	theTool      = command.Security.Path
)

// Accounts and Labels are the names of the generic passwords that are looked for on macOS: it is not asked for all. If
// a caller needs another one, it must be added here.
var (
	// Accounts are those of Workplace Join: the items that say who registered, and others that a registration leaves.
	Accounts = []string{
		wpj.AccountUserPrincipalName,
		wpj.AccountTenantID,
		wpj.AccountThumbprint,
		wpj.AccountCloudEnvironment,
		"com.microsoft.workplacejoin.deviceName",
		"com.microsoft.workplacejoin.deviceOSVersion",
		"com.microsoft.workplacejoin.discoveryHint",
		"com.microsoft.workplacejoin.registrationKey",
		"com.microsoft.workplacejoin.devicePatchAttemptTimestamp",
	}
	// Labels are those of Company Portal, of Microsoft's sign-in libraries and of jamfAAD.
	Labels = []string{
		"com.microsoft.CompanyPortal",
		"com.microsoft.CompanyPortalMac",
		"com.microsoft.CompanyPortal.HockeySDK",
		"com.microsoft.adalcache",
		"com.jamf.management.jamfAAD",
		"enterpriseregistration.windows.net",
		"https://enterpriseregistration.windows.net",
		"https://enterpriseregistration.windows.net/",
		"https://device.login.microsoftonline.com",
		"https://device.login.microsoftonline.com/",
	}
)

// withPrivateKeys returns the certificates, with HasPrivateKey set if their SHA-1 is among identities. Each is returned
// once, although it may be in several of the keychains that macOS searches.
func withPrivateKeys(certificates []Certificate, identities []string) []Certificate {
	var all []Certificate
	for _, certificate := range certificates {
		if slices.ContainsFunc(all, func(known Certificate) bool { return bytes.Equal(known.DER, certificate.DER) }) {
			continue
		}
		certificate.HasPrivateKey = slices.Contains(identities, thumbprintOf(certificate.DER))
		all = append(all, certificate)
	}
	return all
}

// reading is the result of one way of reading the keychain.
type reading struct {
	certificates []Certificate
	passwords    []GenericPassword
}

// differences describes how the readings of the Security framework and of `security` differ, one sentence each. The
// sentences contain only [Accounts], [Labels] and the first digits of thumbprints.
//
// Data that `security` cannot report, or can report differently, is ignored: labels, all but the first item of a name,
// and items of other names.
func differences(framework, tool reading) []string {
	sentences := []string{}
	say := func(format string, values ...any) { sentences = append(sentences, fmt.Sprintf(format, values...)) }

	onlyIn := func(whose, other string, ours, theirs []Certificate) {
		for _, certificate := range sorted(ours) {
			if indexOf(theirs, certificate) < 0 {
				say("The certificate %s is listed by %s and not by %s.", prefixOf(certificate), whose, other)
			}
		}
	}
	onlyIn(theFramework, theTool, framework.certificates, tool.certificates)
	onlyIn(theTool, theFramework, tool.certificates, framework.certificates)
	for _, certificate := range sorted(framework.certificates) {
		at := indexOf(tool.certificates, certificate)
		switch {
		case at < 0 || tool.certificates[at].HasPrivateKey == certificate.HasPrivateKey:
		case certificate.HasPrivateKey:
			say("The certificate %s has a private key by %s and none by %s, which looks for keys that can sign.",
				prefixOf(certificate), theFramework, theTool)
		default:
			say("The certificate %s has a private key by %s and none by %s.", prefixOf(certificate), theTool,
				theFramework)
		}
	}
	for _, name := range slices.Concat(Accounts, Labels) {
		ours, theirs := ofName(framework.passwords, name), ofName(tool.passwords, name)
		switch {
		case len(ours) == 0 && len(theirs) > 0:
			say("The item %s is found by %s and not by %s.", name, theTool, theFramework)
		case len(ours) > 0 && len(theirs) == 0:
			say("The item %s is found by %s and not by %s.", name, theFramework, theTool)
		case slices.ContainsFunc(theirs,
			func(one GenericPassword) bool { return !slices.ContainsFunc(ours, one.isLike) }):
			say("The item %s has other attributes by %s than by %s.", name, theTool, theFramework)
		}
	}
	return sentences
}

func indexOf(certificates []Certificate, wanted Certificate) int {
	return slices.IndexFunc(certificates, func(c Certificate) bool { return bytes.Equal(c.DER, wanted.DER) })
}

func sorted(certificates []Certificate) []Certificate {
	return slices.SortedFunc(slices.Values(certificates), func(a, b Certificate) int {
		return cmp.Compare(thumbprintOf(a.DER), thumbprintOf(b.DER))
	})
}

// prefixOf returns the part of a thumbprint that may be shown.
func prefixOf(certificate Certificate) string { return thumbprintOf(certificate.DER)[:8] }

// ofName returns the passwords whose account is name, or else those whose label is.
func ofName(passwords []GenericPassword, name string) []GenericPassword {
	var found []GenericPassword
	for _, password := range passwords {
		if password.Account == name || password.Label == name && !slices.Contains(Accounts, password.Account) {
			found = append(found, password)
		}
	}
	return found
}

// isLike reports whether two passwords are equal except for their labels: macOS invents a label if there is none.
func (p GenericPassword) isLike(other GenericPassword) bool {
	return p.Account == other.Account && p.Service == other.Service
}
