package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

func issued(t *testing.T, device entra.Device) []byte {
	t.Helper()
	ca, err := entra.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Issue(device)
	if err != nil {
		t.Fatal(err)
	}
	return certificate.DER
}

// somebodys is a certificate that has nothing to do with Workplace Join.
func somebodys(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func inPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func binaryPlist(t *testing.T, values map[string]any) []byte {
	t.Helper()
	content, err := plist.Marshal(values, plist.BinaryFormat)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestWhatAFileIsTakenFor(t *testing.T) {
	device := issued(t, entra.Device{})
	other := somebodys(t)
	for name, test := range map[string]struct {
		content []byte
		// format is empty where nothing is recognised; refused is what the refusal says.
		format, refused string
		state           wpj.State
	}{
		"DER":                        {device, "certificate-der", "", wpj.StateOrphaned},
		"PEM":                        {inPEM("CERTIFICATE", device), "certificate-pem", "", wpj.StateOrphaned},
		"PEM after other text":       {append([]byte("SHA-1 hash: 00\n"), inPEM("CERTIFICATE", device)...), "certificate-pem", "", wpj.StateOrphaned},
		"PEM beside its key":         {append(inPEM("PRIVATE KEY", []byte("key")), inPEM("CERTIFICATE", device)...), "certificate-pem", "", wpj.StateOrphaned},
		"PEM beside somebody else's": {append(inPEM("CERTIFICATE", other), inPEM("CERTIFICATE", device)...), "certificate-pem", "", wpj.StateOrphaned},
		"expired":                    {issued(t, entra.Device{}.Expired()), "certificate-der", "", wpj.StateOrphaned},
		"contradicts itself":         {issued(t, entra.Device{CommonName: "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11"}), "certificate-der", "", wpj.StateOrphaned},
		"cut PEM":                    {inPEM("CERTIFICATE", device)[:200], "certificate-pem", "cut short", ""},
		"somebody else's PEM":        {inPEM("CERTIFICATE", other), "certificate-pem", "no certificate in it is a device certificate by MS-Organization-Access", ""},
		"somebody else's DER":        {other, "certificate-der", "no certificate in it is a device certificate by MS-Organization-Access", ""},
		"other DER":                  {[]byte{0x30, 0x82, 0, 1, 0}, "certificate-der", "no certificate in it", ""},

		"jamfAAD":           {binaryPlist(t, map[string]any{"have_an_Azure_id": true}), "jamf-agent-state", "", wpj.StateUnreadable},
		"jamfAAD, nonsense": {binaryPlist(t, map[string]any{"have_an_Azure_id": []string{"x"}}), "jamf-agent-state", "have_an_Azure_id", ""},
		"jamf":              {binaryPlist(t, map[string]any{"microsoftCAEnabled": false}), "jamf-settings", "", wpj.StateUnreadable},
		"other plist":       {binaryPlist(t, map[string]any{"x": true}), "", "looked for", ""},

		"status alone":       {[]byte("1\n"), "psso-status", "", wpj.StatePlatformSSOConfigured},
		"status 0":           {[]byte("0\nextraDeviceInformation [:]\n"), "psso-status", "", wpj.StateNotRegistered},
		"status 3":           {[]byte("3\nextraDeviceInformation [:]\n"), "psso-status", "", wpj.StateNeedsRepair},
		"status of no kind":  {[]byte("4\n"), "", "looked for", ""},
		"a log with numbers": {[]byte("1 thing happened\n2 things happened\n"), "", "looked for", ""},
		"app-sso, nothing":   {[]byte("Device Configuration:\n (null)\n"), "app-sso", "", wpj.StateNotRegistered},
		"nothing":            {nil, "", "looked for", ""},
		"zeros":              {make([]byte, 1000), "", "looked for", ""},
	} {
		t.Run(name, func(t *testing.T) {
			taken, evidence, err := inspected(test.content)
			failed, _ := errors.AsType[*failure](err)
			if taken.id != test.format || (err != nil) != (test.refused != "") || failed != nil && (!strings.Contains(failed.message, test.refused) || failed.code != exitUsage) {
				t.Fatalf("taken for %q, %v", taken.id, err)
			}
			if err == nil {
				if identity := wpj.Evaluate([]wpj.Evidence{evidence}, wpj.Conditions{Now: time.Now()}); identity.State != test.state {
					t.Errorf("%s (%s)", identity.State, identity.Rule)
				}
			}
		})
	}
}

func TestInspectReadsAtMostOneMebibyte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	for size, refused := range map[int]bool{maximumInspected: false, maximumInspected + 1: true} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if content, err := readInspected(path, nil); (err != nil) != refused || err == nil && len(content) != size {
			t.Errorf("%d bytes: %d, %v", size, len(content), err)
		}
	}
	if content, err := readInspected("-", strings.NewReader("\ufeff1\n")); err != nil || string(content) != "1\n" {
		t.Errorf("with a byte order mark: %q, %v", content, err)
	}
}

func TestValidity(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	identity := wpj.Identity{NotBefore: from, NotAfter: from.AddDate(1, 0, 0)}
	for moment, want := range map[time.Time]string{from.Add(-1): "not yet: ", from: "now: ", identity.NotAfter.Add(1): "no more: "} {
		if got := validity(identity, moment); !strings.HasPrefix(got, want) {
			t.Errorf("at %s: %q", moment, got)
		}
	}
}

// Whatever it is given, inspect ends with one answer or one refusal, and moves nobody's cursor.
func FuzzInspect(f *testing.F) {
	for _, seed := range []string{"", "2\nextraDeviceInformation [:]", "Device Configuration:\n {}", pemBegin, "0\x82\x01\x00\x00", "bplist00have_an_Azure_id", "<plist>microsoftCAEnabled"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var printed bytes.Buffer
		a := &app{stdout: &output{to: &printed}, stderr: &printed}
		if err := a.inspect(content, time.Unix(0, 0)); err != nil {
			failed, ok := errors.AsType[*failure](err)
			if !ok || failed.code != exitUsage {
				t.Fatalf("%v", err)
			}
			a.printFailure(failed)
		}
		if printed.Len() == 0 || strings.ContainsAny(printed.String(), "\x1b\r\x00") {
			t.Errorf("%q", printed.String())
		}
	})
}
