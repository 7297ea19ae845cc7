//go:build linux

package e2e

import (
	"strings"
	"testing"

	"usher.internal/sim/mac"
)

// theOtherTenant is the tenant of the second identity that a portal leaves with "two_tenants".
const theOtherTenant = "0a7e5f2d-6f0e-4a51-9f4b-57c6d1c1b0fe"

// names are the names of the contradictions.
func (s userStatus) names() string {
	var names []string
	for _, one := range s.Identity.Contradictions {
		names = append(names, one.Name)
	}
	return strings.Join(names, " ")
}

// A user registers who has an identity of another tenant in the same keychain. usher uses the identity of the
// configured tenant, also when that changes while everything runs, and when usherd restarts; it reports the other one.
// Without a configured tenant, nobody can say which one is right.
func TestTwoTenantsInOneKeychain(t *testing.T) {
	s := newStory(t, map[string]any{"identity.look_automatically": true, "identity.proof_of_possession": true})
	s.withJamfPro()
	s.start()
	jane := s.known("t-jane")
	said := func(from int, words string) (next int) {
		t.Helper()
		next, err := jane.Agent.WaitLog(s.ctx, "received tenant info from usherd\" "+words, from)
		s.must(err)
		return next
	}
	agentAt := said(0, "tenant_id="+mac.TenantID+" cloud_host=login.microsoftonline.com")

	s.must(jane.SetPortal(mac.PortalSettings{"leave": "two_tenants"}))
	s.control(0, "register", "--user", jane.Name, "--wait")
	ours := s.newest().Identity.DeviceID
	got := s.look(jane)
	if got.Identity.State != "REGISTERED" || got.Identity.DeviceID != ours || got.Identity.TenantID != mac.TenantID {
		t.Fatalf("with the tenant: %+v", got.Identity)
	}
	if len(got.Identity.OtherIdentities) != 1 || got.Identity.OtherIdentities[0].TenantID != theOtherTenant ||
		got.Identity.OtherIdentities[0].DeviceID == ours {
		t.Fatalf("the other identity is reported as %+v", got.Identity.OtherIdentities)
	}
	theirs := got.Identity.OtherIdentities[0].DeviceID
	// Both have left a user's name, and nothing says which of them registered here.
	if got.names() != "another-identity-in-the-login-keychain users-differ" || got.Identity.UserPrincipalName != "" {
		t.Errorf("contradictions %s, user %q", got.names(), got.Identity.UserPrincipalName)
	}
	if got.Evidence[0].Possession != "POSSESSION_PROVED" {
		t.Errorf("possession: %s", got.Evidence[0].Possession)
	}
	s.wantInJamfPro(map[string]string{"Usher Registration State": "REGISTERED", "Usher Entra Device ID": ours,
		"Usher Entra Tenant ID": mac.TenantID})
	text := s.control(0, "status", "--user", jane.Name).Stdout
	for _, words := range []string{"other identity: device " + theirs + " of tenant " + theOtherTenant,
		"beside tenant " + theOtherTenant,
		"contradiction: The login keychain holds another identity that can be used"} {
		if !strings.Contains(text, words) {
			t.Errorf("status does not say %q:\n%s", words, text)
		}
	}

	// The other identity is a registration, so clean does not remove it without force. The list names the tenant of
	// each certificate.
	refused := s.control(2, "clean", "--user", jane.Name, "--yes")
	s.says("a refusal", refused, "nothing was removed", "--force")
	s.says("the list", s.control(0, "clean", "--user", jane.Name, "--dry-run"), "of tenant "+mac.TenantID,
		"of tenant "+theOtherTenant)

	// The other tenant takes effect as soon as it is configured: the agent receives it, and usherd looks by itself.
	s.must(s.Set(map[string]any{"tenant.id": theOtherTenant}))
	agentAt = said(agentAt, "tenant_id="+theOtherTenant)
	s.wantInJamfPro(map[string]string{"Usher Registration State": "REGISTERED", "Usher Entra Device ID": theirs,
		"Usher Entra Tenant ID": theOtherTenant})
	if got := s.look(jane); got.Identity.DeviceID != theirs || len(got.Identity.OtherIdentities) != 1 ||
		got.Identity.OtherIdentities[0].DeviceID != ours {
		t.Errorf("with the other tenant: %+v", got.Identity)
	}

	// Without a tenant, and with a tenant that neither identity belongs to, nobody can say which one is right.
	s.must(s.Set(map[string]any{"tenant.id": ""}))
	agentAt = said(agentAt, `tenant_id="" `)
	s.wantInJamfPro(map[string]string{"Usher Registration State": "ORPHANED"})
	if got := s.look(jane); got.Identity.State != "ORPHANED" || got.Identity.DeviceID != "" ||
		len(got.Identity.OtherIdentities) != 2 {
		t.Errorf("without a tenant: %+v", got.Identity)
	}
	s.control(9, "status", "--user", jane.Name)
	s.must(s.Set(map[string]any{"tenant.id": anotherTenant}))
	agentAt = said(agentAt, "tenant_id="+anotherTenant)
	if got := s.look(jane); got.Identity.State != "ORPHANED" ||
		!strings.Contains(got.Identity.Detail, "none is of the tenant") {
		t.Errorf("with a third tenant: %+v", got.Identity)
	}

	// usherd restarts with the first tenant: the agent asks it again.
	s.must(s.StopHelper())
	s.must(s.Set(map[string]any{"tenant.id": mac.TenantID}))
	s.start()
	said(agentAt, "tenant_id="+mac.TenantID)
	s.wantInJamfPro(map[string]string{"Usher Registration State": "REGISTERED", "Usher Entra Device ID": ours})

	// An identity of another cloud than the configured one is reported.
	s.ranPortal(jane, "all")
	s.must(s.Set(map[string]any{"tenant.cloud_host": "login.microsoftonline.us"}))
	_, err := jane.Agent.WaitLog(s.ctx, "cloud_host=login.microsoftonline.us", 0)
	s.must(err)
	if got := s.look(jane); got.Identity.State != "REGISTERED" || got.names() != "cloud-differs" ||
		got.Identity.UserPrincipalName == "" {
		t.Errorf("in another cloud: %+v", got.Identity)
	}
}
