package doctor

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher.internal/helper/endpoint"
	"usher.internal/helper/proxy"
	"usher.internal/internal/cloud"
)

// doctor's sentences for each verdict, in testdata/endpoints.golden.
func TestSentencesOfEachVerdict(t *testing.T) {
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	chain := endpoint.Answer{Issuer: `"Corp Proxy Issuing 3"`, Authority: `"Corp Proxy CA" (Example Corp)`,
		Names: []string{"portal.example.net"}, NotBefore: from, NotAfter: to}
	with := func(verdict endpoint.Verdict, change func(*endpoint.Answer)) endpoint.Answer {
		answer := chain
		answer.Verdict = verdict
		if change != nil {
			change(&answer)
		}
		return answer
	}
	through := func(answer *endpoint.Answer) {
		answer.Via = proxy.Choice{URL: &url.URL{Scheme: "http", Host: "proxy.example.com:8080",
			User: url.UserPassword("jane", "hunter2")}, Origin: proxy.Environment}
	}
	detail := func(text string) func(*endpoint.Answer) {
		return func(answer *endpoint.Answer) { answer.Detail = text }
	}
	const (
		signIn        = "login.microsoftonline.com:443"
		registration  = "certauth.enterpriseregistration.windows.net:443"
		configuration = "config.edge.skype.com:443"
		association   = "app-site-association.cdn-apple.com:443"
		unconfirmed   = "login-us.microsoftonline.com:443"
		own           = "adfs.example.com:8443"
	)
	var text strings.Builder
	for _, test := range []struct {
		address   string
		answer    endpoint.Answer
		automatic string
	}{
		{signIn, with(endpoint.Public, nil), ""},
		{registration, with(endpoint.Public, func(a *endpoint.Answer) { a.AsksForCertificate = true; through(a) }), ""},
		{signIn, with(endpoint.Inspected, nil), ""},
		{signIn, with(endpoint.Inspected, through), ""},
		{association, with(endpoint.Inspected, func(a *endpoint.Answer) { a.BorrowedName, a.Authority = true, "" }),
			""},
		{configuration, with(endpoint.Inspected,
			func(a *endpoint.Answer) { a.NameIsWrong, a.TimeIsWrong = true, true }), ""},
		{own, with(endpoint.Inspected, nil), ""},
		{signIn, with(endpoint.SelfSigned, func(a *endpoint.Answer) { a.NameIsWrong, a.Authority = true, "" }), ""},
		{signIn, with(endpoint.Incomplete, nil), ""},
		{signIn, with(endpoint.OutOfDate, nil), ""},
		{signIn, with(endpoint.WrongName, nil), ""},
		{signIn, with(endpoint.WrongName, func(a *endpoint.Answer) { a.TimeIsWrong, a.Names = true, nil }), ""},
		{signIn, with(endpoint.Unproven, detail("tls: invalid signature")), ""},
		{signIn, with(endpoint.Unreadable,
			detail("tls: failed to parse certificate from server: x509: negative serial number")), ""},
		{signIn, endpoint.Answer{Verdict: endpoint.Unreadable,
			Detail: "tls: failed to parse certificate from server: x509: negative serial number"}, ""},
		{signIn, with(endpoint.NotTLS, detail("HTTP/")), ""},
		{signIn, with(endpoint.Closed, detail("EOF")), ""},
		{signIn, with(endpoint.Silent, nil), ""},
		{signIn, with(endpoint.Failed, detail("remote error: tls: handshake failure")), ""},
		{signIn, with(endpoint.Refused, detail("dial tcp 0.0.0.0:443: connect: connection refused")), ""},
		{signIn, with(endpoint.NoName, detail("lookup login.microsoftonline.com: no such host")), ""},
		{unconfirmed, with(endpoint.NoName, detail("lookup login-us.microsoftonline.com: no such host")), ""},
		{signIn, with(endpoint.NoDNS, detail("lookup login.microsoftonline.com: i/o timeout")), ""},
		{signIn, with(endpoint.NoAnswer, nil), ""},
		{signIn, with(endpoint.NoAnswer, nil), "automatic configuration (PAC) from http://wpad.example.com/proxy.pac"},
		{signIn, with(endpoint.Inspected, nil), "automatic configuration (PAC) from http://wpad.example.com/proxy.pac"},
		{configuration, with(endpoint.NoAnswer, nil), ""},
		{signIn, with(endpoint.Unreachable, detail("dial tcp: connect: network is unreachable")), ""},
		{signIn, with(endpoint.ProxyUser, through), ""},
		{signIn, with(endpoint.ProxyRefused, func(a *endpoint.Answer) { through(a); a.Status = 403 }), ""},
		{signIn, with(endpoint.ProxyUnreachable, func(a *endpoint.Answer) {
			through(a)
			a.Detail = "dial tcp 192.0.2.1:8080: connect: connection refused"
		}), ""},
	} {
		found := describe(test.address, test.answer, test.automatic)
		fmt.Fprintf(&text, "%s %s (%s)\n  %s\n", found.Name, found.Result, test.answer.Verdict, found.Evidence)
		if found.Fix != "" {
			fmt.Fprintf(&text, "  fix: %s\n", found.Fix)
		}
		text.WriteString("\n")
		about := found.Evidence + found.Fix
		switch {
		case !strings.HasSuffix(found.Evidence, ".") || strings.Contains(about, ".. "):
			t.Errorf("%s: %q is not a sentence", test.answer.Verdict, found.Evidence)
		case (found.Result == OK) != (found.Fix == ""),
			(found.Result == OK) != (test.answer.Verdict == endpoint.Public):
			t.Errorf("%s is %s with the fix %q", test.answer.Verdict, found.Result, found.Fix)
		case strings.Contains(about, "hunter2"), strings.Contains(about, "jane"):
			t.Errorf("%s shows who uses the proxy: %s", test.answer.Verdict, about)
		case !strings.Contains(about, shownName(test.address)) && found.Result != OK:
			t.Errorf("%s does not name the host: %s", test.answer.Verdict, about)
		case test.answer.Verdict == endpoint.Inspected && !strings.HasPrefix(about, "TLS inspection: "):
			t.Errorf("%s: %s", test.answer.Verdict, about)
		}
	}
	golden(t, "testdata/endpoints.golden", text.String())
}

func TestNamesOfEndpointsAreTheirOwn(t *testing.T) {
	seen := map[string]string{}
	for _, one := range cloud.Clouds() {
		for _, address := range append(cloud.Endpoints(one.SignInHosts()[0]), "adfs.example.com:443",
			"adfs.example.com:8443", "[2001:db8::1]:443") {
			name := describe(address, endpoint.Answer{Verdict: endpoint.Public}, "").Name
			if other, taken := seen[name]; taken && other != address {
				t.Errorf("%s and %s are both %s", address, other, name)
			}
			seen[name] = address
		}
	}
}
