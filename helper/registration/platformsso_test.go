package registration_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/helper/registration"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// sso is the state of Platform SSO in the agent's session, beside an empty login keychain.
func sso(says wpj.Evidence) func() []*usherv1.Evidence {
	says.Source = wpj.SourcePlatformSSO
	return func() []*usherv1.Evidence {
		return evidence(wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.NotThere}, says)
	}
}

// If Microsoft's Platform SSO is configured, Company Portal never runs, whatever state the user is in.
func TestPortalIsNeverRunBesidePlatformSSO(t *testing.T) {
	microsoft := func(completed bool, user string) wpj.Evidence {
		section := wpj.SectionRead
		if user == "" {
			section = wpj.SectionNull
		}
		return wpj.Evidence{Finding: wpj.Found, PlatformSSO: &wpj.PlatformSSO{
			Device: wpj.SectionRead, UserSection: section, RegistrationCompleted: completed, User: user,
			ExtensionID: wpj.MicrosoftExtension,
		}}
	}
	other := microsoft(true, "POUserStateNormal (0)")
	other.PlatformSSO.ExtensionID = "com.okta.mobile.auth-service-extension"
	blind := wpj.Evidence{Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleFailed}
	nameless := microsoft(true, "POUserStateNormal (0)")
	nameless.PlatformSSO.ExtensionID = ""
	deviceless := microsoft(false, "POUserStateNormal (0)")
	deviceless.PlatformSSO.Device, deviceless.PlatformSSO.ExtensionID, deviceless.PlatformSSO.IssuerHost =
		wpj.SectionNull, "", "login.microsoftonline.com"
	broken := microsoft(false, "POUserStateNormal (0)")
	broken.PlatformSSO.Device = wpj.SectionUnreadable
	profile := func(named bool, err error) func(string) (bool, error) {
		return func(account string) (bool, error) {
			if account != jane.Name {
				return false, errors.New("asked for " + account)
			}
			return named, err
		}
	}
	for _, test := range []struct {
		name     string
		evidence func() []*usherv1.Evidence
		profile  func(string) (bool, error)
		portal   bool
		says     string
	}{
		{"configured", sso(microsoft(false, "")), nil, false, "PSSO_CONFIGURED"},
		{"never registered", sso(microsoft(true, "")), nil, false, "USER_NOT_REGISTERED"},
		{"needs registration", sso(microsoft(true, "POUserStateNeedsRegistration (2)")), nil, false,
			"NEEDS_REGISTRATION"},
		{"has to sign in again", sso(microsoft(true, "POUserStateNeedsNewKeys (1)")), nil, false, "PENDING"},
		{"key is invalid", sso(microsoft(true, "POUserStateUserKeyInvalid (5)")), nil, false, "USER_KEY_INVALID"},
		{"needs binding", sso(microsoft(true, "(null) (7)")), nil, false, "NEEDS_BINDING"},
		{"an unknown state", sso(microsoft(true, "POUserStateGreat (0)")), nil, false, "CANNOT_TELL"},
		{"no certificate", sso(microsoft(true, "POUserStateNormal (0)")), nil, false, "CANNOT_TELL"},
		{"cannot be read, and a profile", sso(blind), profile(true, nil), false, "UNREADABLE"},
		{"cannot be read, and a profile that cannot be read", sso(blind), profile(false, errors.New("garbage")), false,
			"neither can the single sign-on profile"},
		{"cannot be read, and no profile", sso(blind), profile(false, nil), true, ""},
		{"of nobody, and a profile", sso(nameless), profile(true, nil), false, "CANNOT_TELL"},
		{"not asked, and a profile",
			func() []*usherv1.Evidence { return evidence(wpj.Evidence{Finding: wpj.NotThere}) }, profile(true, nil),
			false, "NOT_REGISTERED"},
		{"not configured, whatever the profile says", sso(wpj.Evidence{Finding: wpj.NotThere}), profile(true, nil),
			true, ""},
		{"another provider's", sso(other), profile(false, nil), true, ""},
		{"the device's section is (null), and the login's is Microsoft's", sso(deviceless), nil, false, "CANNOT_TELL"},
		{"the device's section cannot be read", sso(broken), nil, false, "CANNOT_TELL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(c *registration.Config) { c.MicrosoftPlatformSSO = test.profile })
				w.agent.identity = test.evidence
				began := test.evidence
				if test.portal { // it leaves what a portal leaves
					w.agent.identity = func() []*usherv1.Evidence {
						if len(w.agent.launches) > 0 {
							return registered()
						}
						return began()
					}
				}
				r := w.until(w.register(registration.KindRegister).ID, registration.StateFailed,
					registration.StateDelivering)
				if ran := len(w.agent.launches) > 0; ran != test.portal {
					t.Errorf("Company Portal ran: %t; %s: %s", ran, r.State, r.FailureDetail)
				}
				if test.portal {
					return
				}
				if r.FailureReason != registration.ReasonPlatformSSOUserAction ||
					!strings.Contains(r.FailureDetail, test.says) ||
					!strings.Contains(r.FailureDetail,
						"x-apple.systempreferences:com.apple.Users-Groups-Settings.extension?showinfo*user:"+
							jane.Name) {
					t.Errorf("%s: %s", r.FailureReason, r.FailureDetail)
				}
			})
		})
	}
}

