package identity

import (
	"fmt"
	"slices"
	"strings"

	"usher.internal/internal/wpj"
	"usher.internal/useragent/keychain"
)

// itemsThere are the values of Workplace Join's items in a login keychain, each once and sorted, beside its device
// certificates. Items can remain from an earlier registration, and each of two registrations has its own. Only their
// values show to which registration they belong.
type itemsThere struct {
	// tenants and thumbprints are in lower case.
	users, tenants, thumbprints, clouds []string
	// certificates are the certificates in the evidence; nil is one that cannot be read.
	certificates []*wpj.Certificate
}

func readItems(passwords []keychain.GenericPassword) itemsThere {
	values := func(account string, change func(string) string) []string {
		var values []string
		for _, password := range passwords {
			if service := strings.TrimSpace(password.Service); password.Account == account && service != "" {
				values = append(values, change(service))
			}
		}
		slices.Sort(values)
		return slices.CompactFunc(values, strings.EqualFold)
	}
	asIs := func(value string) string { return value }
	return itemsThere{
		users:       values(wpj.AccountUserPrincipalName, asIs),
		tenants:     values(wpj.AccountTenantID, strings.ToLower),
		thumbprints: values(wpj.AccountThumbprint, strings.ToLower),
		clouds:      values(wpj.AccountCloudEnvironment, strings.ToLower),
	}
}

// doubts names the items that have several values.
func (t itemsThere) doubts() []string {
	var doubts []string
	for _, item := range []struct {
		account string
		values  []string
	}{
		{wpj.AccountUserPrincipalName, t.users}, {wpj.AccountTenantID, t.tenants},
		{wpj.AccountThumbprint, t.thumbprints}, {wpj.AccountCloudEnvironment, t.clouds},
	} {
		if len(item.values) > 1 {
			doubts = append(doubts, fmt.Sprintf("%d different values of %s", len(item.values), item.account))
		}
	}
	return doubts
}

// of returns the items of a certificate. An item that names another certificate in the keychain, or its tenant, belongs
// to that one. The user and the cloud name nothing and go with the thumbprint and the tenant. So a certificate that
// neither of these names has no items if they name another one.
func (t itemsThere) of(certificate *wpj.Certificate, wanted wpj.Conditions) wpj.Items {
	if !t.names(certificate) && slices.ContainsFunc(t.certificates, t.names) {
		return wpj.Items{}
	}
	items := wpj.Items{
		TenantID: wpj.TenantID(t.own(t.tenants, certificate,
			func(c *wpj.Certificate) string { return string(c.TenantID) })),
		Thumbprint: wpj.Thumbprint(t.own(t.thumbprints, certificate,
			func(c *wpj.Certificate) string { return string(c.Thumbprint) })),
		CloudHost: t.cloudOf(certificate, wanted),
	}
	for _, user := range t.users {
		items.UserPrincipalNames = append(items.UserPrincipalNames, wpj.UserPrincipalName(user))
	}
	return items
}

// names reports whether an item names the certificate: by its thumbprint, or else by its tenant. The tenant is not
// enough if the thumbprint names another certificate of that tenant.
func (t itemsThere) names(certificate *wpj.Certificate) bool {
	switch {
	case certificate == nil:
		return false
	case t.namesThumbprint(certificate):
		return true
	}
	return slices.Contains(t.tenants, string(certificate.TenantID)) &&
		!slices.ContainsFunc(t.certificates, func(other *wpj.Certificate) bool {
			return other != nil && other.TenantID == certificate.TenantID && t.namesThumbprint(other)
		})
}

func (t itemsThere) namesThumbprint(certificate *wpj.Certificate) bool {
	return slices.Contains(t.thumbprints, string(certificate.Thumbprint))
}

// own returns the value that names the certificate, or else the first one that names no certificate in the keychain; ""
// for none.
func (t itemsThere) own(values []string, certificate *wpj.Certificate, of func(*wpj.Certificate) string) string {
	if own := of(certificate); slices.Contains(values, own) {
		return own
	}
	i := slices.IndexFunc(values, func(value string) bool {
		return !slices.ContainsFunc(t.certificates,
			func(other *wpj.Certificate) bool { return other != nil && of(other) == value })
	})
	if i < 0 {
		return ""
	}
	return values[i]
}

// cloudOf returns the cloud of a certificate. If there are several, a certificate of the wanted tenant has the wanted
// cloud if it is among them, because a tenant is in one cloud. No item says to whom the others belong.
func (t itemsThere) cloudOf(certificate *wpj.Certificate, wanted wpj.Conditions) string {
	clouds := slices.Clone(t.clouds)
	if wanted.Tenant != "" && wanted.CloudHost != "" && len(clouds) > 1 {
		isOther := func(host string) bool { return wpj.OtherCloud(host, wanted.CloudHost) }
		if i := slices.IndexFunc(clouds, func(host string) bool { return !isOther(host) }); i >= 0 {
			if strings.EqualFold(string(certificate.TenantID), string(wanted.Tenant)) {
				return clouds[i]
			}
			clouds = slices.DeleteFunc(clouds, func(host string) bool { return !isOther(host) })
		}
	}
	if len(clouds) == 1 || len(clouds) > 1 && len(t.certificates) == 1 {
		return clouds[0]
	}
	return ""
}

// first returns one value of each item if no certificate was chosen. It is a thumbprint of a certificate in the
// keychain, or else the first one in order, so every look has the same result.
func (t itemsThere) first() wpj.Items {
	first := func(values []string) string {
		if len(values) == 0 {
			return ""
		}
		return values[0]
	}
	items := wpj.Items{TenantID: wpj.TenantID(first(t.tenants)), Thumbprint: wpj.Thumbprint(first(t.thumbprints)),
		CloudHost: first(t.clouds)}
	if i := slices.IndexFunc(t.thumbprints, func(value string) bool {
		return slices.ContainsFunc(t.certificates,
			func(c *wpj.Certificate) bool { return c != nil && string(c.Thumbprint) == value })
	}); i >= 0 {
		items.Thumbprint = wpj.Thumbprint(t.thumbprints[i])
	}
	if len(t.users) > 0 {
		items.UserPrincipalNames = []wpj.UserPrincipalName{wpj.UserPrincipalName(t.users[0])}
	}
	return items
}
