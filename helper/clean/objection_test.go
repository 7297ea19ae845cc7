package clean_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"usher.internal/helper/clean"
	"usher.internal/helper/observation"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/entra"
)

const (
	oldDevice   = "c9f7fcba-c5d8-4994-8d4c-2c2785b993c1"
	newDevice   = "11111111-c5d8-4994-8d4c-2c2785b993c1"
	tenant      = "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11"
	otherTenant = "22222222-2b7e-4f0c-9d6b-0f2f7c1f6a11"
)

// certificates are those of these tests: of the device that the login keychain holds, and of another one.
type certificates struct{ old, oldElsewhere, second, expired, early, fresh, freshOfOther, freshExpired *entra.Issued }

var issued = sync.OnceValue(func() certificates {
	ca, err := entra.NewCA()
	if err != nil {
		panic(err)
	}
	issue := func(device entra.Device) *entra.Issued {
		if device.TenantID == "" {
			device.TenantID = tenant
		}
		one, err := ca.Issue(device.P256())
		if err != nil {
			panic(err)
		}
		return one
	}
	return certificates{
		old:          issue(entra.Device{DeviceID: oldDevice}),
		oldElsewhere: issue(entra.Device{DeviceID: strings.ToUpper(oldDevice)}),
		second:       issue(entra.Device{TenantID: otherTenant}),
		expired:      issue(entra.Device{DeviceID: oldDevice}.Expired()),
		early:        issue(entra.Device{DeviceID: oldDevice}.NotYetValid()),
		fresh:        issue(entra.Device{DeviceID: newDevice}),
		freshOfOther: issue(entra.Device{DeviceID: newDevice, TenantID: otherTenant}),
		freshExpired: issue(entra.Device{DeviceID: newDevice}.Expired()),
	}
})

func keychainWith(held ...wpj.HeldCertificate) wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.Found, UserPrincipalName: "jane@example.com",
		Certificates: held}
}

func couldNotLook(source wpj.Source, obstacle wpj.Obstacle) wpj.Evidence {
	return wpj.Evidence{Source: source, Finding: wpj.CouldNotLook, Obstacle: obstacle, Detail: "It did not answer."}
}

// kept is the content of the login keychain.
type kept struct {
	evidence wpj.Evidence
	// keys is how many certificates have their private key or cannot be parsed, and keyless how many have none; the
	// device of the first is the old one. unreadable is true if the keychain's own state is not known.
	keys, keyless int
	unreadable    bool
}

func keychains() map[string]kept {
	have := issued()
	withKey := func(one *entra.Issued) wpj.HeldCertificate {
		return wpj.HeldCertificate{DER: one.DER, HasPrivateKey: true}
	}
	withItems := func(one *entra.Issued) wpj.HeldCertificate {
		held := withKey(one)
		held.Items = &wpj.Items{UserPrincipalNames: []wpj.UserPrincipalName{"jane@example.com"},
			TenantID: wpj.TenantID(one.Device.TenantID)}
		return held
	}
	items := wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.Found, TenantID: tenant}
	noUser := keychainWith(withKey(have.old))
	noUser.UserPrincipalName = ""
	differs := keychainWith(withKey(have.old))
	differs.Thumbprint = "0000000000000000000000000000000000000000"
	unknownSource := keychainWith(withKey(have.old))
	unknownSource.Source = ""
	return map[string]kept{
		"nothing": {
			evidence: wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.NotThere}},
		"items only": {evidence: items},
		"without key": {evidence: keychainWith(wpj.HeldCertificate{DER: have.old.DER}),
			keyless: 1},
		"usable":                    {evidence: keychainWith(withKey(have.old)), keys: 1},
		"usable, of a newer source": {evidence: unknownSource, keys: 1},
		"two":                       {evidence: keychainWith(withKey(have.old), withKey(have.second)), keys: 2},
		"two, of which one is the tenant's": {evidence: keychainWith(withItems(have.old), withItems(have.second)),
			keys: 2},
		"no user":            {evidence: noUser, keys: 1},
		"thumbprint differs": {evidence: differs, keys: 1},
		"expired":            {evidence: keychainWith(withKey(have.expired)), keys: 1},
		"not yet valid":      {evidence: keychainWith(withKey(have.early)), keys: 1},
		"cannot be parsed": {
			evidence: keychainWith(wpj.HeldCertificate{DER: have.old.DER[:len(have.old.DER)-1]}), keys: 1},
		"locked": {evidence: couldNotLook(wpj.SourceLoginKeychain, wpj.ObstacleLocked),
			unreadable: true},
	}
}

