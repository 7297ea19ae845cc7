package wpj

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher.internal/internal/oneline"
)

// The errors of [ParseCertificate].
var (
	// ErrNotWorkplaceJoin says that a certificate is not from Workplace Join: somebody else issued it.
	ErrNotWorkplaceJoin = errors.New("not a Workplace Join certificate")
	// ErrForeignIssuer says that a certificate has Workplace Join's extensions, but somebody else issued it.
	ErrForeignIssuer = errors.New("device certificate of another issuer")
	// ErrContradictory says that a certificate names one device in its subject and another one in its extensions.
	ErrContradictory = errors.New("certificate contradicts itself")
	// ErrUnreadable says that a certificate cannot be parsed. If its issuer cannot be read either, the error also wraps
	// ErrNotWorkplaceJoin. Then only the place of the certificate can show that it is a device certificate.
	ErrUnreadable = errors.New("certificate cannot be parsed")
)

// Certificate is the device certificate of a Workplace Join registration. [ParseCertificate] makes it.
type Certificate struct {
	// DER is the certificate as it was found, without the bytes after it.
	DER []byte
	// SerialNumber is the bytes of the serial number as they were found, in lower-case hexadecimal. Microsoft uses 16
	// random bytes, so half of all serial numbers are negative.
	SerialNumber string
	// NotBefore and NotAfter are in UTC. The certificate is valid at both times.
	NotBefore, NotAfter time.Time
	// PublicKey is an *rsa.PublicKey of at most 8192 bits with the exponent 3 or 65537, or an *ecdsa.PublicKey of
	// P-256, P-384 or P-521. It is nil for a key whose signatures usher does not verify; KeyProblem then says why.
	PublicKey  crypto.PublicKey
	KeyProblem error
	// DeviceID is never empty.
	DeviceID DeviceID
	// UserObjectID and TenantID are empty if the certificate does not name them.
	UserObjectID UserObjectID
	TenantID     TenantID
	// JoinType is empty if the certificate has none, or one that usher does not know.
	JoinType JoinType
	// TenantRegion is AF, AS, AP, EU, ME, NA or SA [AADInt]. It is empty if the certificate has none, or one that is
	// not in ASCII letters.
	TenantRegion string
	// Thumbprint is the SHA-1 of DER.
	Thumbprint Thumbprint
	// PublicKeyHash is the SHA-1 of the subject's public key in lower-case hexadecimal. Its input is the PKCS#1
	// structure of an RSA key, or the point of an elliptic one. It equals Apple's kSecAttrPublicKeyHash and the
	// application label of the certificate's private key [MSID].
	PublicKeyHash string
}

// issuerNames is the issuer of every Workplace Join certificate [FL-S1].
var issuerNames = []string{
	attributeName(oidCommonName, IssuerCommonName),
	attributeName(oidOrganizationalUnit, IssuerOrganizationalUnit),
	attributeName(oidDomainComponent, "windows"),
	attributeName(oidDomainComponent, "net"),
}

// attributeName makes one attribute of a name comparable. macOS changes the case, so case means nothing [MSID].
func attributeName(oid, value string) string {
	return oid + "=" + strings.ToLower(strings.TrimSpace(value))
}

