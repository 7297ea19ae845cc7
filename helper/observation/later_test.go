package observation_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/entra"
)

// laterAgent is an agent of a later version, with words that this version does not know.
type laterAgent struct {
	usherv1.UserAgentServiceClient
	evidence []*usherv1.Evidence
}

func (a laterAgent) ReadIdentity(context.Context, *usherv1.ReadIdentityRequest,
	...grpc.CallOption) (*usherv1.ReadIdentityResponse, error) {
	return &usherv1.ReadIdentityResponse{Evidence: a.evidence}, nil
}

// An unknown word makes nobody registered. It makes nobody "not registered" either, if nothing else is known.
func TestEvidenceOfALaterAgent(t *testing.T) {
	found, _ := registered(t, entra.Device{})
	held := []*usherv1.DeviceCertificate{{Der: found.Certificates[0].DER, HasPrivateKey: true}}
	const keychain, platformSSO = usherv1.IdentitySource_IDENTITY_SOURCE_LOGIN_KEYCHAIN,
		usherv1.IdentitySource_IDENTITY_SOURCE_PLATFORM_SSO
	normal := &usherv1.PlatformSSOFacts{RegistrationCompleted: true,
		ExtensionIdentifier: "com.microsoft.CompanyPortalMac.ssoextension",
		DeviceSection:       usherv1.PlatformSSOSection_PLATFORM_SSO_SECTION_READ,
		UserSection:         usherv1.PlatformSSOSection_PLATFORM_SSO_SECTION_READ, User: 90}
	for name, test := range map[string]struct {
		evidence []*usherv1.Evidence
		want     wpj.State
	}{
		"known": {[]*usherv1.Evidence{
			{Source: keychain, Finding: usherv1.Finding_FINDING_FOUND, Certificates: held,
				UserPrincipalName: "jane@example.com"}}, wpj.StateRegistered},
		"another source": {[]*usherv1.Evidence{
			{Source: 98, Finding: usherv1.Finding_FINDING_FOUND, Certificates: held,
				UserPrincipalName: "jane@example.com"}}, wpj.StateUnreadable},
		"another source lacks": {[]*usherv1.Evidence{{Source: 98, Finding: usherv1.Finding_FINDING_NOT_THERE}},
			wpj.StateUnreadable},
		"another finding": {[]*usherv1.Evidence{
			{Source: keychain, Finding: 97, Certificates: held, UserPrincipalName: "jane@example.com"}},
			wpj.StateUnreadable},
		"another user state": {[]*usherv1.Evidence{{Source: keychain, Finding: usherv1.Finding_FINDING_NOT_THERE},
			{Source: platformSSO, Finding: usherv1.Finding_FINDING_FOUND, Certificates: held,
				Facts: &usherv1.Evidence_PlatformSso{PlatformSso: normal}}}, wpj.StateCannotTell},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			reading, err := w.observer.Read(t.Context(), laterAgent{evidence: test.evidence}, janeUser)
			if err != nil {
				t.Fatal(err)
			}
			if reading.Identity.State != test.want {
				t.Errorf("%s by %q: %s, want %s", reading.Identity.State, reading.Identity.Rule,
					reading.Identity.Detail, test.want)
			}
		})
	}
}
