package entra_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"sync"
	"testing"
	"time"

	"usher.internal/sim/entra"
)

var newCA = sync.OnceValues(entra.NewCA)

func issue(t *testing.T, device entra.Device) (*entra.Issued, *x509.Certificate) {
	t.Helper()
	ca, err := newCA()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(device)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(issued.DER)
	if err != nil {
		t.Fatal(err)
	}
	if err := certificate.CheckSignatureFrom(ca.Certificate()); err != nil {
		t.Errorf("signature: %v", err)
	}
	return issued, certificate
}

func TestIssuerIsOneNameOfFourValues(t *testing.T) {
	_, certificate := issue(t, entra.Device{})
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(certificate.RawIssuer, &name); err != nil || len(rest) > 0 {
		t.Fatalf("issuer: %v, %d bytes left", err, len(rest))
	}
	if len(name) != 1 || len(name[0]) != 4 {
		t.Fatalf("issuer has %d relative distinguished names: %v", len(name), name)
	}
	var got []string
	for _, attribute := range name[0] {
		got = append(got, attribute.Type.String()+"="+attribute.Value.(string))
	}
	slices.Sort(got)
	want := []string{
		"0.9.2342.19200300.100.1.25=net",
		"0.9.2342.19200300.100.1.25=windows",
		"2.5.4.11=82dbaca4-3e81-46ca-9c73-0950c1eaca97",
		"2.5.4.3=MS-Organization-Access",
	}
	if !slices.Equal(got, want) {
		t.Errorf("issuer is %q, want %q", got, want)
	}
}

func TestExtensionsAreThoseOfARealCertificate(t *testing.T) {
	// The device of FL-S1 and how its id stands in the certificate.
	_, certificate := issue(t, entra.Device{DeviceID: "34B1BA9A-3B2D-4C6C-AB4B-615F4B143EAB"})
	values := map[string]pkix.Extension{}
	for _, extension := range certificate.Extensions {
		values[extension.Id.String()] = extension
	}
	for oid, want := range map[string][]byte{
		"1.2.840.113556.1.5.284.2": {0x04, 0x81, 0x10, 0x9a, 0xba, 0xb1, 0x34, 0x2d, 0x3b, 0x6c, 0x4c, 0xab, 0x4b, 0x61, 0x5f, 0x4b, 0x14, 0x3e, 0xab},
		"1.2.840.113556.1.5.284.7": {0x04, 0x81, 0x01, '1'},
		"1.2.840.113556.1.5.284.8": {0x04, 0x81, 0x02, 'N', 'A'},
	} {
		if got := values[oid].Value; !bytes.Equal(got, want) {
			t.Errorf("extension %s is % x, want % x", oid, got, want)
		}
	}
	for _, oid := range []string{"2.5.29.15", "2.5.29.37"} {
		if !values[oid].Critical {
			t.Errorf("extension %s is not critical", oid)
		}
	}
	if certificate.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(certificate.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) {
		t.Errorf("key usage %v, extended %v", certificate.KeyUsage, certificate.ExtKeyUsage)
	}
	if certificate.Subject.CommonName != "34b1ba9a-3b2d-4c6c-ab4b-615f4b143eab" || certificate.SerialNumber.BitLen() != 128 {
		t.Errorf("subject %s, serial number of %d bits", certificate.Subject, certificate.SerialNumber.BitLen())
	}
	if certificate.SignatureAlgorithm != x509.SHA256WithRSA {
		t.Errorf("signed with %s", certificate.SignatureAlgorithm)
	}
}

func TestValidity(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name       string
		device     entra.Device
		begun, end bool
	}{
		{"current", entra.Device{}, true, false},
		{"expired", entra.Device{}.Expired(), true, true},
		{"not yet valid", entra.Device{}.NotYetValid(), false, false},
	} {
		_, certificate := issue(t, test.device)
		if begun := now.After(certificate.NotBefore); begun != test.begun {
			t.Errorf("%s: has begun: %t (%s)", test.name, begun, certificate.NotBefore)
		}
		if end := now.After(certificate.NotAfter); end != test.end {
			t.Errorf("%s: has ended: %t (%s)", test.name, end, certificate.NotAfter)
		}
	}
}

func TestIssueRefusesAnIDThatIsNoGUID(t *testing.T) {
	ca, err := newCA()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Issue(entra.Device{TenantID: "contoso"}); err == nil {
		t.Error("a certificate for tenant contoso was issued")
	}
}
