package wpj_test

import (
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

func platformSSO(facts *wpj.PlatformSSO, certificates ...wpj.HeldCertificate) wpj.Evidence {
	finding := wpj.Found
	if facts == nil {
		finding = wpj.NotThere
	}
	return wpj.Evidence{Source: wpj.SourcePlatformSSO, Finding: finding, PlatformSSO: facts, Certificates: certificates,
		ObservedAt: observed}
}

// microsofts is Microsoft's Platform SSO on a registered Mac.
func microsofts(user string) *wpj.PlatformSSO {
	return &wpj.PlatformSSO{Device: wpj.SectionRead, UserSection: wpj.SectionRead, RegistrationCompleted: true,
		User: user, ExtensionID: wpj.MicrosoftExtension}
}

func enclave(status int, device wpj.DeviceID) wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceSecureEnclave, Finding: wpj.Found,
		SecureEnclave: &wpj.SecureEnclave{Status: status}, DeviceID: device,
		TenantID: tenantID, UserPrincipalName: upn, ObservedAt: observed}
}

func jamfAgent(have *bool) wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceJamfAgent, Finding: wpj.Found, JamfAgent: &wpj.JamfAgent{HaveAzureID: have},
		ObservedAt: observed}
}

func jamfPro(state string, ids ...wpj.DeviceID) wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceJamfPro, Finding: wpj.Found,
		Compliance: &wpj.Compliance{Applicable: state != "", State: state, DeviceIDs: ids}, ObservedAt: observed}
}

func settings(enabled bool) wpj.Evidence {
	return wpj.Evidence{Source: wpj.SourceJamfSettings, Finding: wpj.Found,
		JamfSettings: &wpj.JamfSettings{ConditionalAccessEnabled: enabled}, ObservedAt: observed}
}

