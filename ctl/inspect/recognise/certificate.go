package recognise

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

	"usher.internal/ctl/inspect/pasted"
	"usher.internal/internal/wpj"
)

const (
	pemBegin        = "-----BEGIN CERTIFICATE-----"
	noteCertificate = "A certificate in a file never has its private key, and no user goes with it. Whether somebody " +
		"is registered depends on both: only `usherctl status` on the Mac says that."
)

func findPEM(from pasted.Source) []pasted.Thing {
	var certificates []pasted.Certificate
	var others []pasted.Thing
	for _, one := range pasted.PemBlocks(from.Text) {
		switch {
		case pasted.IsCertificate(one.Label):
			certificates = append(certificates, one.Certificate)
		case strings.HasSuffix(one.Label, "PRIVATE KEY"):
			others = append(others, pasted.Thing{Format: "private-key", Name: "a private key, PEM", At: one.At,
				Problem: "a private key is no evidence, and must stay where it is",
				Advice: "Do not send it on, and delete this copy. If it has left the Mac, have the user register " +
					"again, so that it is of no use."})
		}
	}
	return append(certificatesIn("certificate-pem", certificates, from.Now), others...)
}

func findDER(from pasted.Source) []pasted.Thing {
	if !pasted.IsDER(from.Content) || pasted.IsSigned(from.Content) || pasted.IsEncrypted(from.Content) ||
		pasted.IsKeyStore(from.Content) {
		return nil
	}
	var all []pasted.Certificate
	for rest := from.Content; pasted.IsDER(rest); { // several, one after the other
		length := pasted.DerLength(rest)
		all = append(all, pasted.Certificate{Der: rest[:min(length, len(rest))], At: len(from.Content) - len(rest),
			Cut: length > len(rest)})
		rest = rest[min(length, len(rest)):]
	}
	return certificatesIn("certificate-der", all, from.Now)
}

// device is a device certificate in a text.
type device struct {
	*wpj.Certificate
	at int
}

// certificatesIn returns a thing for each certificate of Workplace Join, and one for all others together.
func certificatesIn(format string, all []pasted.Certificate, now time.Time) []pasted.Thing {
	if len(all) == 0 {
		return nil
	}
	var things []pasted.Thing
	var devices []device
	var others []string
	othersAt := all[0].At
	for _, one := range all {
		certificate, err := wpj.ParseCertificate(one.Der)
		switch {
		case err == nil && !slices.ContainsFunc(devices,
			func(d device) bool { return d.Thumbprint == certificate.Thumbprint }):
			devices = append(devices, device{certificate, one.At})
		case err == nil: // the same certificate again, from another keychain
		case one.Cut:
			things = append(things, unusable(format, one, "it is cut short or damaged",
				"Have it sent again, as a file or as a whole: from -----BEGIN CERTIFICATE----- to -----END "+
					"CERTIFICATE-----."))
		case errors.Is(err, wpj.ErrNotWorkplaceJoin):
			others = append(others, commonName(one.Der))
		default: // of Workplace Join, or it says so
			thing := unusable(format, one, err.Error(),
				"Send the file to the people who maintain usher; on the Mac, `usherctl clean` shows what "+
					"can be removed.")
			thing.Add("thumbprint", thumbprint(one.Der), meaningThumbprint)
			things = append(things, thing)
		}
	}
	newest := newestOf(devices)
	for i, one := range devices {
		name := "a device certificate"
		if len(devices) > 1 {
			name = fmt.Sprintf("device certificate %d of %d", i+1, len(devices))
		}
		thing := pasted.Thing{Format: format, Name: name, At: one.at, Note: noteCertificate,
			Facts: certificateFacts(one.Certificate, now)}
		if len(devices) > 1 && slices.Contains(newest, i) {
			thing.Name += ", the newest"
			thing.Add("newest", "yes", "it is valid since "+one.NotBefore.UTC().Format(time.RFC3339)+
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
func unusable(format string, one pasted.Certificate, problem, advice string) pasted.Thing {
	return pasted.Thing{Format: format, Name: "a device certificate that cannot be read", At: one.At, Problem: problem,
		Advice: advice, Note: noteCertificate}
}

// newestOf returns the places of the certificates with the latest start of validity.
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

func certificateFacts(certificate *wpj.Certificate, now time.Time) []pasted.Fact {
	var t pasted.Thing
	t.Add("device id", string(certificate.DeviceID), meaningDevice)
	t.Add("tenant id", string(certificate.TenantID), meaningTenant)
	t.Add("user object id", string(certificate.UserObjectID),
		"the user object in Entra who registered this Mac; it is not the device")
	t.Add("thumbprint", string(certificate.Thumbprint), meaningThumbprint)
	sum := sha256.Sum256(certificate.DER)
	t.Add("SHA-256", hex.EncodeToString(sum[:]), "as `security find-certificate -Z` prints it")
	t.Add("serial number", certificate.SerialNumber, "its bytes, in hexadecimal")
	t.Add("join type", string(certificate.JoinType), "")
	t.Add("tenant region", certificate.TenantRegion, "")
	t.Add("valid", validity(certificate, now), meaningValidity(certificate, now))
	t.Add("issuer", wpj.IssuerCommonName, "Entra's device registration service; nothing is verified")
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

// otherCertificates are the certificates that are not Workplace Join's.
func otherCertificates(format string, at int, names []string, devices int) pasted.Thing {
	thing := pasted.Thing{Format: format, Name: "other certificates", At: at, Note: noteCertificate}
	if devices == 0 {
		thing.Add("device certificates", "none", meaningNoDevice)
		thing.Note = noteNoDevice
	}
	thing.Add("other certificates", fmt.Sprint(len(names)), "of other issuers; they say nothing about Entra")
	const shown = 10
	for _, name := range names[:min(len(names), shown)] {
		thing.Add("name", name, "")
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

// commonName returns the last common name in a certificate, which is its subject's. It is for a certificate that
// nothing else here parses.
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
