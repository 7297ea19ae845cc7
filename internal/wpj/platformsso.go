package wpj

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"usher.internal/internal/oneline"
)

// Section is how usher read a section of the output of `app-sso platform -s`.
type Section string

// The values. A device section without registrationCompleted is unreadable too.
const (
	// SectionNotSaid comes from an agent that is too old to report it.
	SectionNotSaid    Section = ""
	SectionRead       Section = "read"
	SectionNull       Section = "(null)"
	SectionUnreadable Section = "unreadable"
)

// PlatformSSO is the output of `app-sso platform -s` for a Mac that has Platform SSO configured [FL-S1].
type PlatformSSO struct {
	// Device and UserSection are how usher read the sections of the device and of the user.
	Device, UserSection Section
	// RegistrationCompleted is the device's.
	RegistrationCompleted bool
	// User is the user's state as macOS prints it, for example "POUserStateNormal (0)"; see [ParsePlatformSSOUser].
	User string
	// ExtensionID and IssuerHost name the provider; see [PlatformSSO.Provider].
	ExtensionID string
	IssuerHost  string
	// TokensExpireAt is when the single sign-on tokens expire, or zero if the output does not say it. TokensExpired is
	// macOS's own word.
	TokensExpireAt time.Time
	TokensExpired  bool
}

// needsUser are the verdicts of Platform SSO that ask something of the user.
var needsUser = []verdict{pending, needsKeys, userNotRegistered, needsRegistration, needsBinding, keyInvalid}

// readPlatformSSO reduces the evidence of Platform SSO. Only Microsoft's says something about Entra. The user is
// registered only if the device is, with a certificate, and the user's state is known to be normal.
func readPlatformSSO(e Evidence, given Conditions) reading {
	if e.Finding == NotThere || e.PlatformSSO == nil {
		return saying(nothing, "Platform SSO is not configured.")
	}
	sso := *e.PlatformSSO
	switch sso.Provider() {
	case ProviderOther:
		return saying(otherProvider, fmt.Sprintf(
			"Platform SSO of another provider (%s) is configured; it says nothing about Entra.",
			oneline.Of(sso.ProviderName(), maximumRemark)))
	case ProviderUnknown:
		says := statement{detail: "Platform SSO is configured, and its output names neither the extension " +
			"nor the issuer, " +
			"so usher does not know whose it is."}
		if sso.Device == SectionNotSaid {
			says = statement{"Platform SSO is configured, and usher-agent is too old to say whose it is.",
				"have the user log out and in to update usher-agent"}
		}
		return reading{verdict: unclear, statement: says}
	}
	r := reading{
		identity: Identity{UserPrincipalName: e.UserPrincipalName.Unmasked(), DeviceID: e.DeviceID,
			TenantID: e.TenantID},
		remarks: platformSSORemarks(sso),
	}
	switch {
	case sso.Device != SectionRead:
		// Only the certain statements of the user's section apply without the device's section.
		if said, detail := readUser(sso, given); said != usable && sso.UserSection == SectionRead && sso.User != "" {
			r.verdict, r.detail = said, detail
			return r
		}
		r.verdict, r.detail = unclear,
			"What Platform SSO says about the device cannot be read, so usher does not know whether the Mac is "+
				"registered with it."
		return r
	case !sso.RegistrationCompleted:
		r.verdict, r.detail = configured,
			"Platform SSO is configured by a profile, and the Mac is not registered with it."
		return r
	}
	certificate, err := deviceCertificate(e)
	if certificate != nil {
		r.identity = certificate.identity(r.identity)
	}
	if r.verdict, r.detail = readUser(sso, given); r.verdict != usable {
		return r
	}
	switch {
	case err != nil:
		r.verdict, r.statement = badCertificate, statement{
			fmt.Sprintf("The Mac is registered with Platform SSO, and its device certificate cannot be read (%s).",
				err),
			updateUsher,
		}
	case certificate == nil:
		r.verdict, r.detail = noCertificate,
			"Platform SSO says that the Mac and the user are registered, and shows no device certificate, so usher "+
				"does not know as which device."
	case given.Now.After(r.identity.NotAfter) || given.Now.Before(r.identity.NotBefore):
		r.verdict, r.statement = expired, statement{
			fmt.Sprintf("The device certificate of Platform SSO is valid from %s to %s only.",
				day(r.identity.NotBefore), day(r.identity.NotAfter)),
			"check this Mac's clock",
		}
	case mismatch(r.identity.TenantID, given.Tenant):
		r.verdict, r.detail = otherTenant,
			fmt.Sprintf("This Mac is registered with Platform SSO in %s, and tenant.id is %s.",
				tenantName(r.identity.TenantID), given.Tenant)
	default:
		r.detail = "The Mac is registered with Platform SSO, with a device certificate that is valid until " +
			day(r.identity.NotAfter) + "."
	}
	return r
}

