package clean

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"usher.internal/helper/observation"
	"usher.internal/internal/wpj"
)

// The contradictions that mean: an identity is elsewhere, and the login keychain holds an older one's certificate.
const (
	besidePlatformSSO   = "old-key-beside-platform-sso"
	besideSecureEnclave = "old-key-beside-secure-enclave"
)

// An objection says when leftovers must not be removed without force, and why. says is a format for the identity's own
// sentence.
type objection struct {
	applies func(circumstances) bool
	says    string
}

// circumstances are the facts that objections depend on.
type circumstances struct {
	observation.Reading
	// active: a registration of the user is under way.
	active bool
	now    time.Time
	// found holds the agent's leftovers, from before the reading.
	found []Leftover
}

// objections is the only table of them. The first that applies is the answer.
var objections = []objection{
	{func(c circumstances) bool { return c.active },
		"A registration of this user is under way, and would lose its new items; wait for its end, " +
			"or cancel it."},
	{func(c circumstances) bool { _, known := c.Identity.State.Info(); return !known },
		"This user is in a state that this version does not know."},
	// In any other state, certificates that may be the registration are named: see objectionTo.
	{func(c circumstances) bool { return c.Identity.State.Unknown() },
		"Whether this user has a registration is not known. %s"},
	{func(c circumstances) bool { return !c.lookedAtKeychain() },
		"The login keychain could not be looked at, so it is not known which of its certificates are of an earlier " +
			"registration."},
	{func(c circumstances) bool { return len(c.atRisk()) > 0 }, ""},
	{func(c circumstances) bool { return c.certificatesFound() > c.certificatesRead() },
		"The login keychain holds device certificates that were not read, since it is not in identity.sources or " +
			"holds too many; any of them may be the registration."},
	{func(c circumstances) bool { return c.isHealthy() && !c.isOldBeside() },
		"This user has a registration, and it would be lost. %s"},
}

// objectionTo returns why leftovers must not be removed, empty if they may be. It names certificates that may be the
// current registration.
func objectionTo(c circumstances) string {
	i := slices.IndexFunc(objections, func(o objection) bool { return o.applies(c) })
	if i < 0 {
		return ""
	}
	says := objections[i].says
	if strings.Contains(says, "%s") {
		says = fmt.Sprintf(says, c.Identity.Sentence())
	}
	return strings.TrimSpace(strings.TrimSpace(says) + " " + named(c.atRisk()))
}

// isHealthy reports whether there is an identity that works. One of another tenant also works: the configuration may be
// wrong.
func (c circumstances) isHealthy() bool {
	return c.Identity.State.Registered() || c.Identity.State == wpj.StateTenantMismatch
}

// isOldBeside reports whether the identity is outside the login keychain, which holds an older one's certificate.
func (c circumstances) isOldBeside() bool {
	return slices.ContainsFunc(c.Identity.Contradictions, func(one wpj.Contradiction) bool {
		return one.Name == besidePlatformSSO || one.Name == besideSecureEnclave
	})
}

// lookedAtKeychain reports whether every look into the login keychain had a result.
func (c circumstances) lookedAtKeychain() bool {
	return !slices.ContainsFunc(c.loginKeychain(),
		func(e wpj.Evidence) bool { return e.Finding != wpj.Found && e.Finding != wpj.NotThere })
}

// loginKeychain returns the evidence about the login keychain; [wpj.Evaluate] treats an unknown source as the login
// keychain too.
func (c circumstances) loginKeychain() []wpj.Evidence {
	return slices.DeleteFunc(slices.Clone(c.Evidence), func(e wpj.Evidence) bool {
		return e.Source != wpj.SourceLoginKeychain && slices.Contains(wpj.Sources(), e.Source)
	})
}

// certificatesFound returns how many device certificates a removal would be about, and certificatesRead how many the
// reading has.
func (c circumstances) certificatesFound() (found int) {
	for _, one := range c.found {
		if one.Kind == KindCertificate {
			found++
		}
	}
	return found
}

func (c circumstances) certificatesRead() (read int) {
	for _, e := range c.loginKeychain() {
		read += len(e.Certificates)
	}
	return read
}

// workplaceJoin begins the accounts of Workplace Join's own generic passwords.
const workplaceJoin = "com.microsoft.workplacejoin."

// concerned returns the leftovers that a removal is about. If the identity is elsewhere, these are only the older one's
// items in the login keychain: tokens and Jamf's state are the newer one's.
func concerned(c circumstances) []Leftover {
	if !c.isOldBeside() {
		return c.found
	}
	return slices.DeleteFunc(slices.Clone(c.found), func(one Leftover) bool {
		switch one.Kind {
		case KindCertificate, KindKey:
			return false
		case KindGenericPassword:
			return !strings.HasPrefix(one.Name, workplaceJoin)
		}
		return true
	})
}