// A user who does not need Company Portal gets no advice to install it.
func TestPreflightDoesNotMatterBesidePlatformSSO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *registration.Config) {
			c.Preflight = fakePreflight{
				&registration.PreflightError{Reason: registration.ReasonPortalMissing, Detail: "no portal"}}
		})
		w.agent.identity = sso(wpj.Evidence{Finding: wpj.Found, PlatformSSO: &wpj.PlatformSSO{
			Device: wpj.SectionRead, UserSection: wpj.SectionNull, ExtensionID: wpj.MicrosoftExtension,
		}})
		if r := w.until(w.register(registration.KindRegister).ID, registration.StateFailed); r.FailureReason !=
			registration.ReasonPlatformSSOUserAction {
			t.Errorf("%s: %s", r.FailureReason, r.FailureDetail)
		}
	})
}

// Between the last look and the launch the agent, or usherd too, may be away for any time. The state of Platform SSO
// may have changed when the agent is back.
func TestLooksAgainBeforeALaunchThatWaited(t *testing.T) {
	microsoft := sso(wpj.Evidence{Finding: wpj.Found, PlatformSSO: &wpj.PlatformSSO{
		Device: wpj.SectionRead, UserSection: wpj.SectionNull, RegistrationCompleted: true,
		ExtensionID: wpj.MicrosoftExtension,
	}})
	normal := sso(wpj.Evidence{Finding: wpj.Found, PlatformSSO: &wpj.PlatformSSO{
		Device: wpj.SectionRead, UserSection: wpj.SectionRead, RegistrationCompleted: true,
		User: "POUserStateNormal (0)", ExtensionID: wpj.MicrosoftExtension,
	}})
	signedIn := func() []*usherv1.Evidence {
		found := normal()
		found[1].Certificates = registered()[0].GetCertificates()
		return found
	}
	for _, test := range []struct {
		name     string
		identity func() []*usherv1.Evidence
		profile  bool
		state    registration.State
		launches int
	}{
		{"Platform SSO was configured meanwhile", microsoft, false, registration.StateFailed, 0},
		{"the user has registered meanwhile", signedIn, false, registration.StateDelivering, 0},
		{"nothing has changed", nil, true, registration.StateDelivering, 1},
	} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, usherd restarts %t", test.name, restarts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, func(c *registration.Config) {
						c.MicrosoftPlatformSSO = func(string) (bool, error) { return test.profile, nil }
					})
					nobody := sso(wpj.Evidence{Finding: wpj.NotThere})
					w.agent.mu.Lock()
					w.agent.identity, w.agent.refusal = nobody, status.Error(codes.Unavailable, "gone")
					w.agent.mu.Unlock()
					id := w.register(registration.KindRegister).ID
					w.until(id, registration.StateLaunchingPortal)
					if restarts {
						w.stop()
						w.agent.loggedIn = make(chan struct{})
						w.start()
					}
					time.Sleep(20 * time.Second) // synctest's clock; the agent takes longer than any single look
					w.agent.mu.Lock()
					if test.identity != nil {
						w.agent.identity = test.identity
					}
					w.agent.refusal = nil
					if restarts {
						close(w.agent.loggedIn)
					}
					w.agent.mu.Unlock()
					r := w.until(id, registration.StateFailed, registration.StateDelivering)
					if r.State != test.state || w.agent.launches[id] != test.launches {
						t.Errorf("%s %s: %s; Company Portal ran %d times", r.State, r.FailureReason, r.FailureDetail,
							w.agent.launches[id])
					}
					if r.State == registration.StateFailed &&
						r.FailureReason != registration.ReasonPlatformSSOUserAction {
						t.Errorf("failed with %s: %s", r.FailureReason, r.FailureDetail)
					}
				})
			})
		}
	}
}

// An agent of an earlier version reports only that Platform SSO exists. The provider decides, and is unknown, so
// Company Portal does not run.
func TestOldAgentBesidePlatformSSO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.agent.identity = sso(wpj.Evidence{Finding: wpj.Found,
			PlatformSSO: &wpj.PlatformSSO{RegistrationCompleted: true, User: "POUserStateNeedsRegistration"}})
		r := w.until(w.register(registration.KindRegister).ID, registration.StateFailed, registration.StateDelivering)
		if r.FailureReason != registration.ReasonAgentOutdated || len(w.agent.launches) != 0 {
			t.Errorf("%s %s: %s", r.State, r.FailureReason, r.FailureDetail)
		}
	})
}