// readUser returns the verdict of the user's section on a registered Mac. usable is the verdict for a registered user.
func readUser(sso PlatformSSO, given Conditions) (verdict, string) {
	switch {
	case sso.UserSection == SectionNull:
		return userNotRegistered, "The Mac is registered with Platform SSO, and this user has no configuration " +
			"there: the user has never registered."
	case sso.UserSection != SectionRead || sso.User == "":
		return unknownUser, "The Mac is registered with Platform SSO, and what macOS says about this user " +
			"cannot be read."
	}
	state, _ := ParsePlatformSSOUser(sso.User)
	quoted := oneline.Of(sso.User, maximumRemark)
	for _, known := range platformSSOUsers {
		switch {
		case known.state != state:
		case state == PlatformSSOUserNeedsNewKeys && !given.Keys.lost(given.Now):
			return pending, fmt.Sprintf(
				"Platform SSO asks this user to sign in again, which often passes by itself: %s.", quoted)
		default:
			return known.verdict, fmt.Sprintf("%s: %s.", known.detail, quoted)
		}
	}
	return unknownUser, fmt.Sprintf("Platform SSO says that the state of this user is %q, which usher does not know.",
		quoted)
}

// deviceCertificate returns the first certificate that can be read. It returns nil if the evidence has none, with the
// last error if it has unreadable ones.
func deviceCertificate(e Evidence) (_ *Certificate, err error) {
	for _, held := range e.Certificates {
		var certificate *Certificate
		if certificate, err = ParseCertificate(held.DER); err == nil {
			return certificate, nil
		}
	}
	if errors.Is(err, ErrNotWorkplaceJoin) && !errors.Is(err, ErrUnreadable) {
		err = fmt.Errorf("it is not by %s: %w", IssuerCommonName, err)
	}
	return nil, err
}

// The remarks about Platform SSO. They are about its values and change no state.
const (
	remarkNameAndNumber = "user-state-name-and-number-differ"
	remarkTokens        = "single-sign-on-tokens-expired"
)

func platformSSORemarks(sso PlatformSSO) (remarks []Contradiction) {
	if _, agree := ParsePlatformSSOUser(sso.User); !agree {
		remarks = append(remarks, Contradiction{remarkNameAndNumber, SourcePlatformSSO, SourcePlatformSSO,
			fmt.Sprintf("The name and the number of the user's state do not belong together, and usher follows "+
				"the name: %s.", oneline.Of(sso.User, maximumRemark)), ""})
	}
	if sso.TokensExpired {
		remarks = append(remarks, Contradiction{remarkTokens, SourcePlatformSSO, SourcePlatformSSO,
			"The user's single sign-on tokens have expired, so the user is signed in again when they next use one.",
			"have the user unlock the Mac with a network, or sign in when macOS asks"})
	}
	return remarks
}

// completed returns the reading of Platform SSO with facts that only Microsoft's library has about the same
// registration: the device, if there is no certificate, and the tenant.
func completed(sso, enclave reading) reading {
	if sso.verdict == noCertificate && enclave.identity.DeviceID != "" &&
		(enclave.verdict == usable || enclave.verdict == otherTenant) {
		sso.verdict = usable
		sso.statement = statement{detail: "The Mac is registered with Platform SSO; Microsoft's single sign-on " +
			"names the device."}
		sso.identity.DeviceID = enclave.identity.DeviceID
		sso.identity.TenantID = cmp.Or(enclave.identity.TenantID, sso.identity.TenantID)
		if enclave.verdict == otherTenant {
			sso.verdict, sso.statement = otherTenant, enclave.statement
		}
	}
	if sso.verdict == usable && sso.identity.TenantID == "" && enclave.verdict == otherTenant {
		sso.verdict, sso.statement = otherTenant, enclave.statement
	}
	return sso
}