// elsewhere is the evidence of another source. holds reports whether it holds a usable registration of the new device,
// and unclear whether it leaves that open. same reports whether it names the device of the login keychain.
type elsewhere struct {
	evidence             []wpj.Evidence
	holds, unclear, same bool
}

func platformSSO(user, extension string, certificate *entra.Issued) elsewhere {
	evidence := wpj.Evidence{Source: wpj.SourcePlatformSSO, Finding: wpj.Found, UserPrincipalName: "jane@example.com",
		PlatformSSO: &wpj.PlatformSSO{
			Device: wpj.SectionRead, UserSection: wpj.SectionRead, RegistrationCompleted: true, User: user,
			ExtensionID: extension,
		}}
	if user == "" {
		evidence.PlatformSSO.UserSection = wpj.SectionNull
	}
	if certificate != nil {
		evidence.Certificates = []wpj.HeldCertificate{{DER: certificate.DER}}
	}
	return elsewhere{evidence: []wpj.Evidence{evidence}}
}

func platformSSOs() map[string]elsewhere {
	have := issued()
	const normal = "POUserStateNormal (0)"
	all := map[string]elsewhere{
		"not asked":      {},
		"not configured": {evidence: []wpj.Evidence{{Source: wpj.SourcePlatformSSO, Finding: wpj.NotThere}}},
		"app-sso fails": {evidence: []wpj.Evidence{couldNotLook(wpj.SourcePlatformSSO, wpj.ObstacleFailed)},
			unclear: true},
		"app-sso hangs": {evidence: []wpj.Evidence{couldNotLook(wpj.SourcePlatformSSO, wpj.ObstacleUnavailable)},
			unclear: true},
		"no app-sso": {evidence: []wpj.Evidence{couldNotLook(wpj.SourcePlatformSSO, wpj.ObstacleUnsupported)}},
		"Okta's":     platformSSO(normal, "com.okta.mobile.auth-service-extension", nil),
		"Okta's, not normal": platformSSO("POUserStateNeedsRegistration (2)", "com.okta.mobile.auth-service-extension",
			nil),
		"Okta's, certificate": platformSSO(normal, "com.okta.mobile.auth-service-extension", have.fresh),
		"other tenant":        platformSSO(normal, wpj.MicrosoftExtension, have.freshOfOther),
		"expired":             platformSSO(normal, wpj.MicrosoftExtension, have.freshExpired),
	}
	configured := platformSSO("", wpj.MicrosoftExtension, nil)
	configured.evidence[0].PlatformSSO.RegistrationCompleted = false
	all["configured"] = configured
	unknown := platformSSO(normal, "", have.fresh)
	unknown.unclear = true
	all["of an unknown provider"] = unknown
	usable := platformSSO(normal, wpj.MicrosoftExtension, have.fresh)
	usable.holds = true
	all["usable"] = usable
	same := platformSSO(normal, wpj.MicrosoftExtension, have.oldElsewhere)
	same.same = true
	all["usable, the same device"] = same
	broken := platformSSO(normal, wpj.MicrosoftExtension, nil)
	broken.evidence[0].Certificates, broken.unclear = []wpj.HeldCertificate{{DER: []byte("x")}}, true
	all["certificate cannot be read"] = broken
	for _, state := range []string{
		"POUserStateNeedsNewKeys (1)", "POUserStateNeedsRegistration (2)", "POUserStateNewPasswordUser (4)",
		"POUserStateUserKeyInvalid (5)",
		"POUserStateNewSmartCardUser (6)", "(null) (7)", "POUserStateNeedsBinding", "POUserStateThree (3)", "New (99)",
		"",
	} {
		all["user "+state] = platformSSO(state, wpj.MicrosoftExtension, have.fresh)
	}
	return all
}

