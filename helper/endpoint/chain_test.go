package endpoint_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"usher.internal/helper/endpoint"
)

var (
	trustedName    = pkix.Name{CommonName: "Trusted Root", Organization: []string{"Trusted Inc"}}
	inspectorName  = pkix.Name{CommonName: "Corp Proxy CA", Organization: []string{"Example Corp"}}
	inspectingName = pkix.Name{CommonName: "Corp Proxy Issuing 3"}
)

func expired(certificate *x509.Certificate) {
	certificate.NotBefore, certificate.NotAfter = time.Now().Add(-72*time.Hour), time.Now().Add(-48*time.Hour)
}

func future(certificate *x509.Certificate) {
	certificate.NotBefore, certificate.NotAfter = time.Now().Add(48*time.Hour), time.Now().Add(72*time.Hour)
}

func forAnother(certificate *x509.Certificate) {
	certificate.DNSNames = []string{"portal.example.net", "*.example.net"}
}

// logged adds the list of timestamps that public authorities put in. Its content is not read.
func logged(certificate *x509.Certificate) {
	certificate.ExtraExtensions = append(certificate.ExtraExtensions,
		pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: []byte{4, 2, 0, 0}})
}

func TestChains(t *testing.T) {
	trusted, inspector := newRoot(t, trustedName), newRoot(t, inspectorName)
	issuing := trusted.below(t, pkix.Name{CommonName: "Trusted Issuing 1", Organization: []string{"Trusted Inc"}})
	lapsed := trusted.below(t, pkix.Name{CommonName: "Trusted Issuing 0"}, expired)
	inspecting := inspector.below(t, inspectingName)
	nameless, forger := newRoot(t, pkix.Name{}), newRoot(t, trustedName)
	hostile := newRoot(t, pkix.Name{CommonName: "A\nB\x1b[2J" + strings.Repeat("x", 500),
		Organization: []string{"O1", "O2"}})

	type authorities = []authority
	for name, test := range map[string]struct {
		shown             *tls.Certificate
		verdict           endpoint.Verdict
		issuer, authority string
		wrongName, late   bool
	}{
		"public": {issuing.issue(t, authorities{issuing}), endpoint.Public,
			`"Trusted Issuing 1" (Trusted Inc)`, `"Trusted Root" (Trusted Inc)`, false, false},
		"public, with its root": {issuing.issue(t, authorities{trusted, issuing}), endpoint.Public,
			`"Trusted Issuing 1" (Trusted Inc)`, `"Trusted Root" (Trusted Inc)`, false, false},
		"public, directly": {trusted.issue(t, nil), endpoint.Public, `"Trusted Root" (Trusted Inc)`, "",
			false, false},
		"public and expired": {issuing.issue(t, authorities{issuing}, expired), endpoint.OutOfDate,
			`"Trusted Issuing 1" (Trusted Inc)`, `"Trusted Root" (Trusted Inc)`, false, true},
		"public and not yet": {issuing.issue(t, authorities{issuing}, future), endpoint.OutOfDate,
			`"Trusted Issuing 1" (Trusted Inc)`, `"Trusted Root" (Trusted Inc)`, false, true},
		"public, by one that lapsed": {
			lapsed.issue(t, authorities{lapsed},
				func(c *x509.Certificate) { c.NotBefore = time.Now().Add(-100 * time.Hour) }), endpoint.OutOfDate,
			`"Trusted Issuing 0"`, `"Trusted Root" (Trusted Inc)`, false, true},
		"public for another": {issuing.issue(t, authorities{issuing}, forAnother), endpoint.WrongName,
			`"Trusted Issuing 1" (Trusted Inc)`, `"Trusted Root" (Trusted Inc)`, true, false},
		"public for another, expired": {issuing.issue(t, authorities{issuing}, forAnother, expired), endpoint.WrongName,
			`"Trusted Issuing 1" (Trusted Inc)`, `"Trusted Root" (Trusted Inc)`, true, true},

		"inspected, the leaf only": {inspector.issue(t, nil), endpoint.Inspected,
			`"Corp Proxy CA" (Example Corp)`, "", false, false},
		"inspected, with its root": {inspector.issue(t, authorities{inspector}), endpoint.Inspected,
			`"Corp Proxy CA" (Example Corp)`, "", false, false},
		"inspected, below": {inspecting.issue(t, authorities{inspecting}), endpoint.Inspected,
			`"Corp Proxy Issuing 3"`, `"Corp Proxy CA" (Example Corp)`, false, false},
		"inspected, below, with root": {inspecting.issue(t, authorities{inspector, inspecting}), endpoint.Inspected,
			`"Corp Proxy Issuing 3"`, `"Corp Proxy CA" (Example Corp)`, false, false},
		"inspected, others are sent too": {inspector.issue(t, authorities{trusted, issuing, inspector}),
			endpoint.Inspected, `"Corp Proxy CA" (Example Corp)`, "", false, false},
		"inspected and expired": {inspector.issue(t, nil, expired), endpoint.Inspected,
			`"Corp Proxy CA" (Example Corp)`, "", false, true},
		"inspected for another": {inspector.issue(t, nil, forAnother), endpoint.Inspected,
			`"Corp Proxy CA" (Example Corp)`, "", true, false},
		"inspected, marks are copied": {inspector.issue(t, authorities{inspector}, logged), endpoint.Inspected,
			`"Corp Proxy CA" (Example Corp)`, "", false, false},
		"inspected, no names at all": {nameless.issue(t, nil), endpoint.Inspected, "an authority without a name",
			"", false, false},
		"inspected, by another's name": {forger.issue(t, authorities{forger}), endpoint.Inspected,
			`"Trusted Root" (Trusted Inc)`, "", false, false},
		"self-signed": {selfSigned(t), endpoint.SelfSigned, `"login.example.com"`, "", false, false},
		"self-signed for another": {selfSigned(t, forAnother), endpoint.SelfSigned, `"login.example.com"`, "",
			true, false},

		"an intermediate is missing": {issuing.issue(t, nil, logged), endpoint.Incomplete,
			`"Trusted Issuing 1" (Trusted Inc)`, "", false, false},
		"an intermediate is missing, without marks": {issuing.issue(t, nil), endpoint.Inspected,
			`"Trusted Issuing 1" (Trusted Inc)`, "", false, false},
		"the wrong intermediate": {issuing.issue(t, authorities{inspecting}, logged),
			endpoint.Incomplete, `"Trusted Issuing 1" (Trusted Inc)`, "", false, false},
		"a name to be careful with": {hostile.issue(t, nil), endpoint.Inspected,
			`"A B [2J` + strings.Repeat("x", 72) + `…" (O1, O2)`, "", false, false},
	} {
		for version, config := range map[string]*tls.Config{
			"TLS 1.2": {Certificates: []tls.Certificate{*test.shown}, MaxVersion: tls.VersionTLS12},
			"TLS 1.3": {Certificates: []tls.Certificate{*test.shown}, MinVersion: tls.VersionTLS13},
			"TLS 1.2 with a client's": {Certificates: []tls.Certificate{*test.shown}, MaxVersion: tls.VersionTLS12,
				ClientAuth: tls.RequireAndVerifyClientCert},
			"TLS 1.3 with a client's": {Certificates: []tls.Certificate{*test.shown}, MinVersion: tls.VersionTLS13,
				ClientAuth: tls.RequireAndVerifyClientCert},
			"TLS 1.3 that only suggests": {Certificates: []tls.Certificate{*test.shown}, MinVersion: tls.VersionTLS13,
				ClientAuth: tls.RequestClientCert},
		} {
			t.Run(name+"/"+version, func(t *testing.T) {
				answer := look(t, endpoint.Prober{Dial: leadsTo(serveTLS(t, config)), Roots: pool(trusted)})
				if answer.Verdict != test.verdict || answer.Issuer != test.issuer ||
					answer.Authority != test.authority {
					t.Errorf("%s by %s under %q, want %s by %s under %q", answer.Verdict, answer.Issuer,
						answer.Authority, test.verdict, test.issuer, test.authority)
				}
				if answer.NameIsWrong != test.wrongName || answer.TimeIsWrong != test.late {
					t.Errorf("name is wrong: %t, time is wrong: %t", answer.NameIsWrong, answer.TimeIsWrong)
				}
				if asks := config.ClientAuth != tls.NoClientCert; answer.AsksForCertificate != asks {
					t.Errorf("asks for a certificate: %t", answer.AsksForCertificate)
				}
				if answer.BorrowedName || answer.Via.URL != nil {
					t.Errorf("%+v", answer)
				}
			})
		}
	}
}

