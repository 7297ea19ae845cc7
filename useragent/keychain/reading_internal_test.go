package keychain

import (
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/wpj"
)

var (
	first  = Certificate{DER: []byte("first")}  // e0996a37…
	second = Certificate{DER: []byte("second")} // 352f7829…
)

func withKey(certificate Certificate) Certificate {
	certificate.HasPrivateKey = true
	return certificate
}

func TestDifferences(t *testing.T) {
	user := func(service string) GenericPassword {
		return GenericPassword{Account: wpj.AccountUserPrincipalName, Service: service}
	}
	for name, test := range map[string]struct {
		framework, tool reading
		want            []string
	}{
		"nothing": {want: []string{}},
		"the same, in another order and with labels": {
			framework: reading{[]Certificate{withKey(first), {DER: second.DER, Label: "label"}},
				[]GenericPassword{{wpj.AccountUserPrincipalName, "jane", "label"}, {Account: "somebody else's"}}},
			tool: reading{[]Certificate{second, withKey(first)}, []GenericPassword{user("jane")}},
			want: []string{},
		},
		"items that one of them cannot list": {
			framework: reading{nil, []GenericPassword{user("jane"), user("john")}},
			tool:      reading{nil, []GenericPassword{user("john")}},
			want:      []string{},
		},
		"certificates": {
			framework: reading{[]Certificate{first}, nil},
			tool:      reading{[]Certificate{second}, nil},
			want: []string{
				"The certificate e0996a37 is listed by the Security framework and not by /usr/bin/security.",
				"The certificate 352f7829 is listed by /usr/bin/security and not by the Security framework.",
			},
		},
		"private keys": {
			framework: reading{[]Certificate{withKey(first), second}, nil},
			tool:      reading{[]Certificate{first, withKey(second)}, nil},
			want: []string{
				"The certificate 352f7829 has a private key by /usr/bin/security and none by the Security framework.",
				"The certificate e0996a37 has a private key by the Security framework and none by /usr/bin/security, " +
					"which looks for keys that can sign.",
			},
		},
		"an item that one of them alone finds": {
			framework: reading{nil, []GenericPassword{user("jane")}},
			tool:      reading{nil, []GenericPassword{{Account: wpj.AccountTenantID, Service: "jane"}}},
			want: []string{
				"The item com.microsoft.workplacejoin.registeredUserPrincipalName is found by the Security framework " +
					"and not by /usr/bin/security.",
				"The item com.microsoft.workplacejoin.tenantId is found by /usr/bin/security and not by the " +
					"Security framework.",
			},
		},
		"an item that has a label alone": {
			framework: reading{nil, []GenericPassword{{Account: "jane", Label: "com.microsoft.adalcache"},
				{Label: "somebody else's"}}},
			want: []string{"The item com.microsoft.adalcache is found by the Security framework and not by " +
				"/usr/bin/security."},
		},
		"an item that both names lead to is one of the account": {
			framework: reading{nil, []GenericPassword{
				{Account: wpj.AccountTenantID, Label: "com.microsoft.adalcache"}}},
			want: []string{"The item com.microsoft.workplacejoin.tenantId is found by the Security framework " +
				"and not by /usr/bin/security."},
		},
		"a value": {
			framework: reading{nil, []GenericPassword{user("jane")}},
			tool:      reading{nil, []GenericPassword{user("JANE")}},
			want: []string{"The item com.microsoft.workplacejoin.registeredUserPrincipalName has other attributes by " +
				"/usr/bin/security than by the Security framework."},
		},
	} {
		got := differences(test.framework, test.tool)
		if got == nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
		if strings.Contains(strings.ToLower(strings.Join(got, "")), "jane") {
			t.Errorf("%s: says too much: %v", name, got)
		}
	}
}

func TestWithPrivateKeysReturnsEachCertificateOnce(t *testing.T) {
	got := withPrivateKeys([]Certificate{first, second, first, {DER: second.DER, Label: "on a token"}},
		[]string{thumbprintOf(second.DER), "ff"})
	if len(got) != 2 || got[0].HasPrivateKey || !got[1].HasPrivateKey || string(got[0].DER) != "first" ||
		string(got[1].DER) != "second" {
		t.Errorf("got %+v", got)
	}
}