// Each source alone, and the result of several together, in any order.
func TestEvaluateEverySource(t *testing.T) {
	yes, no := true, false
	good := registered(t, entra.Device{}, nil)
	other := wpj.DeviceID("0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe")
	held := good.Certificates[0]
	expired := registered(t, entra.Device{}.Expired(), nil).Certificates[0]
	foreign := registered(t, entra.Device{TenantID: otherTenant}, nil).Certificates[0]
	done, keys, again := microsofts("POUserStateNormal (0)"), microsofts("POUserStateNeedsNewKeys (1)"),
		microsofts("POUserStateNeedsRegistration (2)")
	profile := &wpj.PlatformSSO{Device: wpj.SectionRead, UserSection: wpj.SectionNull,
		ExtensionID: wpj.MicrosoftExtension}
	with := func(change func(*wpj.PlatformSSO)) *wpj.PlatformSSO {
		changed := *done
		change(&changed)
		return &changed
	}
	noUser := with(func(p *wpj.PlatformSSO) { p.UserSection, p.User = wpj.SectionNull, "" })
	okta := with(func(p *wpj.PlatformSSO) { p.ExtensionID = "com.okta.mobile.auth-service-extension" })
	byIssuer := with(func(p *wpj.PlatformSSO) { p.ExtensionID, p.IssuerHost = "", "login.microsoftonline.com" })
	nameless := with(func(p *wpj.PlatformSSO) { p.ExtensionID = "" })
	brokenDevice := with(func(p *wpj.PlatformSSO) { p.Device, p.RegistrationCompleted = wpj.SectionUnreadable, false })
	brokenAnd := func(user string) *wpj.PlatformSSO {
		return with(func(p *wpj.PlatformSSO) {
			p.Device, p.RegistrationCompleted, p.User = wpj.SectionUnreadable, false, user
		})
	}
	brokenUser := with(func(p *wpj.PlatformSSO) { p.UserSection, p.User = wpj.SectionUnreadable, "" })
	ofOldAgent := &wpj.PlatformSSO{RegistrationCompleted: true, User: "POUserStateNormal"}
	spent := with(func(p *wpj.PlatformSSO) { p.TokensExpired = true })
	broken := wpj.HeldCertificate{DER: []byte("no certificate"), HasPrivateKey: true}
	inDirectory := wpj.Evidence{Source: wpj.SourceDirectory, Finding: wpj.Found, UserPrincipalName: "john@example.com",
		ObservedAt: observed}
	keyless := registered(t, entra.Device{}, func(e *wpj.Evidence) { e.Certificates[0].HasPrivateKey = false })
	elsewhere := enclave(0, other)
	elsewhere.TenantID = otherTenant
	noPortal := wpj.Evidence{Source: wpj.SourcePortal, Finding: wpj.NotThere, Detail: "gone", ObservedAt: observed}
	noState := wpj.Evidence{Source: wpj.SourceJamfAgent, Finding: wpj.NotThere, ObservedAt: observed}
	noSession := blocked(wpj.ObstacleNoSession, "")
	blind := func(source wpj.Source) wpj.Evidence {
		return wpj.Evidence{Source: source, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleUnavailable,
			ObservedAt: observed}
	}
	metStates, metContradictions := map[wpj.State]bool{}, map[string]bool{}
	for _, test := range []struct {
		name           string
		evidence       []wpj.Evidence
		state          wpj.State
		source         wpj.Source
		device         wpj.DeviceID
		contradictions string
	}{
		{"nothing anywhere", []wpj.Evidence{nothing(), platformSSO(nil), enclave(0, "")}, wpj.StateNotRegistered,
			wpj.SourceLoginKeychain, "", ""},
		{"no session", []wpj.Evidence{noSession}, wpj.StateNoSession, wpj.SourceLoginKeychain, "", ""},
		{"Platform SSO", []wpj.Evidence{nothing(), platformSSO(done, held), enclave(2, deviceID)}, wpj.StateRegistered,
			wpj.SourcePlatformSSO, deviceID, ""},
		{"its device id by the enclave", []wpj.Evidence{nothing(), platformSSO(done), enclave(2, deviceID)},
			wpj.StateRegistered, wpj.SourcePlatformSSO, deviceID, ""},
		{"has to sign in again", []wpj.Evidence{nothing(), platformSSO(keys, held), enclave(2, deviceID)},
			wpj.StatePending, wpj.SourcePlatformSSO, deviceID, "registered-beside-needs-registration"},
		{"key is invalid", []wpj.Evidence{nothing(), platformSSO(microsofts("POUserStateUserKeyInvalid (5)"), held)},
			wpj.StateUserKeyInvalid, wpj.SourcePlatformSSO, deviceID, ""},
		{"needs binding", []wpj.Evidence{nothing(), platformSSO(microsofts("POUserStateNeedsBinding (9)"), held)},
			wpj.StateNeedsBinding, wpj.SourcePlatformSSO, deviceID, ""},
		{"new, by the number only", []wpj.Evidence{nothing(), platformSSO(microsofts("(null) (7)"), held)},
			wpj.StateNeedsBinding, wpj.SourcePlatformSSO, deviceID, ""},
		{"never registered", []wpj.Evidence{nothing(), platformSSO(noUser, held), enclave(2, deviceID)},
			wpj.StateUserNotRegistered, wpj.SourcePlatformSSO, deviceID, "registered-beside-needs-registration"},
		{"an unknown name", []wpj.Evidence{good, platformSSO(microsofts("POUserStateGreat (0)"), held),
			enclave(2, deviceID)}, wpj.StateCannotTell, wpj.SourcePlatformSSO, deviceID, ""},
		{"an unknown number", []wpj.Evidence{nothing(), platformSSO(microsofts("(null) (3)"), held)},
			wpj.StateCannotTell, wpj.SourcePlatformSSO, deviceID, ""},
		{"name and number differ", []wpj.Evidence{nothing(),
			platformSSO(microsofts("POUserStateUserKeyInvalid (0)"), held)}, wpj.StateUserKeyInvalid,
			wpj.SourcePlatformSSO, deviceID, "user-state-name-and-number-differ"},
		{"the user's section is broken", []wpj.Evidence{nothing(), platformSSO(brokenUser, held)}, wpj.StateCannotTell,
			wpj.SourcePlatformSSO, deviceID, ""},
		{"the device's section is broken", []wpj.Evidence{nothing(), platformSSO(brokenDevice)}, wpj.StateCannotTell,
			wpj.SourcePlatformSSO, "", ""},
		{"no certificate, and nobody names a device", []wpj.Evidence{nothing(), platformSSO(done), enclave(2, "")},
			wpj.StateCannotTell, wpj.SourcePlatformSSO, "", ""},
		{"no certificate, and a key in the keychain", []wpj.Evidence{good, platformSSO(done)}, wpj.StateRegistered,
			wpj.SourceLoginKeychain, deviceID, ""},
		{"its certificate cannot be read", []wpj.Evidence{nothing(), platformSSO(done, broken)}, wpj.StateUnreadable,
			wpj.SourcePlatformSSO, "", ""},
		{"the device's section is broken, and the user has to register",
			[]wpj.Evidence{good, platformSSO(brokenAnd("POUserStateNeedsRegistration (2)")), enclave(2, deviceID)},
			wpj.StateNeedsRegistration, wpj.SourcePlatformSSO, deviceID,
			"old-key-beside-platform-sso registered-beside-needs-registration"},
		{"the device's section is broken, and the user's state is unknown",
			[]wpj.Evidence{nothing(), platformSSO(brokenAnd("POUserStateGreat (0)")), enclave(2, deviceID)},
			wpj.StateCannotTell, wpj.SourcePlatformSSO, deviceID, ""},
		{"an unknown status with a device", []wpj.Evidence{nothing(), platformSSO(nil), enclave(9, deviceID)},
			wpj.StateCannotTell, wpj.SourceSecureEnclave, "", ""},
		{"registered by the enclave's word, without a device",
			[]wpj.Evidence{nothing(), platformSSO(nil), enclave(2, "")}, wpj.StateCannotTell, wpj.SourceSecureEnclave,
			"", ""},
		{"Microsoft's by the issuer", []wpj.Evidence{nothing(), platformSSO(byIssuer, held)}, wpj.StateRegistered,
			wpj.SourcePlatformSSO, deviceID, ""},
		{"whose it is, nobody says", []wpj.Evidence{nothing(), platformSSO(nameless, held)}, wpj.StateCannotTell,
			wpj.SourcePlatformSSO, "", ""},
		{"whose it is, nobody says, and a key in the keychain", []wpj.Evidence{good, platformSSO(nameless, held)},
			wpj.StateRegistered, wpj.SourceLoginKeychain, deviceID, ""},
		{"an agent that is too old to say whose it is", []wpj.Evidence{nothing(), platformSSO(ofOldAgent, held)},
			wpj.StateCannotTell, wpj.SourcePlatformSSO, "", ""},
		{"another provider's", []wpj.Evidence{nothing(), platformSSO(okta), enclave(0, "")}, wpj.StateNotRegistered,
			wpj.SourceLoginKeychain, "", ""},
		{"another provider's beside a key in the keychain",
			[]wpj.Evidence{good, platformSSO(okta), enclave(0, ""), inDirectory}, wpj.StateRegistered,
			wpj.SourceLoginKeychain, deviceID, ""},
		{"tokens have expired", []wpj.Evidence{nothing(), platformSSO(spent, held)}, wpj.StateRegistered,
			wpj.SourcePlatformSSO, deviceID, "single-sign-on-tokens-expired"},
		{"an unknown status", []wpj.Evidence{nothing(), platformSSO(nil), enclave(4, "")}, wpj.StateCannotTell,
			wpj.SourceSecureEnclave, "", ""},
		{"the directory names somebody else",
			[]wpj.Evidence{nothing(), platformSSO(nil), enclave(2, deviceID), inDirectory}, wpj.StateRegistered,
			wpj.SourceSecureEnclave, deviceID, "names-differ"},
		{"only the directory says something", []wpj.Evidence{noSession, inDirectory}, wpj.StateNoSession,
			wpj.SourceLoginKeychain, "", ""},
		{"needs registration", []wpj.Evidence{nothing(), platformSSO(again, held), enclave(1, "")},
			wpj.StateNeedsRegistration, wpj.SourcePlatformSSO, deviceID, ""},
		{"its certificate expired", []wpj.Evidence{platformSSO(done, expired)}, wpj.StateExpired, wpj.SourcePlatformSSO,
			deviceID, ""},
		{"its tenant is another", []wpj.Evidence{platformSSO(done, foreign)}, wpj.StateTenantMismatch,
			wpj.SourcePlatformSSO, deviceID, ""},
		{"configured", []wpj.Evidence{nothing(), platformSSO(profile), enclave(1, "")}, wpj.StatePlatformSSOConfigured,
			wpj.SourcePlatformSSO, "", ""},
		{"configured only by the enclave's word", []wpj.Evidence{nothing(), platformSSO(nil), enclave(1, "")},
			wpj.StatePlatformSSOConfigured, wpj.SourceSecureEnclave, "", "enabled-beside-not-configured"},
		{"needs repair", []wpj.Evidence{nothing(), platformSSO(done, held), enclave(3, deviceID)}, wpj.StateNeedsRepair,
			wpj.SourcePlatformSSO, deviceID, "needs-repair-beside-registered"},
		{"Secure Enclave", []wpj.Evidence{nothing(), platformSSO(nil), enclave(0, other)}, wpj.StateRegistered,
			wpj.SourceSecureEnclave, other, ""},
		{"it names the keychain's device", []wpj.Evidence{good, platformSSO(nil), enclave(0, deviceID)},
			wpj.StateRegistered, wpj.SourceLoginKeychain, deviceID, ""},
		{"old key beside it", []wpj.Evidence{good, platformSSO(nil), enclave(0, other)}, wpj.StateRegistered,
			wpj.SourceSecureEnclave, other, "device-ids-differ old-key-beside-secure-enclave"},
		{"old key beside Platform SSO", []wpj.Evidence{good, platformSSO(done), enclave(2, other)}, wpj.StateRegistered,
			wpj.SourcePlatformSSO, other, "device-ids-differ old-key-beside-platform-sso"},
		{"Platform SSO against the enclave", []wpj.Evidence{nothing(), platformSSO(done, held), enclave(0, "")},
			wpj.StateRegistered, wpj.SourcePlatformSSO, deviceID, "registered-beside-not-registered"},
		{"a profile, and the old key in use", []wpj.Evidence{good, platformSSO(profile), enclave(1, "")},
			wpj.StateRegistered, wpj.SourceLoginKeychain, deviceID, "platform-sso-not-yet-used"},
		{"the enclave cannot be seen", []wpj.Evidence{nothing(), platformSSO(nil), blind(wpj.SourceSecureEnclave)},
			wpj.StateUnreadable, wpj.SourceSecureEnclave, "", ""},
		{"Platform SSO cannot be seen", []wpj.Evidence{nothing(), blind(wpj.SourcePlatformSSO), enclave(0, "")},
			wpj.StateUnreadable, wpj.SourcePlatformSSO, "", ""},
		{"registered, and others cannot be seen",
			[]wpj.Evidence{good, blind(wpj.SourcePlatformSSO), blind(wpj.SourceSecureEnclave),
				blind(wpj.SourceJamfAgent), blind(wpj.SourceJamfPro)},
			wpj.StateRegistered, wpj.SourceLoginKeychain, deviceID, ""},
		{"not acquired", []wpj.Evidence{good, noState}, wpj.StateNotReported, wpj.SourceLoginKeychain, deviceID, ""},
		{"the key is missing", []wpj.Evidence{good, jamfAgent(nil)}, wpj.StateNotReported, wpj.SourceLoginKeychain,
			deviceID, ""},
		{"nobody to report to", []wpj.Evidence{good, noState, settings(false)}, wpj.StateRegistered,
			wpj.SourceLoginKeychain, deviceID, ""},
		{"deactivated", []wpj.Evidence{good, jamfAgent(&no)}, wpj.StateDeactivated, wpj.SourceLoginKeychain, deviceID,
			""},
		{"acquired", []wpj.Evidence{good, jamfAgent(&yes), settings(true)}, wpj.StateRegistered,
			wpj.SourceLoginKeychain, deviceID, ""},
		{"acquired once", []wpj.Evidence{nothing(), jamfAgent(&yes)}, wpj.StateNotRegistered, wpj.SourceLoginKeychain,
			"", "acquired-beside-not-registered"},
		{"off", []wpj.Evidence{nothing(), settings(false)}, wpj.StateNotApplicable, wpj.SourceJamfSettings, "", ""},
		{"off here and on there", []wpj.Evidence{nothing(), settings(false), jamfPro("UNKNOWN")},
			wpj.StateNotRegistered, wpj.SourceLoginKeychain, "", "off-beside-applicable"},
		{"off in Jamf Pro", []wpj.Evidence{nothing(), jamfPro("")}, wpj.StateNotApplicable, wpj.SourceJamfPro, "", ""},
		{"no Company Portal", []wpj.Evidence{nothing(), noPortal}, wpj.StatePortalMissing, wpj.SourcePortal, "", ""},
		{"registered without it", []wpj.Evidence{good, noPortal}, wpj.StateRegistered, wpj.SourceLoginKeychain,
			deviceID, ""},
		{"compliant", []wpj.Evidence{good, jamfAgent(&yes),
			jamfPro("COMPLIANT", other, wpj.DeviceID(strings.ToUpper(deviceID)))}, wpj.StateCompliant,
			wpj.SourceLoginKeychain, deviceID, ""},
		{"not compliant", []wpj.Evidence{good, jamfPro("NON_COMPLIANT", deviceID)}, wpj.StateNonCompliant,
			wpj.SourceLoginKeychain, deviceID, ""},
		{"not calculated", []wpj.Evidence{good, jamfPro("SOMETHING", deviceID)}, wpj.StateComplianceUnknown,
			wpj.SourceLoginKeychain, deviceID, ""},
		{"linked to another", []wpj.Evidence{good, jamfAgent(&yes), jamfPro("COMPLIANT", other)},
			wpj.StateDeviceIDChanged, wpj.SourceLoginKeychain, deviceID, "acquired-beside-not-linked"},
		{"not linked", []wpj.Evidence{good, jamfAgent(&yes), jamfPro("NON_COMPLIANT")}, wpj.StateNotReported,
			wpj.SourceLoginKeychain, deviceID, "acquired-beside-not-linked"},
		{"linked, and the agent knows nothing", []wpj.Evidence{good, noState, jamfPro("COMPLIANT", deviceID)},
			wpj.StateCompliant, wpj.SourceLoginKeychain, deviceID, "linked-beside-not-acquired"},
		{"linked, and nothing here", []wpj.Evidence{nothing(), jamfPro("COMPLIANT", deviceID)}, wpj.StateNotRegistered,
			wpj.SourceLoginKeychain, "", "linked-beside-not-registered"},
		{"to be registered again, and said to be registered",
			[]wpj.Evidence{nothing(), platformSSO(again, held), enclave(2, deviceID)}, wpj.StateNeedsRegistration,
			wpj.SourcePlatformSSO, deviceID, "registered-beside-needs-registration"},
		{"needs repair only by the enclave's word", []wpj.Evidence{nothing(), platformSSO(nil), enclave(3, "")},
			wpj.StateNeedsRepair, wpj.SourceSecureEnclave, "", "enabled-beside-not-configured"},
		{"the enclave's tenant is another", []wpj.Evidence{nothing(), platformSSO(nil), elsewhere},
			wpj.StateTenantMismatch, wpj.SourceSecureEnclave, other, ""},
		{"a key that works, and another tenant in the enclave", []wpj.Evidence{good, platformSSO(nil), elsewhere},
			wpj.StateTenantMismatch, wpj.SourceSecureEnclave, other, "old-key-beside-secure-enclave"},
		{"orphaned", []wpj.Evidence{keyless, platformSSO(nil), enclave(0, "")}, wpj.StateOrphaned,
			wpj.SourceLoginKeychain, deviceID, ""},
		{"orphaned, and Jamf has acquired it once", []wpj.Evidence{keyless, jamfAgent(&yes)}, wpj.StateOrphaned,
			wpj.SourceLoginKeychain, deviceID, "acquired-beside-not-registered"},
		{"orphaned beside Platform SSO", []wpj.Evidence{keyless, platformSSO(done, held), enclave(2, deviceID)},
			wpj.StateRegistered, wpj.SourcePlatformSSO, deviceID, "old-key-beside-platform-sso"},
		{"the keychain is locked, and Platform SSO registered",
			[]wpj.Evidence{blocked(wpj.ObstacleLocked, ""), platformSSO(done, held), enclave(2, deviceID)},
			wpj.StateRegistered, wpj.SourcePlatformSSO, deviceID, ""},
		{"the keychain is locked, and the rest empty",
			[]wpj.Evidence{blocked(wpj.ObstacleLocked, ""), platformSSO(nil), enclave(0, "")}, wpj.StateUnreadable,
			wpj.SourceLoginKeychain, "", ""},
		{"not known, and linked", []wpj.Evidence{blocked(wpj.ObstacleLocked, ""), jamfAgent(&yes),
			jamfPro("COMPLIANT", deviceID)}, wpj.StateUnreadable, wpj.SourceLoginKeychain, "", ""},
		{"not known, and no Company Portal", []wpj.Evidence{nothing(), blind(wpj.SourceSecureEnclave), noPortal},
			wpj.StateUnreadable, wpj.SourceSecureEnclave, "", ""},
		{"given up, and linked", []wpj.Evidence{good, jamfAgent(&no), jamfPro("COMPLIANT", deviceID)},
			wpj.StateCompliant, wpj.SourceLoginKeychain, deviceID, "linked-beside-not-acquired"},
		{"given up, and not linked", []wpj.Evidence{good, jamfAgent(&no), jamfPro("UNKNOWN")}, wpj.StateDeactivated,
			wpj.SourceLoginKeychain, deviceID, ""},
		{"registered, and off in Jamf Pro", []wpj.Evidence{good, noState, jamfPro("")}, wpj.StateRegistered,
			wpj.SourceLoginKeychain, deviceID, ""},
		{"every source at its best",
			[]wpj.Evidence{nothing(), platformSSO(done, held), enclave(2, deviceID), jamfAgent(&yes), settings(true),
				{Source: wpj.SourcePortal, Finding: wpj.Found}, jamfPro("COMPLIANT", deviceID)},
			wpj.StateCompliant, wpj.SourcePlatformSSO, deviceID, ""},
		{"one source twice", []wpj.Evidence{nothing(), platformSSO(nil), platformSSO(done, held), platformSSO(profile)},
			wpj.StateRegistered, wpj.SourcePlatformSSO, deviceID, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			metStates[test.state] = true
			for name := range strings.FieldsSeq(test.contradictions) {
				metContradictions[name] = true
			}
			for evidence := range orders(test.evidence) {
				got := wpj.Evaluate(evidence, wpj.Conditions{Now: time.Now(), Tenant: tenantID})
				var names []string
				for _, one := range got.Contradictions {
					names = append(names, one.Name)
				}
				slices.Sort(names)
				if got.State != test.state || got.Source != test.source || got.DeviceID != test.device ||
					strings.Join(names, " ") != test.contradictions {
					t.Errorf("%s by %q in %s, device %q, %s: %s", got.State, got.Rule, got.Source, string(got.DeviceID),
						names, got.Sentence())
				}
				if got.Sentence() == "" || strings.Contains(got.Sentence(), upn) ||
					strings.Contains(got.Sentence(), deviceID) ||
					got.ObservedAt != observed {
					t.Errorf("detail %q, seen at %s", got.Sentence(), got.ObservedAt)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
	metStates[wpj.StateNeedsKeys] = true // by its history, in TestKeysAreTakenForLost
	for _, info := range wpj.States() {
		if !metStates[info.State] {
			t.Errorf("no evidence here comes to %s", info.State)
		}
	}
	for _, name := range contradictionNames {
		if !metContradictions[name] {
			t.Errorf("no evidence here comes to %s", name)
		}
	}
	if len(metContradictions) != len(contradictionNames) {
		t.Errorf("met %v", metContradictions)
	}
}

// contradictionNames are those of docs/states.md. Scripts rely on them.
var contradictionNames = []string{
	"old-key-beside-platform-sso", "old-key-beside-secure-enclave", "registered-beside-needs-registration",
	"registered-beside-not-registered",
	"needs-repair-beside-registered", "enabled-beside-not-configured", "platform-sso-not-yet-used",
	"acquired-beside-not-registered",
	"linked-beside-not-registered", "acquired-beside-not-linked", "linked-beside-not-acquired", "off-beside-applicable",
	"device-ids-differ",
	"names-differ", "user-state-name-and-number-differ", "single-sign-on-tokens-expired",
}

// orders are all orders of up to four pieces of evidence. For more pieces they are every rotation, forwards and
// backwards.
func orders(evidence []wpj.Evidence) iter.Seq[[]wpj.Evidence] {
	return func(yield func([]wpj.Evidence) bool) {
		if len(evidence) > 4 {
			for i := range evidence {
				turned := slices.Concat(evidence[i:], evidence[:i])
				backwards := slices.Clone(turned)
				slices.Reverse(backwards)
				if !yield(turned) || !yield(backwards) {
					return
				}
			}
			return
		}
		permute(slices.Clone(evidence), 0, yield)
	}
}

func permute(evidence []wpj.Evidence, from int, yield func([]wpj.Evidence) bool) bool {
	if from >= len(evidence)-1 {
		return yield(evidence)
	}
	for i := from; i < len(evidence); i++ {
		evidence[from], evidence[i] = evidence[i], evidence[from]
		goOn := permute(evidence, from+1, yield)
		evidence[from], evidence[i] = evidence[i], evidence[from]
		if !goOn {
			return false
		}
	}
	return true
}

// The Secure Enclave fills in what Platform SSO does not say about the device, if it names the same one.
func TestPlatformSSOIsFilledInFromTheSecureEnclave(t *testing.T) {
	held := registered(t, entra.Device{}, nil)
	thumbprint := held.Thumbprint
	done := microsofts("POUserStateNormal (0)")
	said := enclave(2, deviceID)
	said.Thumbprint = "of the enclave"
	anothers := enclave(2, "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe")
	own := platformSSO(done, held.Certificates...)
	own.UserPrincipalName = "jane@platform.example.com"
	blind := said
	blind.Finding, blind.Obstacle = wpj.CouldNotLook, wpj.ObstacleUnavailable
	for _, test := range []struct {
		name            string
		sso, enclave    wpj.Evidence
		user            wpj.UserPrincipalName
		device          wpj.DeviceID
		tenant          wpj.TenantID
		thumbprint      wpj.Thumbprint
		ownCertificates bool
	}{
		{"the user", platformSSO(done, held.Certificates...), said, upn, deviceID, tenantID, thumbprint, true},
		{"nothing that it says itself", own, said, "jane@platform.example.com", deviceID, tenantID, thumbprint, true},
		{"everything", platformSSO(done), said, upn, deviceID, tenantID, "of the enclave", false},
		{"nothing of another device", platformSSO(done, held.Certificates...), anothers, "", deviceID, tenantID,
			thumbprint, true},
		{"nothing that was not looked at", platformSSO(done, held.Certificates...), blind, "", deviceID, tenantID,
			thumbprint, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for evidence := range orders([]wpj.Evidence{nothing(), test.sso, test.enclave}) {
				got := wpj.Evaluate(evidence, wpj.Conditions{Now: time.Now(), Tenant: tenantID})
				if got.State != wpj.StateRegistered || got.Source != wpj.SourcePlatformSSO {
					t.Errorf("%s in %s: %s", got.State, got.Source, got.Sentence())
				}
				if got.UserPrincipalName != test.user || got.DeviceID != test.device || got.TenantID != test.tenant ||
					got.Thumbprint != test.thumbprint {
					t.Errorf("user %q, device %q, tenant %q, thumbprint %q",
						string(got.UserPrincipalName), string(got.DeviceID), string(got.TenantID),
						string(got.Thumbprint))
				}
				if got.NotAfter.IsZero() == test.ownCertificates || (got.UserObjectID == "") == test.ownCertificates {
					t.Errorf("valid until %s, of user %q", got.NotAfter, string(got.UserObjectID))
				}
			}
		})
	}
}