func selfSigned(t *testing.T, change ...func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	for _, one := range change {
		one(template)
	}
	return &tls.Certificate{PrivateKey: key, Certificate: [][]byte{sign(t, template, template, key.Public(), key).Raw}}
}

// A chain that somebody copied proves nothing without its key.
func TestChainWithoutItsKeyIsNotPublic(t *testing.T) {
	trusted := newRoot(t, trustedName)
	copied := trusted.issue(t, nil)
	copied.PrivateKey = newKey(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		answer := look(t, endpoint.Prober{Roots: pool(trusted),
			Dial: leadsTo(serveTLS(t, &tls.Config{Certificates: []tls.Certificate{*copied}, MinVersion: version,
				MaxVersion: version}))})
		if answer.Verdict != endpoint.Unproven || answer.Detail == "" {
			t.Errorf("%s: %+v", tls.VersionName(version), answer)
		}
	}
}

// Without other roots, Mozilla's are the public ones: a private authority is not public, whatever its name.
func TestPublicAuthoritiesAreMozillas(t *testing.T) {
	count := 0
	var subject []byte
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			t.Fatalf("a public authority cannot be parsed: %v", err)
		}
		if count++; certificate.Subject.CommonName == "DigiCert Global Root G2" {
			subject = certificate.RawSubject
		}
	}
	if count < 100 || subject == nil {
		t.Fatalf("%d public authorities, DigiCert's among them: %t", count, subject != nil)
	}
	key := newKey(t)
	template := authorityTemplate(pkix.Name{})
	template.RawSubject = subject
	impostor := authority{sign(t, template, template, key.Public(), key), key}
	answer := look(t, endpoint.Prober{Dial: leadsTo(serveTLS(t, showing(impostor.issue(t, nil, logged))))})
	if answer.Verdict != endpoint.Inspected || !answer.BorrowedName ||
		!strings.Contains(answer.Issuer, "DigiCert Global Root G2") {
		t.Errorf("an impostor is %+v", answer)
	}
	answer = look(t, endpoint.Prober{Dial: leadsTo(serveTLS(t, showing(newRoot(t, inspectorName).issue(t, nil))))})
	if answer.Verdict != endpoint.Inspected || answer.BorrowedName {
		t.Errorf("a private authority is %+v", answer)
	}
}