// ParseCertificate reads a device certificate in DER or BER. It reads every one that openssl reads. The error wraps
// [ErrNotWorkplaceJoin] for a certificate of another issuer, or [ErrForeignIssuer] if that certificate names a device
// like Workplace Join's. It wraps [ErrContradictory] for a certificate that names different devices. Otherwise it wraps
// [ErrUnreadable] and says which part cannot be read. Errors hold no personal data.
//
// It verifies nothing: anyone who can write to a keychain can put their own certificate there.
func ParseCertificate(der []byte) (*Certificate, error) {
	read, err := readStandard(der)
	switch {
	case err != nil && (read.issuerKnown && isIssuer(read.issuer) || !read.issuerKnown && mentionsIssuer(der)):
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	case err != nil && read.issuerKnown:
		return nil, fmt.Errorf("%w: %w", ErrNotWorkplaceJoin, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w: %w", ErrNotWorkplaceJoin, ErrUnreadable, err)
	case !isIssuer(read.issuer):
		if slices.ContainsFunc(read.extensions, func(e extension) bool { return e.oid == oidDeviceID }) {
			return nil, fmt.Errorf("%w: %q", ErrForeignIssuer,
				oneline.Of(strings.Join(read.issuer.all(oidCommonName), ", "), maximumText))
		}
		return nil, ErrNotWorkplaceJoin
	}
	certificate := &Certificate{
		DER:           read.der,
		SerialNumber:  hex.EncodeToString(read.serial),
		NotBefore:     read.notBefore,
		NotAfter:      read.notAfter,
		PublicKey:     read.key.key,
		KeyProblem:    read.key.problem,
		Thumbprint:    thumbprintOf(read.der),
		PublicKeyHash: read.key.hash(),
	}
	if err := certificate.readExtensions(read.extensions); err != nil {
		return nil, err
	}
	if err := certificate.reconcileDeviceID(read.subject); err != nil {
		return nil, err
	}
	return certificate, nil
}

func isIssuer(issuer name) bool {
	var names []string
	for _, attribute := range issuer {
		names = append(names, attributeName(attribute.oid, attribute.value))
	}
	wanted := slices.Clone(issuerNames)
	slices.Sort(names)
	slices.Sort(wanted)
	return slices.Equal(names, wanted)
}

// mentionsIssuer reports whether the issuer's name is anywhere in a certificate whose issuer cannot be read. A keychain
// holds certificates of all kinds; only Workplace Join's are worth a report.
func mentionsIssuer(der []byte) bool {
	lower := bytes.ToLower(der)
	return slices.ContainsFunc(encodings, func(encode func(string) string) bool {
		return bytes.Contains(lower, []byte(encode(strings.ToLower(IssuerCommonName))))
	})
}

// readExtensions reads the extensions into the certificate. Duplicate extensions must have the same value.
func (c *Certificate) readExtensions(extensions []extension) error {
	values := map[string][]byte{}
	for _, extension := range extensions {
		read, ours := extensionReaders[extension.oid]
		if !ours {
			continue
		}
		if earlier, twice := values[extension.oid]; twice && !bytes.Equal(earlier, extension.value) {
			return fmt.Errorf("%w: its extension %s is there twice, with different values", ErrContradictory,
				extension.oid)
		}
		values[extension.oid] = extension.value
		if err := read(c, extension.value); err != nil {
			return fmt.Errorf("%w: extension %s: %w", ErrUnreadable, extension.oid, err)
		}
	}
	return nil
}

// nilGUID is a device id that has not been assigned yet.
const nilGUID = "00000000-0000-0000-0000-000000000000"

// reconcileDeviceID compares the subject with the extension. A certificate without the extension has its device id only
// in the subject.
func (c *Certificate) reconcileDeviceID(subject name) error {
	fromExtension := c.DeviceID != ""
	for _, commonName := range subject.all(oidCommonName) {
		named, err := parseGUID(commonName)
		switch {
		case err == nil && c.DeviceID == "":
			c.DeviceID = DeviceID(named)
		case err == nil && named == string(c.DeviceID):
		case fromExtension:
			return fmt.Errorf("%w: its subject's common name and its extension %s name different devices",
				ErrContradictory, oidDeviceID)
		case err == nil:
			return fmt.Errorf("%w: its subject names different devices", ErrContradictory)
		}
	}
	if c.DeviceID == "" || c.DeviceID == nilGUID {
		return fmt.Errorf("%w: device id: it has no extension %s with one, and no GUID is its subject's common name",
			ErrUnreadable, oidDeviceID)
	}
	return nil
}

// identity returns the identity with the facts of the certificate.
func (c *Certificate) identity(of Identity) Identity {
	of.DeviceID, of.UserObjectID, of.Thumbprint = c.DeviceID, c.UserObjectID, c.Thumbprint
	of.TenantID = cmp.Or(c.TenantID, of.TenantID)
	of.JoinType, of.TenantRegion = c.JoinType, c.TenantRegion
	of.NotBefore, of.NotAfter = c.NotBefore, c.NotAfter
	return of
}

// thumbprintOf returns the SHA-1 by which Microsoft names a certificate. It is a name here, not a proof.
func thumbprintOf(der []byte) Thumbprint {
	sum := sha1.Sum(der)
	return Thumbprint(hex.EncodeToString(sum[:]))
}
