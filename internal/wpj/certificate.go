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
	// ErrNotWorkplaceJoin says that a certificate is none of Workplace Join's: somebody else issued it.
	ErrNotWorkplaceJoin = errors.New("not a Workplace Join certificate")
	// ErrForeignIssuer says that a certificate has Workplace Join's extensions, and that somebody else issued it.
	ErrForeignIssuer = errors.New("device certificate of another issuer")
	// ErrContradictory says that a certificate names one device in its subject and another one in its extensions.
	ErrContradictory = errors.New("certificate contradicts itself")
	// ErrUnreadable says that a certificate cannot be parsed. Where its issuer cannot be read either, the error wraps
	// ErrNotWorkplaceJoin too: only the place where it was found can then say that it is a device certificate.
	ErrUnreadable = errors.New("certificate cannot be parsed")
)

// Certificate is the device certificate of a Workplace Join registration. [ParseCertificate] makes it.
type Certificate struct {
	// DER is the certificate as it was found, without what came after it.
	DER []byte
	// SerialNumber is the bytes of the serial number as they were found, in lower-case hexadecimal. Microsoft takes 16
	// random ones, so that half of all are negative numbers.
	SerialNumber string
	// NotBefore and NotAfter are in UTC; both belong to the time in which the certificate is valid.
	NotBefore, NotAfter time.Time
	// PublicKey is an *rsa.PublicKey of at most 8192 bits with the exponent 3 or 65537, or an *ecdsa.PublicKey of
	// P-256, P-384 or P-521. It is nil for a key with which no signature is verified here; KeyProblem then says why.
	PublicKey  crypto.PublicKey
	KeyProblem error
	// DeviceID is never empty.
	DeviceID DeviceID
	// UserObjectID and TenantID are empty where the certificate does not name them.
	UserObjectID UserObjectID
	TenantID     TenantID
	// JoinType is empty where the certificate does not say, or says what usher does not know.
	JoinType JoinType
	// TenantRegion is AF, AS, AP, EU, ME, NA or SA [AADInt]; empty where the certificate does not say, or not in ASCII
	// letters.
	TenantRegion string
	// Thumbprint is the SHA-1 of DER.
	Thumbprint Thumbprint
	// PublicKeyHash is the SHA-1 of the subject's public key (the PKCS#1 structure of an RSA key, the point of an
	// elliptic one), in lower-case hexadecimal: Apple's kSecAttrPublicKeyHash, which is also the application label of
	// the private key that belongs to the certificate [MSID].
	PublicKeyHash string
}

// issuerNames is the issuer of every Workplace Join certificate [FL-S1].
var issuerNames = []string{
	attributeName(oidCommonName, IssuerCommonName),
	attributeName(oidOrganizationalUnit, IssuerOrganizationalUnit),
	attributeName(oidDomainComponent, "windows"),
	attributeName(oidDomainComponent, "net"),
}

// attributeName makes one attribute of a name comparable. macOS changes the case, so case says nothing [MSID].
func attributeName(oid, value string) string {
	return oid + "=" + strings.ToLower(strings.TrimSpace(value))
}

// ParseCertificate reads a device certificate, given as DER or BER: every one that openssl reads. The error wraps
// [ErrNotWorkplaceJoin] for a certificate of another issuer, or [ErrForeignIssuer] where that one names a device as
// Workplace Join does, [ErrContradictory] for one that names different devices, and [ErrUnreadable] otherwise: it then
// says which part cannot be read. Errors hold no personal data.
//
// Nothing is verified: whoever can write to a keychain can put a certificate of his own making there.
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
// holds certificates of everyone; only one of ours is worth reporting.
func mentionsIssuer(der []byte) bool {
	lower := bytes.ToLower(der)
	return slices.ContainsFunc(encodings, func(encode func(string) string) bool {
		return bytes.Contains(lower, []byte(encode(strings.ToLower(IssuerCommonName))))
	})
}

// readExtensions takes over what the extensions say. One that is there twice must say the same both times.
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

// nilGUID is what a device id is before one was given.
const nilGUID = "00000000-0000-0000-0000-000000000000"

// reconcileDeviceID holds the subject against the extension. A certificate without the extension has its device id from
// the subject only.
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

// identity returns the identity with what the certificate says of it.
func (c *Certificate) identity(of Identity) Identity {
	of.DeviceID, of.UserObjectID, of.Thumbprint = c.DeviceID, c.UserObjectID, c.Thumbprint
	of.TenantID = cmp.Or(c.TenantID, of.TenantID)
	of.JoinType, of.TenantRegion = c.JoinType, c.TenantRegion
	of.NotBefore, of.NotAfter = c.NotBefore, c.NotAfter
	return of
}

// thumbprintOf returns the SHA-1 by which Microsoft names a certificate; it is a name here, not a proof.
func thumbprintOf(der []byte) Thumbprint {
	sum := sha1.Sum(der)
	return Thumbprint(hex.EncodeToString(sum[:]))
}