// Go does not parse a negative serial number, but some inspecting proxies issue them.
func TestCertificateThatCannotBeParsed(t *testing.T) {
	t.Setenv("GODEBUG", "x509negativeserial=0")
	odd := newRoot(t, inspectorName).issue(t, nil)
	serial := strings.Index(string(odd.Certificate[0]), "\x02\x04\x7f\x11\x22\x33")
	odd.Certificate[0][serial+2] = 0xff
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		answer := look(t, endpoint.Prober{
			Dial: leadsTo(serveTLS(t, &tls.Config{Certificates: []tls.Certificate{*odd}, MinVersion: version,
				MaxVersion: version}))})
		issuer := `"Corp Proxy CA" (Example Corp)`
		if version == tls.VersionTLS13 { // this server insists on it, and encrypts its certificate
			issuer = ""
		}
		if answer.Verdict != endpoint.Unreadable || !strings.Contains(answer.Detail, "negative serial") ||
			answer.Issuer != issuer {
			t.Errorf("%s: %+v", tls.VersionName(version), answer)
		}
	}
	if answer := look(t, endpoint.Prober{Dial: leadsTo(serveTLS(t, showing(odd)))}); answer.Issuer !=
		`"Corp Proxy CA" (Example Corp)` {
		t.Errorf("both versions: %+v", answer)
	}
}

// An endpoint may be an address; then its certificate has an address.
func TestEndpointThatIsAnAddress(t *testing.T) {
	trusted := newRoot(t, trustedName)
	address := serveTLS(t, showing(
		trusted.issue(t, nil, func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses = nil,
				[]net.IP{net.IPv4(127, 0, 0, 1)}
		})))
	if answer := (endpoint.Prober{Roots: pool(trusted)}).Look(t.Context(), address); answer.Verdict != endpoint.Public {
		t.Errorf("%+v", answer)
	}
	other := serveTLS(t, showing(trusted.issue(t, nil)))
	if answer := (endpoint.Prober{Roots: pool(trusted)}).Look(t.Context(), other); answer.Verdict !=
		endpoint.WrongName {
		t.Errorf("%+v", answer)
	}
}

func TestServerNameIsSent(t *testing.T) {
	trusted := newRoot(t, trustedName)
	asked := make(chan string, 1)
	config := showing(trusted.issue(t, nil))
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config,
		error) {
		asked <- hello.ServerName
		return nil, nil
	}
	look(t, endpoint.Prober{Dial: leadsTo(serveTLS(t, config)), Roots: pool(trusted)})
	if name := <-asked; name != host {
		t.Errorf("asked for %q", name)
	}
}
