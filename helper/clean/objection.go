package clean

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher.internal/helper/observation"
	"usher.internal/internal/wpj"
)

// The contradictions that say: an identity lives elsewhere, and the login keychain holds an older one's certificate.
const (
	besidePlatformSSO   = "old-key-beside-platform-sso"
	besideSecureEnclave = "old-key-beside-secure-enclave"
)

// An objection says when leftovers must not be removed without force, and why. What it says is a format for the identity's
// own sentence.
type objection struct {
	applies func(circumstances) bool
	says    string
}

// circumstances are what objections are about.
type circumstances struct {
	observation.Reading
	// active: a registration of the user is under way.
	active bool
	now    time.Time
}

// objections is the one table of them. The first that applies is told.
var objections = []objection{
	{func(c circumstances) bool { return c.active },
		"A registration of this user is under way, and would lose what it has just made; wait for its end, or cancel it."},
	{func(c circumstances) bool { _, known := c.Identity.State.Info(); return !known },
		"How this user stands is told by a state that this version does not know."},
	{func(c circumstances) bool {
		return c.Identity.State.Unknown()
	}, "Whether this user has a registration is not known. %s"},
	{func(c circumstances) bool {
		return c.isHealthy() && c.contradicted(besideSecureEnclave) && c.mayBeTheOne()
	},
		"The device certificate in the login keychain is of the very device that Microsoft's single sign-on names, so that it may be the registration itself."},
	{func(c circumstances) bool { return c.isHealthy() && !c.isOldBeside() },
		"This user has a registration, and it would be lost. %s"},
	{func(c circumstances) bool { return c.Identity.State == wpj.StateOrphaned && len(c.Identity.Others) > 0 },
		"The login keychain holds identities that can be used, one of which may be this user's registration; set tenant.id, which says which one it is. %s"},
	{func(c circumstances) bool {
		return c.Identity.State == wpj.StateExpired && c.now.Before(c.Identity.NotBefore)
	}, "The registration begins in the future, so this Mac's clock is wrong. %s"},
}

// objectionTo returns why leftovers must not be removed, empty when they may be.
func objectionTo(c circumstances) string {
	i := slices.IndexFunc(objections, func(o objection) bool { return o.applies(c) })
	if i < 0 {
		return ""
	}
	if says := objections[i].says; strings.Contains(says, "%s") {
		return strings.TrimSpace(fmt.Sprintf(says, c.Identity.Detail))
	}
	return objections[i].says
}

// isHealthy tells whether there is an identity that works. One of another tenant does: it may be the configuration that is
// wrong.
func (c circumstances) isHealthy() bool {
	return c.Identity.State.Registered() || c.Identity.State == wpj.StateTenantMismatch
}

func (c circumstances) contradicted(name string) bool {
	return slices.ContainsFunc(c.Identity.Contradictions, func(one wpj.Contradiction) bool { return one.Name == name })
}

// isOldBeside tells whether the identity lives elsewhere than in the login keychain, which holds an older one's certificate.
func (c circumstances) isOldBeside() bool {
	return c.contradicted(besidePlatformSSO) || c.contradicted(besideSecureEnclave)
}

// mayBeTheOne tells whether a device certificate in the login keychain can be what Microsoft's single sign-on speaks of. It
// describes a registration of whichever generation, one in the login keychain too [MSID MSIDWorkPlaceJoinUtilBase.m]. A
// certificate without its key cannot be it, nor can one of another device.
func (c circumstances) mayBeTheOne() bool {
	for _, evidence := range c.Evidence {
		if evidence.Source != wpj.SourceLoginKeychain {
			continue
		}
		for _, held := range evidence.Certificates {
			certificate, err := wpj.ParseCertificate(held.DER)
			switch {
			case errors.Is(err, wpj.ErrNotWorkplaceJoin), errors.Is(err, wpj.ErrForeignIssuer):
			case err != nil:
				return true // nobody knows which device it is of
			case held.HasPrivateKey && (c.Identity.DeviceID == "" || strings.EqualFold(string(certificate.DeviceID), string(c.Identity.DeviceID))):
				return true
			}
		}
	}
	return false
}

// workplaceJoin begins the accounts of Workplace Join's own generic passwords.
const workplaceJoin = "com.microsoft.workplacejoin."

// concerned returns what of the leftovers a removal is about. Beside an identity that works it is what the older one has left
// in the login keychain alone: tokens and Jamf's state are the newer one's.
func concerned(c circumstances, found []Leftover) []Leftover {
	if !c.isHealthy() || !c.isOldBeside() {
		return found
	}
	return slices.DeleteFunc(slices.Clone(found), func(one Leftover) bool {
		switch one.Kind {
		case KindCertificate, KindKey:
			return false
		case KindGenericPassword:
			return !strings.HasPrefix(one.Name, workplaceJoin)
		}
		return true
	})
}
