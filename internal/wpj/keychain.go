package wpj

import (
	"fmt"
	"strings"
)

// A keychainRule says when the login keychain comes to its verdict, given that no rule before it applied, and why.
type keychainRule struct {
	verdict verdict
	applies func(facts) bool
	detail  func(facts) string
}

// readKeychain reduces what the login keychain holds. Pieces of evidence are one look: an item of one belongs to the
// certificate of another.
func readKeychain(evidence []Evidence, given Conditions) reading {
	if len(evidence) == 0 {
		return reading{}
	}
	f := gather(evidence, given)
	for _, r := range keychainRules {
		if r.applies(f) {
			return reading{verdict: r.verdict, detail: r.detail(f), identity: f.identity(r.verdict)}
		}
	}
	panic("wpj: the last rule applies to everything")
}

// keychainRules are tried in this order. Those down to "usable" are about the certificate that was chosen, those after
// it about there being none.
var keychainRules = []keychainRule{
	{ambiguous,
		func(f facts) bool { return f.usable > 1 },
		func(f facts) string {
			which, fix := "which one speaks for this Mac", registerAgain
			switch {
			case f.preference(f.chosen) > 0:
				which += ", as they are of the same tenant"
			case f.given.Tenant != "":
				which += ", as none is of the tenant that tenant.id names"
			default:
				fix = "set tenant.id, or " + fix
			}
			return fmt.Sprintf("The %s holds %d current device certificates with private keys, so it is open %s; %s.",
				f.place(), f.usable, which, fix)
		}},
	{noKey,
		func(f facts) bool { return f.chosen != nil && !f.chosen.hasPrivateKey },
		func(f facts) string {
			return fmt.Sprintf("The %s holds a device certificate without its private key; %s.", f.place(),
				registerAgain)
		}},
	{thumbprintDiffers,
		func(f facts) bool { return f.disagrees(string(f.items().Thumbprint), f.thumbprint()) },
		func(f facts) string {
			than := "the one that is there"
			if len(f.found) > 1 {
				than = "the one of " + tenantName(f.identityTenant()) + " that was chosen"
			}
			return fmt.Sprintf("The item %s in the %s names another certificate than %s; %s.", AccountThumbprint,
				f.place(), than, registerAgain)
		}},
	{noUser,
		func(f facts) bool { return f.chosen != nil && len(f.items().UserPrincipalNames) == 0 },
		func(f facts) string {
			if len(f.found) > 1 {
				return fmt.Sprintf("The %s holds %d device certificates, and no item %s belongs to the one of %s "+
					"that was chosen; %s.",
					f.place(), len(f.found), AccountUserPrincipalName, tenantName(f.identityTenant()), registerAgain)
			}
			return fmt.Sprintf("The item %s is missing from the %s, so the device certificate there belongs "+
				"to nobody; %s.",
				AccountUserPrincipalName, f.place(), registerAgain)
		}},
	{tenantItemDiffers,
		func(f facts) bool {
			return f.certificateTenant() != "" && f.disagrees(string(f.items().TenantID), string(f.certificateTenant()))
		},
		func(f facts) string {
			return fmt.Sprintf("The item %s in the %s names another tenant than the device certificate, which is of "+
				"tenant %s; %s.",
				AccountTenantID, f.place(), f.certificateTenant(), registerAgain)
		}},
	{expired,
		func(f facts) bool { return f.chosen != nil && f.given.Now.After(f.chosen.certificate.NotAfter) },
		func(f facts) string {
			return fmt.Sprintf("The device certificate in the %s expired on %s; register again, or set this Mac's "+
				"clock if that day is yet to come.",
				f.place(), day(f.chosen.certificate.NotAfter))
		}},
	{notYetValid,
		func(f facts) bool { return f.chosen != nil && f.given.Now.Before(f.chosen.certificate.NotBefore) },
		func(f facts) string {
			return fmt.Sprintf("The device certificate in the %s is not yet valid, since it begins on %s; set "+
				"this Mac's clock.",
				f.place(), day(f.chosen.certificate.NotBefore))
		}},
	{otherTenant,
		func(f facts) bool {
			return f.chosen != nil && f.given.Tenant != "" &&
				!strings.EqualFold(string(f.identityTenant()), string(f.given.Tenant))
		},
		func(f facts) string {
			return fmt.Sprintf("This Mac is registered in %s, and tenant.id is %s; register it again with an account "+
				"of that tenant, or correct tenant.id.",
				tenantName(f.identityTenant()), f.given.Tenant)
		}},
	{usable,
		func(f facts) bool { return f.chosen != nil },
		func(f facts) string {
			whose := "its user"
			if len(f.items().UserPrincipalNames) > 1 {
				whose = "the names of several users"
			}
			return fmt.Sprintf("The %s holds a device certificate that is valid until %s, its private key and %s.",
				f.place(), day(f.chosen.certificate.NotAfter), whose)
		}},

	{contradictsItself,
		func(f facts) bool { return f.contradictory != nil },
		func(f facts) string {
			return fmt.Sprintf("The device certificate in the %s is damaged or made up (%s); %s.", f.place(),
				f.contradictory, registerAgain)
		}},
	{undecodable,
		func(f facts) bool { return f.undecodable != nil },
		func(f facts) string {
			return fmt.Sprintf("The %s holds a device certificate that usher cannot read (%s); update usher, and "+
				"report it if that does not help.",
				f.place(), f.undecodable)
		}},
	{noSession,
		func(f facts) bool { return f.blocked != nil && f.blocked.Obstacle == ObstacleNoSession },
		func(f facts) string { return "Whether this Mac is registered is not known: " + explain(*f.blocked) }},
	{couldNotLook,
		func(f facts) bool { return f.blocked != nil },
		func(f facts) string {
			return "Whether this Mac is registered is not known: " + explain(*f.blocked)
		}},
	{foreignIssuer,
		func(f facts) bool { return f.foreign != nil },
		func(f facts) string {
			return fmt.Sprintf("The %s holds a device certificate that someone else than %s issued (%s); `usherctl "+
				"clean` leaves it alone, so remove it in Keychain Access if nothing needs it, and have the user "+
				"register this Mac with Entra.", f.place(), IssuerCommonName, f.foreign)
		}},
	{leftovers,
		func(f facts) bool { return f.leftovers },
		func(f facts) string {
			return fmt.Sprintf("The %s holds no device certificate, but Workplace Join items of an earlier "+
				"registration; remove them before registering, since they can end Company Portal with %s.",
				f.place(), ExitRegistrationKeychainError)
		}},
	{nothing,
		func(facts) bool { return true },
		func(f facts) string {
			return fmt.Sprintf("The %s holds no device certificate by %s; have the user register this Mac.", f.place(),
				IssuerCommonName)
		}},
}
