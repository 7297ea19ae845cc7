package wpj

import (
	"fmt"
	"strings"
	"time"
)

// Evaluate merges what the sources said to one identity with exactly one state. It is pure and total: any evidence,
// contradictory and malformed evidence too, comes to one of the states, by the first of the rules that applies.
//
// tenant is the tenant that the identity should be of, "" for any. A source that could not be looked at never counts as
// one that holds nothing, and neither does evidence that says nothing at all. Details are for admins: one sentence that
// names the thing and the fix, and holds no personal data.
func Evaluate(evidence []Evidence, tenant TenantID, now time.Time) Identity {
	f := gather(evidence, tenant, now)
	for _, r := range rules {
		if r.applies(f) {
			identity := f.identity()
			identity.State, identity.Detail = r.state, r.detail(f)
			return identity
		}
	}
	panic("wpj: the last rule applies to everything")
}

// A rule says when evidence comes to its state, given that no rule before it applied, and why.
type rule struct {
	name    string
	state   State
	applies func(facts) bool
	detail  func(facts) string
}

// rules are tried in this order. Those down to "usable" are about the certificate that was chosen, those after it about
// there being none.
var rules = []rule{
	{"ambiguous", StateOrphaned,
		func(f facts) bool { return f.usable > 1 },
		func(f facts) string {
			return fmt.Sprintf("The %s holds %d current device certificates with private keys, so it is open which one speaks for this Mac; %s.",
				f.place(), f.usable, registerAgain)
		}},
	{"no key", StateOrphaned,
		func(f facts) bool { return f.chosen != nil && !f.chosen.hasPrivateKey },
		func(f facts) string {
			return fmt.Sprintf("The %s holds a device certificate without its private key; %s.", f.place(), registerAgain)
		}},
	{"thumbprint disagrees", StateOrphaned,
		func(f facts) bool { return f.disagrees(string(f.evidence.Thumbprint), f.thumbprint()) },
		func(f facts) string {
			return fmt.Sprintf("The item %s in the %s names another certificate than the one that is there; %s.",
				AccountThumbprint, f.place(), registerAgain)
		}},
	{"no user", StateOrphaned,
		func(f facts) bool { return f.chosen != nil && f.evidence.UserPrincipalName == "" },
		func(f facts) string {
			return fmt.Sprintf("The item %s is missing from the %s, so the device certificate there belongs to nobody; %s.",
				AccountUserPrincipalName, f.place(), registerAgain)
		}},
	{"tenant item disagrees", StateOrphaned,
		func(f facts) bool {
			return f.certificateTenant() != "" && f.disagrees(string(f.evidence.TenantID), string(f.certificateTenant()))
		},
		func(f facts) string {
			return fmt.Sprintf("The item %s in the %s names another tenant than the device certificate, which is of tenant %s; %s.",
				AccountTenantID, f.place(), f.certificateTenant(), registerAgain)
		}},
	{"expired", StateExpired,
		func(f facts) bool { return f.chosen != nil && f.now.After(f.chosen.certificate.X509.NotAfter) },
		func(f facts) string {
			return fmt.Sprintf("The device certificate in the %s expired on %s; register again, or set this Mac's clock if that day is yet to come.",
				f.place(), day(f.chosen.certificate.X509.NotAfter))
		}},
	{"not yet valid", StateExpired,
		func(f facts) bool { return f.chosen != nil && f.now.Before(f.chosen.certificate.X509.NotBefore) },
		func(f facts) string {
			return fmt.Sprintf("The device certificate in the %s is not yet valid, since it begins on %s; set this Mac's clock.",
				f.place(), day(f.chosen.certificate.X509.NotBefore))
		}},
	{"other tenant", StateTenantMismatch,
		func(f facts) bool {
			return f.chosen != nil && f.tenant != "" && !strings.EqualFold(string(f.identityTenant()), string(f.tenant))
		},
		func(f facts) string {
			return fmt.Sprintf("This Mac is registered in %s, and tenant.id is %s; register it again with an account of that tenant, or correct tenant.id.",
				tenantName(f.identityTenant()), f.tenant)
		}},
	{"usable", StateRegistered,
		func(f facts) bool { return f.chosen != nil },
		func(f facts) string {
			return fmt.Sprintf("The %s holds a device certificate that is valid until %s, its private key and its user.",
				f.place(), day(f.chosen.certificate.X509.NotAfter))
		}},

	{"contradictory", StateOrphaned,
		func(f facts) bool { return f.contradictory != nil },
		func(f facts) string {
			return fmt.Sprintf("The device certificate in the %s is damaged or made up (%s); %s.", f.place(), f.contradictory, registerAgain)
		}},
	{"undecodable", StateUnreadable,
		func(f facts) bool { return f.undecodable != nil },
		func(f facts) string {
			return fmt.Sprintf("The %s holds a device certificate that usher cannot read (%s); update usher, and report it if that does not help.",
				f.place(), f.undecodable)
		}},
	{"could not look", StateUnreadable,
		func(f facts) bool { return f.blocked != nil },
		func(f facts) string {
			return "Whether this Mac is registered is not known: " + explain(*f.blocked)
		}},
	{"nobody looked", StateUnreadable,
		func(f facts) bool { return !f.looked },
		func(facts) string {
			return "Whether this Mac is registered is not known: nobody has looked; try again while the user is logged in."
		}},
	{"leftovers", StateNotRegistered,
		func(f facts) bool { return f.leftovers },
		func(f facts) string {
			return fmt.Sprintf("The %s holds no device certificate, but Workplace Join items of an earlier registration; remove them before registering, since they can end Company Portal with %s.",
				f.place(), ExitRegistrationKeychainError)
		}},
	{"nothing there", StateNotRegistered,
		func(facts) bool { return true },
		func(f facts) string {
			return fmt.Sprintf("The %s holds no device certificate by %s; have the user register this Mac.", f.place(), IssuerCommonName)
		}},
}
