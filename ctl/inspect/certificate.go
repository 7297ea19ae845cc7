package inspect

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher.internal/internal/wpj"
)

const (
	pemBegin        = "-----BEGIN CERTIFICATE-----"
	noteCertificate = "A certificate in a file never has its private key, and no user goes with it. Whether somebody " +
		"is registered depends on both: only `usherctl status` on the Mac says that."
)

func findPEM(from source) []Thing {
	var certificates []found
	var others []Thing
	for _, one := range pemBlocks(from.text) {
		switch {
		case isCertificate(one.label):
			certificates = append(certificates, one.found)
		case strings.HasSuffix(one.label, "PRIVATE KEY"):
			others = append(others, Thing{Format: "private-key", Name: "a private key, PEM", at: one.at,
				Problem: "a private key is no evidence, and must stay where it is",
				Advice: "Do not send it on, and delete this copy. If it has left the Mac, have the user register " +
					"again, so that it is of no use."})
		}
	}
	return append(certificatesIn("certificate-pem", certificates, from.now), others...)
}

func findDER(from source) []Thing {
	if !isDER(from.content) || isSigned(from.content) || isEncrypted(from.content) || isKeyStore(from.content) {
		return nil
	}
	var all []found
	for rest := from.content; isDER(rest); { // several, one after the other
		length := derLength(rest)
		all = append(all, found{der: rest[:min(length, len(rest))], at: len(from.content) - len(rest),
			cut: length > len(rest)})
		rest = rest[min(length, len(rest)):]
	}
	return certificatesIn("certificate-der", all, from.now)
}

// device is a device certificate of a text.
type device struct {
	*wpj.Certificate
	at int
}

// certificatesIn is what certificates show: each of Workplace Join's by itself, all others together.
func certificatesIn(format string, all []found, now time.Time) []Thing {
	if len(all) == 0 {
		return nil
	}
	var things []Thing
	var devices []device
	var others []string
	othersAt := all[0].at
	for _, one := range all {
		certificate, err := wpj.ParseCertificate(one.der)
		switch {
		case err == nil && !slices.ContainsFunc(devices,
			func(d device) bool { return d.Thumbprint == certificate.Thumbprint }):
			devices = append(devices, device{certificate, one.at})
		case err == nil: // the same once more, of another keychain
		case one.cut:
			things = append(things, unusable(format, one, "it is cut short or damaged",
				"Have it sent again, as a file or as a whole: from -----BEGIN CERTIFICATE----- to -----END "+
					"CERTIFICATE-----."))
		case errors.Is(err, wpj.ErrNotWorkplaceJoin):
			others = append(others, commonName(one.der))
		default: // of Workplace Join, or it says so
			thing := unusable(format, one, err.Error(),
				"Send the file to the people who maintain usher; on the Mac, `usherctl clean` shows what "+
					"can be removed.")
			thing.add("thumbprint", thumbprint(one.der), meaningThumbprint)
			things = append(things, thing)
		}
	}
	newest := newestOf(devices)
	for i, one := range devices {
		name := "a device certificate"
		if len(devices) > 1 {
			name = fmt.Sprintf("device certificate %d of %d", i+1, len(devices))
		}
		thing := Thing{Format: format, Name: name, at: one.at, Note: noteCertificate,
			Facts: certificateFacts(one.Certificate, now)}
		if len(devices) > 1 && slices.Contains(newest, i) {
			thing.Name += ", the newest"
			thing.add("newest", "yes", "it is valid since "+one.NotBefore.UTC().Format(time.RFC3339)+
				", later than the others; an older one is mostly a leftover")
		}
		things = append(things, thing)
	}
	if len(others) > 0 {
		things = append(things, otherCertificates(format, othersAt, others, len(devices)))
	}
	return things
}

// unusable is a certificate that cannot be read.
func unusable(format string, one found, problem, advice string) Thing {
	return Thing{Format: format, Name: "a device certificate that cannot be read", at: one.at, Problem: problem,
		Advice: advice, Note: noteCertificate}
}

