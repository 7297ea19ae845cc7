package wpj

import (
	"fmt"
	"slices"
	"strings"

	"usher.internal/internal/cloud"
)

// The names of the contradictions within the login keychain. They are about values, like device-ids-differ, so the
// table of [contradictions] cannot have them.
const (
	anotherIdentity = "another-identity-in-the-login-keychain"
	usersDiffer     = "users-differ"
	cloudDiffers    = "cloud-differs"
)

// remarks are the contradictions of a login keychain whose verdict is about the chosen certificate. They change no
// state.
func (f facts) remarks(came verdict) []Contradiction {
	var remarks []Contradiction
	remark := func(name, fix, format string, values ...any) {
		remarks = append(remarks, Contradiction{name, SourceLoginKeychain, SourceLoginKeychain,
			fmt.Sprintf(format, values...), fix})
	}
	if others := f.others(); len(others) > 0 {
		remark(anotherIdentity,
			"if nothing needs it any more, remove its certificate and key, here and the device in Entra",
			"The %s holds %s beside the one that was chosen, of %s.", f.place(), identities(len(others)),
			tenantsOf(others))
	}
	if came != usable {
		return remarks
	}
	if names := len(f.items().UserPrincipalNames); names > 1 {
		remark(usersDiffer, "to have one reported, "+registerAgain, "The %s names %d users, and it is unclear "+
			"which of them registered, so none is reported.", f.place(), names)
	}
	if OtherCloud(f.items().CloudHost, f.given.CloudHost) {
		remark(cloudDiffers, "correct tenant.cloud_host, or register this Mac again",
			"The item %s in the %s says that the registration is in %s, and tenant.cloud_host names %s.",
			AccountCloudEnvironment, f.place(), cloudName(f.items().CloudHost), cloudName(f.given.CloudHost))
	}
	return remarks
}

// identities counts other identities in a sentence.
func identities(count int) string {
	if count == 1 {
		return "another identity that can be used"
	}
	return fmt.Sprintf("%d other identities that can be used", count)
}

// tenantsOf names the tenants of identities, without duplicates.
func tenantsOf(others []OtherIdentity) string {
	var names []string
	for _, one := range others {
		names = append(names, tenantName(one.TenantID))
	}
	return strings.Join(slices.Compact(names), ", ")
}

// cloudName names the cloud of a host. It does not quote a host of no known cloud, because an item can hold anything.
func cloudName(host string) string {
	known, _ := cloud.Of(host)
	return known.String()
}
