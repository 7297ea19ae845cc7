package wpj

import (
	"fmt"
	"strings"
)

// A keychainRule says when the login keychain gets its verdict, if no rule before it applied, and why.
type keychainRule struct {
	verdict verdict
	applies func(facts) bool
	says    func(facts) statement
}

// readKeychain reduces the evidence of the login keychain. All pieces of evidence are one look: an item in one may
// belong to a certificate in another.
func readKeychain(evidence []Evidence, given Conditions) reading {
	if len(evidence) == 0 {
		return reading{}
	}
	f := gather(evidence, given)
	for _, r := range keychainRules {
		if r.applies(f) {
			return reading{verdict: r.verdict, statement: r.says(f), identity: f.identity(r.verdict)}
		}
	}
	panic("wpj: the last rule applies to everything")
}

// keychainRules are tried in this order. Rules down to "usable" are about the chosen certificate, and rules after it
// are for the case without one.
var keychainRules = []keychainRule{
	{ambiguous,
		func(f facts) bool { return f.usable > 1 },
		func(f facts) statement {
			which, fix := "which one represents this Mac", registerAgain
			switch {
			case f.preference(f.chosen) > 0:
				which += ", because they are of the same tenant"
			case f.given.Tenant != "":
				which += ", because none is of the tenant that tenant.id names"
			default:
				fix = "set tenant.id, or " + fix
			}
			return statement{fmt.Sprintf(
				"The %s holds %d current device certificates with private keys, so it is unclear %s.",
				f.place(), f.usable, which), fix}
		}},
	{noKey,
		func(f facts) bool { return f.chosen != nil && !f.chosen.hasPrivateKey },
		func(f facts) statement {
			return statement{fmt.Sprintf("The %s holds a device certificate without its private key.", f.place()),
				registerAgain}
		}},
	{thumbprintDiffers,
		func(f facts) bool { return f.disagrees(string(f.items().Thumbprint), f.thumbprint()) },
		func(f facts) statement {
			than := "the one that is there"
			if len(f.found) > 1 {
				than = "the one of " + tenantName(f.identityTenant()) + " that was chosen"
			}
			return statement{fmt.Sprintf("The item %s in the %s names another certificate than %s.", AccountThumbprint,
				f.place(), than), registerAgain}
		}},
	{noUser,
		func(f facts) bool { return f.chosen != nil && len(f.items().UserPrincipalNames) == 0 },
		func(f facts) statement {
			if len(f.found) > 1 {
				return statement{fmt.Sprintf(
					"The %s holds %d device certificates, and no item %s belongs to the one of %s "+
						"that was chosen.",
					f.place(), len(f.found), AccountUserPrincipalName, tenantName(f.identityTenant())), registerAgain}
			}
			return statement{fmt.Sprintf("The item %s is missing from the %s, so the device certificate there belongs "+
				"to nobody.",
				AccountUserPrincipalName, f.place()), registerAgain}
		}},
	{tenantItemDiffers,
		func(f facts) bool {
			return f.certificateTenant() != "" && f.disagrees(string(f.items().TenantID), string(f.certificateTenant()))
		},
		func(f facts) statement {
			return statement{fmt.Sprintf(
				"The item %s in the %s names another tenant than the device certificate, which is "+
					"of tenant %s.",
				AccountTenantID, f.place(), f.certificateTenant()), registerAgain}
		}},
	{expired,
		func(f facts) bool { return f.chosen != nil && f.given.Now.After(f.chosen.certificate.NotAfter) },
		func(f facts) statement {
			return statement{
				fmt.Sprintf("The device certificate in the %s expired on %s.", f.place(),
					day(f.chosen.certificate.NotAfter)),
				"register again, or set this Mac's clock if that day is yet to come",
			}
		}},
	{notYetValid,
		func(f facts) bool { return f.chosen != nil && f.given.Now.Before(f.chosen.certificate.NotBefore) },
		func(f facts) statement {
			return statement{
				fmt.Sprintf("The device certificate in the %s is not yet valid, because it begins on %s.", f.place(),
					day(f.chosen.certificate.NotBefore)),
				"set this Mac's clock",
			}
		}},
	{otherTenant,
		func(f facts) bool {
			return f.chosen != nil && f.given.Tenant != "" &&
				!strings.EqualFold(string(f.identityTenant()), string(f.given.Tenant))
		},
		func(f facts) statement {
			return statement{
				fmt.Sprintf("This Mac is registered in %s, and tenant.id is %s.", tenantName(f.identityTenant()),
					f.given.Tenant),
				"register it again with an account of that tenant, or correct tenant.id",
			}
		}},
	{usable,
		func(f facts) bool { return f.chosen != nil },
		func(f facts) statement {
			whose := "its user"
			if len(f.items().UserPrincipalNames) > 1 {
				whose = "the names of several users"
			}
			return statement{detail: fmt.Sprintf(
				"The %s holds a device certificate that is valid until %s, its private key and %s.", f.place(),
				day(f.chosen.certificate.NotAfter), whose)}
		}},

	{contradictsItself,
		func(f facts) bool { return f.contradictory != nil },
		func(f facts) statement {
			return statement{fmt.Sprintf("The device certificate in the %s is damaged or made up (%s).", f.place(),
				f.contradictory), registerAgain}
		}},
	{undecodable,
		func(f facts) bool { return f.undecodable != nil },
		func(f facts) statement {
			return statement{
				fmt.Sprintf("The %s holds a device certificate that usher cannot read (%s).", f.place(), f.undecodable),
				updateUsher,
			}
		}},
	{noSession,
		func(f facts) bool { return f.blocked != nil && f.blocked.Obstacle == ObstacleNoSession },
		func(f facts) statement { return notKnown(*f.blocked) }},
	{couldNotLook,
		func(f facts) bool { return f.blocked != nil },
		func(f facts) statement { return notKnown(*f.blocked) }},
	{foreignIssuer,
		func(f facts) bool { return f.foreign != nil },
		func(f facts) statement {
			return statement{
				fmt.Sprintf("The %s holds a device certificate that someone else than %s issued (%s).", f.place(),
					IssuerCommonName, f.foreign),
				"`usherctl clean` does not remove it, so remove it in Keychain Access if nothing needs it, and have " +
					"the user register this Mac with Entra",
			}
		}},
	{leftovers,
		func(f facts) bool { return f.leftovers },
		func(f facts) statement {
			return statement{
				fmt.Sprintf("The %s holds no device certificate, but Workplace Join items of an earlier registration.",
					f.place()),
				"remove them before registering, because they can end Company Portal with " +
					ExitRegistrationKeychainError.String(),
			}
		}},
	{nothing,
		func(facts) bool { return true },
		func(f facts) statement {
			return statement{fmt.Sprintf("The %s holds no device certificate by %s.", f.place(), IssuerCommonName),
				"have the user register this Mac"}
		}},
}