func secureEnclaves() map[string]elsewhere {
	says := func(status int, device wpj.DeviceID) []wpj.Evidence {
		return []wpj.Evidence{{Source: wpj.SourceSecureEnclave, Finding: wpj.Found, DeviceID: device, TenantID: tenant,
			SecureEnclave: &wpj.SecureEnclave{Status: status}}}
	}
	return map[string]elsewhere{
		"not asked": {},
		"nothing": {
			evidence: []wpj.Evidence{{Source: wpj.SourceSecureEnclave, Finding: wpj.NotThere}}},
		"getPSSOStatus fails": {
			evidence: []wpj.Evidence{couldNotLook(wpj.SourceSecureEnclave, wpj.ObstacleFailed)}, unclear: true},
		"too old a Jamf": {
			evidence: []wpj.Evidence{couldNotLook(wpj.SourceSecureEnclave, wpj.ObstacleUnsupported)}},
		"usable":                   {evidence: says(wpj.SingleSignOnRegistered, newDevice), holds: true},
		"usable, without a device": {evidence: says(wpj.SingleSignOnRegistered, ""), unclear: true},
		"usable, the same device": {
			evidence: says(wpj.SingleSignOnRegistered, wpj.DeviceID(strings.ToUpper(oldDevice))), same: true},
		"enabled":           {evidence: says(wpj.SingleSignOnEnabledNotRegistered, "")},
		"needs repair":      {evidence: says(wpj.SingleSignOnNeedsRepair, newDevice)},
		"an unknown status": {evidence: says(9, ""), unclear: true},
	}
}

// In every state and beside every provider, clean does not remove certificates that may be the registration, and names
// them. A certificate that is removed without force is superseded for certain, or unusable.
func TestObjections(t *testing.T) {
	w := newWorld(t)
	states := map[wpj.State]bool{}
	removable := 0
	for keychainName, keychain := range keychains() {
		for ssoName, sso := range platformSSOs() {
			for enclaveName, enclave := range secureEnclaves() {
				name := fmt.Sprintf("login keychain: %s; Platform SSO: %s; Secure Enclave: %s", keychainName, ssoName,
					enclaveName)
				evidence := append(append([]wpj.Evidence{keychain.evidence}, sso.evidence...), enclave.evidence...)
				identity := wpj.Evaluate(evidence, wpj.Conditions{Now: time.Now(), Tenant: tenant})
				states[identity.State] = true
				w.reading = observation.Reading{Identity: identity, Evidence: evidence,
					HeldBy: wpj.HeldBy(evidence, wpj.Conditions{Now: time.Now(), Tenant: tenant})}
				w.leftovers = []*usherv1.Leftover{
					leftover("p", usherv1.LeftoverKind_LEFTOVER_KIND_GENERIC_PASSWORD, wpj.AccountTenantID)}
				for i := range keychain.keys + keychain.keyless {
					w.leftovers = append(w.leftovers,
						leftover(fmt.Sprint("c", i), usherv1.LeftoverKind_LEFTOVER_KIND_CERTIFICATE,
							"device certificate"))
				}
				remains, err := w.Find(t.Context(), jane)
				if err != nil {
					t.Fatal(err)
				}
				superseded := (sso.holds || enclave.holds) && identity.State.Registered() && !sso.unclear &&
					!enclave.unclear
				atRisk := keychain.keys > 0 && !superseded ||
					keychain.keys > 0 && (keychainName == "cannot be parsed" || sso.same || enclave.same) ||
					keychain.keyless > 0 && (sso.same || enclave.same)
				safe := !atRisk && !keychain.unreadable && !identity.State.Unknown()
				switch {
				case !safe && remains.Objection == "":
					t.Fatalf("%s: %s: it would be removed: %s", name, identity.State, identity.Detail)
				case atRisk && !strings.Contains(remains.Objection, oldDevice) && keychainName != "cannot be parsed":
					t.Fatalf("%s: %s: the objection does not name the device: %q", name, identity.State,
						remains.Objection)
				case atRisk && len(remains.AtRisk) == 0:
					t.Fatalf("%s: %s: nothing is named: %q", name, identity.State, remains.Objection)
				case safe && remains.Objection != "" && !identity.State.Registered() &&
					identity.State != wpj.StateTenantMismatch:
					t.Fatalf("%s: %s: %q", name, identity.State, remains.Objection)
				case safe && keychain.keyless+keychain.keys > 0 && remains.Objection != "" &&
					strings.HasPrefix(string(identity.Source), "login"):
					t.Fatalf("%s: %s: %q", name, identity.State, remains.Objection)
				case superseded && safe && keychain.keys > 0 && remains.Objection != "":
					t.Fatalf("%s: %s: superseded, and not removed: %q", name, identity.State, remains.Objection)
				}
				for _, one := range remains.AtRisk {
					if one.Source != wpj.SourceLoginKeychain || one.Reason == "" ||
						!strings.HasPrefix(one.Place, "login keychain, certificate ") ||
						(one.DeviceID == "") != (keychainName == "cannot be parsed") ||
						!strings.Contains(remains.Objection, one.Place) {
						t.Fatalf("%s: %+v", name, one)
					}
				}
				if remains.Objection == "" && keychain.keys+keychain.keyless > 0 {
					removable++
				}
			}
		}
	}
	if removable == 0 {
		t.Error("nothing can be removed without force")
	}
	for _, state := range []wpj.State{
		wpj.StateRegistered, wpj.StateOrphaned, wpj.StateExpired, wpj.StateTenantMismatch, wpj.StateUnreadable,
		wpj.StateCannotTell, wpj.StatePending,
		wpj.StateNeedsRegistration, wpj.StateUserNotRegistered, wpj.StateUserKeyInvalid, wpj.StateNeedsBinding,
		wpj.StateNeedsRepair,
		wpj.StatePlatformSSOConfigured, wpj.StateNotRegistered,
	} {
		if !states[state] {
			t.Errorf("%s was not tried", state)
		}
	}
}

