package wpj_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

const (
	deviceID = "34b1ba9a-3b2d-4c6c-ab4b-615f4b143eab"
	userID   = "fa417c32-4128-4c35-87a7-8b2930fd4b5d"
	tenantID = "afb714de-f42c-41f2-802f-65b2911dd346"
)

var (
	newCA  = sync.OnceValues(entra.NewCA)
	newKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
)

// issue makes a certificate for the one key of these tests, so that only the first test waits for a key.
func issue(t testing.TB, device entra.Device) *entra.Issued {
	t.Helper()
	ca, err := newCA()
	if err != nil {
		t.Fatal(err)
	}
	if device.Key, err = newKey(); err != nil {
		t.Fatal(err)
	}
	issued, err := ca.Issue(device)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestParseCertificate(t *testing.T) {
	for name, encoding := range map[string]entra.Encoding{"long form": entra.LongForm, "short form": entra.ShortForm,
		"bare": entra.Bare} {
		t.Run(name, func(t *testing.T) {
			issued := issue(t, entra.Device{
				DeviceID: deviceID, UserObjectID: userID, TenantID: tenantID, JoinType: "0", Region: "EU",
				Encoding: encoding,
			})
			got, err := wpj.ParseCertificate(issued.DER)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha1.Sum(issued.DER)
			key := sha1.Sum(x509.MarshalPKCS1PublicKey(issued.Key.Public().(*rsa.PublicKey)))
			want := wpj.Certificate{
				DER: issued.DER, SerialNumber: got.SerialNumber, NotBefore: got.NotBefore, NotAfter: got.NotAfter,
				PublicKey: issued.Key.Public(),
				DeviceID:  deviceID, UserObjectID: userID, TenantID: tenantID, JoinType: wpj.JoinRegistered,
				TenantRegion: "EU", Thumbprint: wpj.Thumbprint(hex.EncodeToString(sum[:])),
				PublicKeyHash: hex.EncodeToString(key[:]),
			}
			if !reflect.DeepEqual(*got, want) {
				t.Errorf("got %+v\nwant %+v", *got, want)
			}
		})
	}
}

func TestParseCertificateJoinTypes(t *testing.T) {
	for digit, want := range map[string]wpj.JoinType{"0": wpj.JoinRegistered, "1": wpj.JoinJoined, "7": ""} {
		got, err := wpj.ParseCertificate(issue(t, entra.Device{JoinType: digit}).DER)
		if err != nil || got.JoinType != want {
			t.Errorf("%s: %v, %v; want %q", digit, got, err, want)
		}
	}
}

func TestParseCertificateIgnoresCaseOfTheSubject(t *testing.T) {
	got, err := wpj.ParseCertificate(
		issue(t, entra.Device{DeviceID: deviceID, CommonName: strings.ToUpper(deviceID)}).DER)
	if err != nil || got.DeviceID != deviceID {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestParseCertificateRefusesAContradiction(t *testing.T) {
	for _, name := range []string{userID, "Jane's Mac"} {
		got, err := wpj.ParseCertificate(issue(t, entra.Device{DeviceID: deviceID, CommonName: name}).DER)
		if !errors.Is(err, wpj.ErrContradictory) || got != nil {
			t.Fatalf("subject %s: got %v, %v", name, got, err)
		}
		if strings.Contains(err.Error(), name) || strings.Contains(err.Error(), deviceID) {
			t.Errorf("personal data in %q", err)
		}
	}
}

func TestParseCertificateRefusesDamage(t *testing.T) {
	for name, encoding := range map[string]entra.Encoding{
		"too short":       func(v []byte) []byte { return entra.LongForm(v[:len(v)-1]) },
		"length too long": func(v []byte) []byte { return append([]byte{4, byte(len(v) + 1)}, v...) },
		"no length":       func(v []byte) []byte { return []byte{4} },
		"other type":      func(v []byte) []byte { return append([]byte{12, byte(len(v))}, v...) },
	} {
		got, err := wpj.ParseCertificate(issue(t, entra.Device{Encoding: encoding}).DER)
		if err == nil || errors.Is(err, wpj.ErrNotWorkplaceJoin) || errors.Is(err, wpj.ErrContradictory) || got != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

// selfSigned makes a certificate with a given issuer, as anybody could.
func selfSigned(t *testing.T, issuer pkix.RDNSequence, subject string, extensions ...pkix.Extension) []byte {
	t.Helper()
	raw, err := asn1.Marshal(issuer)
	if err != nil {
		t.Fatal(err)
	}
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	parent := &x509.Certificate{RawSubject: raw, SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: subject},
		NotBefore: time.Now(), NotAfter: time.Now().AddDate(1, 0, 0), ExtraExtensions: extensions,
	}, parent, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

var (
	commonName = asn1.ObjectIdentifier{2, 5, 4, 3}
	unit       = asn1.ObjectIdentifier{2, 5, 4, 11}
	component  = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}
)

func attribute(oid asn1.ObjectIdentifier, value string) pkix.AttributeTypeAndValue {
	return pkix.AttributeTypeAndValue{Type: oid, Value: value}
}

func TestParseCertificateReportsTheIssuer(t *testing.T) {
	const ou = "82dbaca4-3e81-46ca-9c73-0950c1eaca97"
	for _, test := range []struct {
		name   string
		issuer pkix.RDNSequence
		ours   bool
	}{
		{"upper case, as macOS prints it", pkix.RDNSequence{{
			attribute(commonName, "MS-ORGANIZATION-ACCESS"), attribute(unit, strings.ToUpper(ou)),
			attribute(component, "WINDOWS"), attribute(component, "NET"),
		}}, true},
		{"four names in another order", pkix.RDNSequence{
			{attribute(unit, ou)}, {attribute(commonName, "MS-Organization-Access")},
			{attribute(component, "net")}, {attribute(component, "windows")},
		}, true},
		{"peer-to-peer certificates of Windows",
			pkix.RDNSequence{{attribute(commonName, "MS-Organization-P2P-Access [2026]")}}, false},
		{"common name only", pkix.RDNSequence{{attribute(commonName, "MS-Organization-Access")}}, false},
		{"more than ours", pkix.RDNSequence{
			{attribute(unit, ou)}, {attribute(commonName, "MS-Organization-Access")},
			{attribute(component, "net")}, {attribute(component, "windows")}, {attribute(component, "example")},
		}, false},
		{"Intune's", pkix.RDNSequence{{attribute(commonName, "Microsoft Intune MDM Device CA")}}, false},
		{"no name", pkix.RDNSequence{}, false},
	} {
		got, err := wpj.ParseCertificate(selfSigned(t, test.issuer, deviceID))
		switch {
		case !test.ours && (!errors.Is(err, wpj.ErrNotWorkplaceJoin) || got != nil):
			t.Errorf("%s: got %v, %v", test.name, got, err)
		case test.ours && (err != nil || got.DeviceID != deviceID):
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestParseCertificateNeedsADeviceID(t *testing.T) {
	issuer := pkix.RDNSequence{
		{attribute(unit, wpj.IssuerOrganizationalUnit)}, {attribute(commonName, wpj.IssuerCommonName)},
		{attribute(component, "net")}, {attribute(component, "windows")},
	}
	got, err := wpj.ParseCertificate(selfSigned(t, issuer, "Jane's Mac"))
	if err == nil || errors.Is(err, wpj.ErrNotWorkplaceJoin) || strings.Contains(err.Error(), "Jane") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestParseCertificateOfWhatIsNone(t *testing.T) {
	issued := issue(t, entra.Device{})
	for _, der := range [][]byte{nil, {}, []byte("certificate"), {0x30, 0x80}} {
		if _, err := wpj.ParseCertificate(der); !errors.Is(err, wpj.ErrNotWorkplaceJoin) {
			t.Errorf("%q: %v", der, err)
		}
	}
	// A truncated certificate of Workplace Join is not somebody else's certificate.
	cut := bytes.Clone(issued.DER[:len(issued.DER)-10])
	if _, err := wpj.ParseCertificate(cut); err == nil || errors.Is(err, wpj.ErrNotWorkplaceJoin) {
		t.Errorf("cut certificate: %v", err)
	}
}

// A user decides what is in a keychain, and usherd reads it. The cost in memory and time must only grow in proportion.
func TestParseCertificateCostsNoMoreThanItsInput(t *testing.T) {
	const size = 1 << 19
	der := issue(t, entra.Device{}).DER
	many := func(one *node) []*node { return slices.Repeat([]*node{one}, size/len(one.encode())) }
	for name, change := range map[string]func(*node){
		"nested without end": func(n *node) { n.raw = bytes.Repeat([]byte{0x30, 0x80}, size/2) },
		"nested with an end": func(n *node) {
			n.raw = append(bytes.Repeat([]byte{0x30, 0x80}, size/4),
				make([]byte, size/2)...)
		},
		"extension of nests": func(n *node) {
			n.extensions().children[0].children[2] = &node{
				raw: append(bytes.Repeat([]byte{0x24, 0x80}, size/4), make([]byte, size/2)...)}
		},
		"names": func(n *node) {
			n.subject().children = many(constructed(0x31, constructed(0x30, element(0x06, 0x2a), element(0x05))))
		},
		"names without value": func(n *node) { n.subject().children = many(element(0x31)) },
		"long name": func(n *node) {
			names(n.issuer(), func(value *node) { value.replace(element(0x1e, make([]byte, size/4)...)) })
		},
		"extensions": func(n *node) { n.extensions().children = many(extensionOf([]byte{0x2a}, nil)) },
		"parts":      func(n *node) { n.serial().replace(constructed(0x22, many(element(0x04))...)) },
		"parts of a key": func(n *node) {
			n.publicKey().children[1].replace(
				constructed(0x23, many(element(0x03, 0))...))
		},
		"serial number": func(n *node) { n.serial().content = bytes.Repeat([]byte{0x81}, size) },
		"key": func(n *node) {
			n.publicKey().children[1].content = rsaPublic(bytes.Repeat([]byte{0x81}, size), []byte{3})
		},
		"identifier": func(n *node) {
			n.extensions().children[0].children[0].content = append(bytes.Repeat([]byte{0x81}, size), 1)
		},
	} {
		tree := treeOf(t, bytes.Clone(der))
		change(tree)
		encoded := tree.encode()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		certificate, err := wpj.ParseCertificate(encoded)
		took := time.Since(begun)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64*size {
			t.Errorf("%s: %d MiB", name, used>>20)
		}
		if took > 10*time.Second { // a busy machine is slow, and quadratic would be minutes
			t.Errorf("%s: took %s", name, took)
		}
		if certificate != nil && certificate.DeviceID == "" || (certificate == nil) == (err == nil) ||
			err != nil && len(err.Error()) > 1000 {
			t.Errorf("%s: %v, an error of %d bytes", name, certificate, len(fmt.Sprint(err)))
		}
	}
}

func FuzzParseCertificate(f *testing.F) {
	der := issue(f, entra.Device{}).DER
	for _, odd := range oddities(f) {
		tree := treeOf(f, bytes.Clone(der))
		odd.change(tree)
		f.Add(tree.encode())
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		before := bytes.Clone(der)
		certificate, err := wpj.ParseCertificate(der)
		if (certificate == nil) == (err == nil) {
			t.Fatalf("got %v and %v", certificate, err)
		}
		if !bytes.Equal(before, der) {
			t.Error("the input was changed")
		}
		if err != nil {
			kinds := 0
			for _, kind := range []error{wpj.ErrNotWorkplaceJoin, wpj.ErrForeignIssuer, wpj.ErrContradictory} {
				if errors.Is(err, kind) {
					kinds++
				}
			}
			if kinds != 1 && (kinds != 0 || !errors.Is(err, wpj.ErrUnreadable)) {
				t.Errorf("%v has %d kinds", err, kinds)
			}
			return
		}
		if len(certificate.DeviceID) != 36 || len(certificate.Thumbprint) != 40 ||
			len(certificate.PublicKeyHash) != 40 || certificate.SerialNumber == "" ||
			!bytes.HasPrefix(der, certificate.DER) {
			t.Errorf("got %+v", certificate)
		}
		// A certificate that was read is read the same way again.
		if again, err := wpj.ParseCertificate(certificate.DER); err != nil || !reflect.DeepEqual(certificate, again) {
			t.Errorf("again: %+v, %v; before: %+v", again, err, certificate)
		}
	})
}