// newestOf are the places of those that are valid since the latest time.
func newestOf(devices []device) []int {
	var newest []int
	for i, one := range devices {
		switch {
		case len(newest) == 0 || one.NotBefore.After(devices[newest[0]].NotBefore):
			newest = []int{i}
		case one.NotBefore.Equal(devices[newest[0]].NotBefore):
			newest = append(newest, i)
		}
	}
	return newest
}

const (
	meaningDevice     = "the Mac's device object in Entra"
	meaningTenant     = "the Entra tenant"
	meaningThumbprint = "SHA-1 of the certificate, by which Entra and Microsoft's programs name it"
	meaningUPN        = "the sign-in name of the user"
)

func certificateFacts(certificate *wpj.Certificate, now time.Time) []Fact {
	var t Thing
	t.add("device id", string(certificate.DeviceID), meaningDevice)
	t.add("tenant id", string(certificate.TenantID), meaningTenant)
	t.add("user object id", string(certificate.UserObjectID),
		"the user object in Entra who registered this Mac; it is not the device")
	t.add("thumbprint", string(certificate.Thumbprint), meaningThumbprint)
	sum := sha256.Sum256(certificate.DER)
	t.add("SHA-256", hex.EncodeToString(sum[:]), "as `security find-certificate -Z` prints it")
	t.add("serial number", certificate.SerialNumber, "its bytes, in hexadecimal")
	t.add("join type", string(certificate.JoinType), "")
	t.add("tenant region", certificate.TenantRegion, "")
	t.add("valid", validity(certificate, now), meaningValidity(certificate, now))
	t.add("issuer", wpj.IssuerCommonName, "Entra's device registration service; nothing is verified")
	return t.Facts
}

func validity(certificate *wpj.Certificate, now time.Time) string {
	how := "now"
	switch {
	case now.Before(certificate.NotBefore):
		how = "not yet"
	case now.After(certificate.NotAfter):
		how = "no more"
	}
	return fmt.Sprintf("%s: from %s to %s", how, certificate.NotBefore.UTC().Format(time.RFC3339),
		certificate.NotAfter.UTC().Format(time.RFC3339))
}

func meaningValidity(certificate *wpj.Certificate, now time.Time) string {
	if now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return "by the clock of this computer; Entra refuses a certificate that is not valid"
	}
	return "by the clock of this computer; the registration took place about 30 minutes after it begins"
}

// otherCertificates are those that are not Workplace Join's.
func otherCertificates(format string, at int, names []string, devices int) Thing {
	thing := Thing{Format: format, Name: "other certificates", at: at, Note: noteCertificate}
	if devices == 0 {
		thing.add("device certificates", "none", meaningNoDevice)
		thing.Note = noteNoDevice
	}
	thing.add("other certificates", fmt.Sprint(len(names)), "of other issuers; they say nothing about Entra")
	const shown = 10
	for _, name := range names[:min(len(names), shown)] {
		thing.add("name", name, "")
	}
	return thing
}

const (
	meaningNoDevice = "no certificate in it was issued by " + wpj.IssuerCommonName
	noteNoDevice    = "Since August 2025 new registrations are in the Secure Enclave or in Platform SSO, where " +
		"`security` never shows them: see `app-sso platform -s` and getPSSOStatus."
)

// thumbprint is the SHA-1 of a certificate.
func thumbprint(der []byte) string {
	sum := sha1.Sum(der)
	return hex.EncodeToString(sum[:])
}

// commonName is the last common name in a certificate, which is its subject's, for a certificate that nobody else here
// reads.
func commonName(der []byte) string {
	oid := []byte{0x06, 0x03, 0x55, 0x04, 0x03}
	name := "without a name"
	for rest := der; ; {
		at := bytes.Index(rest, oid)
		if at < 0 || at+len(oid)+2 > len(rest) {
			return name
		}
		rest = rest[at+len(oid):]
		if length := int(rest[1]); length > 0 && length < 0x80 && len(rest) >= 2+length {
			name = strings.ToValidUTF8(string(rest[2:2+length]), "?")
		}
	}
}