// The cases that an admin meets, with the message and the removed leftovers.
func TestWhatCleanObjectsTo(t *testing.T) {
	type asked struct {
		keychain, sso, enclave string
		active                 bool
		state                  wpj.State // replaces the reading's own state
		more                   bool      // the agent finds a certificate that the reading does not know
		objection, leftovers   string
	}
	for name, test := range map[string]asked{
		"a registration": {"usable", "not configured", "nothing", false, "", false,
			"It is the registration that this user has now.", "ckptf"},
		"beside Okta's Platform SSO": {"usable", "Okta's", "nothing", false, "", false,
			"com.okta.mobile.auth-service-extension, says nothing about Entra", "ckptf"},
		"beside an unknown provider's": {"usable", "of an unknown provider", "usable", false, "", false,
			"What Platform SSO says does not show", "ckp"},
		"app-sso cannot be read": {"usable", "app-sso fails", "usable", false, "", false,
			"It did not answer.", "ckp"},
		"getPSSOStatus cannot be read": {"usable", "usable", "getPSSOStatus fails", false, "", false,
			"What the Secure Enclave says does not show", "ckp"},
		"superseded by Platform SSO":       {"usable", "usable", "nothing", false, "", false, "", "ckp"},
		"superseded, with an old Jamf":     {"usable", "usable", "too old a Jamf", false, "", false, "", "ckp"},
		"superseded by the Secure Enclave": {"usable", "not configured", "usable", false, "", false, "", "ckp"},
		"superseded and expired":           {"expired", "usable", "nothing", false, "", false, "", "ckp"},
		"the same device": {"usable", "usable", "usable, the same device", false, "", false,
			"The Secure Enclave names the same device.", "ckp"},
		"the same device, without key": {"without key", "usable, the same device", "nothing", false, "", false,
			"Platform SSO names the same device.", "ckp"},
		"Platform SSO of another tenant": {"usable", "other tenant", "nothing", false, "", false,
			"is TENANT_MISMATCH, so it is not certain", "ckp"},
		"Platform SSO has a wrong key": {"usable", "user POUserStateUserKeyInvalid (5)", "nothing", false, "",
			false, "is USER_KEY_INVALID, so it is not certain", "ckp"},
		"Platform SSO is configured only": {"usable", "configured", "nothing", false, "", false,
			"It is the registration that this user has now.", "ckptf"},
		"certificate cannot be parsed": {"cannot be parsed", "usable", "nothing", false, "", false,
			"an unknown device (login keychain, certificate ", "ckp"},
		"several": {"two", "not configured", "nothing", false, "", false,
			"Each of these may be the user's current registration: device " + oldDevice, "ckptf"},
		"of the tenant, beside another's": {"two, of which one is the tenant's", "not configured", "nothing", false,
			"", false, "is not the registration of this user, which is device " + oldDevice, "ckptf"},
		"by a wrong clock": {"expired", "not configured", "nothing", false, "", false,
			"if the clock is right it cannot be used", "ckptf"},
		"without key": {"without key", "not configured", "nothing", false, "", false, "",
			"ckptf"},
		"items only": {"items only", "not configured", "nothing", false, "", false, "",
			"kptf"},
		"registered elsewhere, nothing here": {"nothing", "usable", "nothing", false, "", false, "it would be lost",
			"kptf"},
		"under way": {"without key", "not configured", "nothing", true, "", false,
			"A registration of this user is under way", "ckptf"},
		"a state of a later version": {"usable", "not configured", "nothing", false, "NEW", false,
			"a state that this version does not know. This may be the user's current registration: device " + oldDevice,
			"ckptf"},
		"not known": {"usable", "not configured", "nothing", false, wpj.StateCannotTell,
			false, "is not known.", "ckptf"},
		"a certificate that nobody has read": {"nothing", "not configured", "nothing", false, "", true,
			"device certificates that were not read", "ckptf"},
		"a second one that nobody has read": {"without key", "not configured", "nothing", false, "", true,
			"device certificates that were not read", "cckptf"},
		"could not look, and state is known": {"locked", "usable", "nothing", false, "", false,
			"The login keychain could not be looked at", "kptf"},
		"Platform SSO, without a device's ID": {"usable", "not configured", "usable, without a device", false, "",
			false, "It is the registration that this user has now.", "ckptf"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			keychain, found := keychains()[test.keychain]
			sso, foundSSO := platformSSOs()[test.sso]
			enclave, foundEnclave := secureEnclaves()[test.enclave]
			if !found || !foundSSO || !foundEnclave {
				t.Fatal("a case that is not there")
			}
			evidence := append(append([]wpj.Evidence{keychain.evidence}, sso.evidence...), enclave.evidence...)
			w.reading = observation.Reading{
				Identity: wpj.Evaluate(evidence, wpj.Conditions{Now: time.Now(), Tenant: tenant}), Evidence: evidence}
			if w.active = test.active; test.state != "" {
				w.reading.Identity.State = test.state
			}
			w.leftovers = w.leftovers[1:]
			certificates := min(keychain.keys+keychain.keyless, 1)
			if test.more {
				certificates++
			}
			for i := range certificates {
				w.leftovers = append([]*usherv1.Leftover{
					leftover("c"+strings.Repeat("'", i), usherv1.LeftoverKind_LEFTOVER_KIND_CERTIFICATE,
						"device certificate")}, w.leftovers...)
			}
			remains, err := w.Find(t.Context(), jane)
			if err != nil {
				t.Fatal(err)
			}
			shown := strings.ReplaceAll(ids(remains.Leftovers), "'", "")
			if (remains.Objection == "") != (test.objection == "") ||
				!strings.Contains(remains.Objection, test.objection) || shown != test.leftovers {
				t.Errorf("%s: objection %q, leftovers %s", w.reading.Identity.State, remains.Objection, shown)
			}
			_, err = w.Remove(t.Context(), clean.Request{User: jane})
			if test.objection == "" {
				if err != nil || strings.Join(w.asked, "") != test.leftovers {
					t.Errorf("removed %q, %v", w.asked, err)
				}
				return
			}
			if !errors.Is(err, clean.ErrObjection) || !strings.Contains(err.Error(), test.objection) ||
				w.asked != nil || len(w.removals(t, clean.Filter{})) != 0 {
				t.Errorf("removed %q, %v", w.asked, err)
			}
			removal, err := w.Remove(t.Context(), clean.Request{User: jane, Force: true})
			if err != nil || !removal.Force ||
				strings.ReplaceAll(strings.Join(w.asked, ""), "'", "") != test.leftovers {
				t.Errorf("by force: %q, %v", w.asked, err)
			}
		})
	}
}
