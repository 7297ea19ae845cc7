package entra_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
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

// certificate holds the parts of a certificate that these tests check; x509 reads only those with a positive serial
// number.
type certificate struct {
	TBS struct {
		Raw          asn1.RawContent
		Version      int `asn1:"explicit,tag:0"`
		SerialNumber asn1.RawValue
		Algorithm    pkix.AlgorithmIdentifier
		Issuer       asn1.RawValue
		Validity     struct{ NotBefore, NotAfter time.Time }
		Subject      pkix.RDNSequence
		PublicKey    asn1.RawValue
		Extensions   []pkix.Extension `asn1:"explicit,tag:3"`
	}
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

func issue(t *testing.T, device entra.Device) (*entra.Issued, certificate) {
	t.Helper()
	ca, err := newCA()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(device)
	if err != nil {
		t.Fatal(err)
	}
	var read certificate
	if rest, err := asn1.Unmarshal(issued.DER, &read); err != nil || len(rest) > 0 {
		t.Fatalf("%v, %d bytes left", err, len(rest))
	}
	if err := ca.Certificate().CheckSignature(x509.SHA256WithRSA, read.TBS.Raw, read.Signature.Bytes); err != nil {
		t.Errorf("signature: %v", err)
	}
	return issued, read
}

func TestIssuerIsOneNameOfFourValues(t *testing.T) {
	_, certificate := issue(t, entra.Device{})
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(certificate.TBS.Issuer.FullBytes, &name); err != nil || len(rest) > 0 {
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
	// The device of FL-S1, and the form of its id in the certificate.
	_, certificate := issue(t, entra.Device{DeviceID: "34B1BA9A-3B2D-4C6C-AB4B-615F4B143EAB"})
	values := map[string]pkix.Extension{}
	for _, extension := range certificate.TBS.Extensions {
		values[extension.Id.String()] = extension
	}
	for oid, want := range map[string][]byte{
		"1.2.840.113556.1.5.284.2": {0x04, 0x81, 0x10, 0x9a, 0xba, 0xb1, 0x34, 0x2d, 0x3b, 0x6c, 0x4c, 0xab, 0x4b, 0x61,
			0x5f, 0x4b, 0x14, 0x3e, 0xab},
		"1.2.840.113556.1.5.284.7": {0x04, 0x81, 0x01, '1'},
		"1.2.840.113556.1.5.284.8": {0x04, 0x81, 0x02, 'N', 'A'},
	} {
		if got := values[oid].Value; !bytes.Equal(got, want) {
			t.Errorf("extension %s is % x, want % x", oid, got, want)
		}
	}
	for oid, want := range map[string][]byte{
		"2.5.29.15": {0x03, 0x02, 0x07, 0x80},
		"2.5.29.19": {0x30, 0x00},
		"2.5.29.37": {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02},
	} {
		if got := values[oid]; !got.Critical || !bytes.Equal(got.Value, want) {
			t.Errorf("extension %s is % x, critical: %t; want % x", oid, got.Value, got.Critical, want)
		}
	}
	var subject pkix.Name
	subject.FillFromRDNSequence(&certificate.TBS.Subject)
	if subject.CommonName != "34b1ba9a-3b2d-4c6c-ab4b-615f4b143eab" || certificate.TBS.Version != 2 {
		t.Errorf("subject %s, version %d", subject, certificate.TBS.Version)
	}
}

// Half of Entra's serial numbers are negative, and each is different.
func TestSerialNumbersAreSixteenRandomBytes(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	seen, negative := map[string]bool{}, 0
	for range 64 {
		issued, read := issue(t, entra.Device{Key: key})
		serial := read.TBS.SerialNumber
		if serial.Tag != asn1.TagInteger || len(serial.Bytes) != 16 ||
			!bytes.Equal(serial.Bytes, issued.Device.SerialNumber) || seen[string(serial.Bytes)] {
			t.Fatalf("serial number % x", serial.FullBytes)
		}
		seen[string(serial.Bytes)] = true
		if serial.Bytes[0] >= 0x80 {
			negative++
		}
		if _, err := x509.ParseCertificate(issued.DER); serial.Bytes[0] >= 0x80 && err == nil {
			t.Error("crypto/x509 reads a negative serial number; the comments that say it does not are out of date")
		}
	}
	if negative == 0 || negative == 64 { // this happens once in 2^63 runs
		t.Errorf("%d of 64 serial numbers are negative", negative)
	}
	if _, read := issue(t, entra.Device{Key: key}.NegativeSerial()); read.TBS.SerialNumber.Bytes[0] < 0x80 {
		t.Errorf("a negative serial number was asked for: % x", read.TBS.SerialNumber.Bytes)
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
		if begun := now.After(certificate.TBS.Validity.NotBefore); begun != test.begun {
			t.Errorf("%s: has begun: %t (%s)", test.name, begun, certificate.TBS.Validity.NotBefore)
		}
		if end := now.After(certificate.TBS.Validity.NotAfter); end != test.end {
			t.Errorf("%s: has ended: %t (%s)", test.name, end, certificate.TBS.Validity.NotAfter)
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
