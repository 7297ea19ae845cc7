package wpj

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"usher.internal/internal/oneline"
)

var (
	// ErrNotWorkplaceJoin says that a certificate is none of Workplace Join's: somebody else issued it.
	ErrNotWorkplaceJoin = errors.New("not a Workplace Join certificate")
	// ErrForeignIssuer says that a certificate has Workplace Join's extensions, and that somebody else issued it.
	ErrForeignIssuer = errors.New("device certificate of another issuer")
	// ErrContradictory says that a certificate names one device in its subject and another one in its extensions.
	ErrContradictory = errors.New("certificate contradicts itself")
)

// Certificate is the device certificate of a Workplace Join registration. [ParseCertificate] makes it.
type Certificate struct {
	X509 *x509.Certificate
	// DeviceID is never empty.
	DeviceID DeviceID
	// UserObjectID and TenantID are empty where the certificate does not name them.
	UserObjectID UserObjectID
	TenantID     TenantID
	// JoinType is empty where the certificate does not say, or says what usher does not know.
	JoinType JoinType
	// TenantRegion is AF, AS, AP, EU, ME, NA or SA [AADInt]; empty where the certificate does not say.
	TenantRegion string
	Thumbprint   Thumbprint
	// PublicKeyHash is the SHA-1 of the subject's public key (the PKCS#1 structure of an RSA key, the point of an elliptic
	// one), in lower-case hexadecimal: Apple's kSecAttrPublicKeyHash, which is also the application label of the private
	// key that belongs to the certificate [MSID].
	PublicKeyHash string
}

// issuerNames is the issuer of every Workplace Join certificate [FL-S1]. They stand in one multi-valued relative
// distinguished name, whose order differs from tool to tool.
var issuerNames = []string{
	attributeName("2.5.4.3", IssuerCommonName),
	attributeName("2.5.4.11", IssuerOrganizationalUnit),
	attributeName("0.9.2342.19200300.100.1.25", "windows"),
	attributeName("0.9.2342.19200300.100.1.25", "net"),
}

// attributeName makes one attribute of a name comparable. macOS changes the case, so case says nothing [MSID].
func attributeName(oid, value string) string {
	return oid + "=" + strings.ToLower(strings.TrimSpace(value))
}

// ParseCertificate reads a device certificate, given as DER. The error wraps [ErrNotWorkplaceJoin] for a certificate of
// another issuer, or [ErrForeignIssuer] where that one names a device as Workplace Join does, and [ErrContradictory] for one
// whose subject and extensions name different devices; any other error says what of the certificate cannot be read. Errors
// hold no personal data.
//
// Nothing is verified: whoever can write to a keychain can put a certificate of his own making there.
func ParseCertificate(der []byte) (*Certificate, error) {
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		// A keychain holds certificates that Go is too strict for. Only one of ours is worth telling about.
		if !bytes.Contains(bytes.ToLower(der), []byte(strings.ToLower(IssuerCommonName))) {
			return nil, fmt.Errorf("%w: %w", ErrNotWorkplaceJoin, err)
		}
		return nil, fmt.Errorf("parse Workplace Join certificate: %w", err)
	}
	if !isIssuer(parsed.Issuer) {
		if slices.ContainsFunc(parsed.Extensions, func(e pkix.Extension) bool { return e.Id.String() == oidDeviceID }) {
			return nil, fmt.Errorf("%w: %q", ErrForeignIssuer, oneline.Of(parsed.Issuer.CommonName, maximumText))
		}
		return nil, ErrNotWorkplaceJoin
	}
	certificate := &Certificate{X509: parsed, Thumbprint: thumbprintOf(der)}
	if certificate.PublicKeyHash, err = publicKeyHash(parsed); err != nil {
		return nil, err
	}
	if err := certificate.readExtensions(); err != nil {
		return nil, err
	}
	if err := certificate.reconcileDeviceID(); err != nil {
		return nil, err
	}
	return certificate, nil
}

func isIssuer(name pkix.Name) bool {
	var names []string
	for _, attribute := range name.Names {
		names = append(names, attributeName(attribute.Type.String(), fmt.Sprint(attribute.Value)))
	}
	wanted := slices.Clone(issuerNames)
	slices.Sort(names)
	slices.Sort(wanted)
	return slices.Equal(names, wanted)
}

// readExtensions takes over what the extensions say. The first of several with the same identifier counts, as x509 lets
// no second one through.
func (c *Certificate) readExtensions() error {
	for _, extension := range c.X509.Extensions {
		read, ours := extensionReaders[extension.Id.String()]
		if !ours {
			continue
		}
		if err := read(c, extension.Value); err != nil {
			return fmt.Errorf("read extension %s of Workplace Join certificate: %w", extension.Id, err)
		}
	}
	return nil
}

// reconcileDeviceID holds the subject against the extension. A certificate without the extension has its device id from
// the subject alone.
func (c *Certificate) reconcileDeviceID() error {
	subject, err := parseGUID(c.X509.Subject.CommonName)
	switch {
	case err != nil && c.DeviceID == "":
		return errors.New("read device id of Workplace Join certificate: it has no extension " + oidDeviceID + " and its subject's common name is no GUID")
	case c.DeviceID == "":
		c.DeviceID = DeviceID(subject)
	case err != nil || subject != string(c.DeviceID):
		return fmt.Errorf("%w: its subject's common name and its extension %s name different devices", ErrContradictory, oidDeviceID)
	}
	return nil
}

// identity returns the identity with what the certificate says of it.
func (c *Certificate) identity(of Identity) Identity {
	of.DeviceID, of.UserObjectID, of.Thumbprint = c.DeviceID, c.UserObjectID, c.Thumbprint
	of.TenantID = cmp.Or(c.TenantID, of.TenantID)
	of.JoinType, of.TenantRegion = c.JoinType, c.TenantRegion
	of.NotBefore, of.NotAfter = c.X509.NotBefore, c.X509.NotAfter
	return of
}

// thumbprintOf returns the SHA-1 by which Microsoft names a certificate; it is a name here, not a proof.
func thumbprintOf(der []byte) Thumbprint {
	sum := sha1.Sum(der)
	return Thumbprint(hex.EncodeToString(sum[:]))
}

func publicKeyHash(certificate *x509.Certificate) (string, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(certificate.RawSubjectPublicKeyInfo, &info); err != nil {
		return "", fmt.Errorf("read public key of Workplace Join certificate: %w", err)
	}
	sum := sha1.Sum(info.PublicKey.RightAlign())
	return hex.EncodeToString(sum[:]), nil
}
