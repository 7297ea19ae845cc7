package entra

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Device describes the device of a certificate. The zero value is a Mac joined now by a new user, in a new tenant; new
// values fill every empty field.
type Device struct {
	// DeviceID, TenantID and UserObjectID are GUIDs in upper or lower case.
	DeviceID, TenantID, UserObjectID string
	// CommonName is the subject's, the device id unless set: a certificate that contradicts itself has another one.
	CommonName string
	// SerialNumber is the content of the INTEGER, 16 random bytes unless set: half of all are negative numbers.
	SerialNumber []byte
	// JoinType is OID .7: "0" registered, "1" joined. Region is OID .8.
	JoinType, Region string
	// NotBefore and NotAfter are half an hour ago and ten years from now, unless set.
	NotBefore, NotAfter time.Time
	// Key is the device's, RSA or P-256; nil makes a new RSA key of 2048 bits.
	Key crypto.Signer
	// Encoding is how the extensions' values are wrapped; the zero value is Entra's way.
	Encoding Encoding
}

// Expired returns the device with a certificate of ten years that ended a day ago.
func (d Device) Expired() Device {
	d.NotAfter = time.Now().AddDate(0, 0, -1)
	d.NotBefore = d.NotAfter.AddDate(-10, 0, 0)
	return d
}

// NotYetValid returns the device with a certificate that begins in a day.
func (d Device) NotYetValid() Device {
	d.NotBefore = time.Now().AddDate(0, 0, 1)
	d.NotAfter = d.NotBefore.AddDate(10, 0, 0)
	return d
}

// NegativeSerial returns the device with a negative serial number, as every second one is.
func (d Device) NegativeSerial() Device {
	d.SerialNumber = randomSerial()
	d.SerialNumber[0] |= 0x80
	return d
}

// randomSerial is a serial number as Entra makes it: 16 random bytes. It lacks the leading zero that a positive number
// needs if its first bit is set.
func randomSerial() []byte {
	serial := make([]byte, 16)
	rand.Read(serial) // never fails
	return serial
}

// Issued is a certificate with its key, and the values for the keychain items of a registration.
type Issued struct {
	Device Device
	DER    []byte
	Key    crypto.Signer
	// Thumbprint is the SHA-1 of DER, and PublicKeyHash that of the public key, in lower-case hexadecimal.
	Thumbprint, PublicKeyHash string
}

// Issue makes a certificate for device, with the fields and extensions of a real one.
func (ca *CA) Issue(device Device) (*Issued, error) {
	if err := device.complete(); err != nil {
		return nil, err
	}
	der, err := ca.sign(&device)
	if err != nil {
		return nil, fmt.Errorf("sign device certificate: %w", err)
	}
	thumbprint := sha1.Sum(der)
	return &Issued{
		Device:        device,
		DER:           der,
		Key:           device.Key,
		Thumbprint:    hex.EncodeToString(thumbprint[:]),
		PublicKeyHash: PublicKeyHash(device.Key.Public()),
	}, nil
}

// PublicKeyHash returns the application label that macOS gives to a key: the SHA-1 of its public half. That half is
// PKCS #1 for RSA, and the uncompressed point of an elliptic curve. Other kinds of key have none.
func PublicKeyHash(key crypto.PublicKey) string {
	var public []byte
	switch key := key.(type) {
	case *rsa.PublicKey:
		public = x509.MarshalPKCS1PublicKey(key)
	case *ecdsa.PublicKey:
		public, _ = key.Bytes()
	default:
		return ""
	}
	sum := sha1.Sum(public)
	return hex.EncodeToString(sum[:])
}

// P256 returns the device with a new key on the curve P-256, like those of Macs with a Secure Enclave.
func (d Device) P256() Device {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("entra: make a key on P-256: " + err.Error()) // crypto/rand does not fail
	}
	d.Key = key
	return d
}

// complete sets the empty fields.
func (d *Device) complete() (err error) {
	for _, id := range []*string{&d.DeviceID, &d.TenantID, &d.UserObjectID} {
		if *id == "" {
			*id = uuid.NewString()
		}
		*id = strings.ToLower(*id)
	}
	setDefault(&d.CommonName, d.DeviceID)
	setDefault(&d.JoinType, "1")
	setDefault(&d.Region, "NA")
	now := time.Now()
	if d.NotBefore.IsZero() {
		d.NotBefore = now.Add(-30 * time.Minute)
	}
	if d.NotAfter.IsZero() {
		d.NotAfter = now.AddDate(10, 0, 0)
	}
	if d.SerialNumber == nil {
		d.SerialNumber = randomSerial()
	}
	if d.Encoding == nil {
		d.Encoding = LongForm
	}
	if d.Key == nil {
		if d.Key, err = rsa.GenerateKey(rand.Reader, keyBits); err != nil {
			return fmt.Errorf("make device key: %w", err)
		}
	}
	return nil
}

func setDefault(value *string, otherwise string) {
	if *value == "" {
		*value = otherwise
	}
}

// extensions are basic constraints, extended key usage and key usage, which are critical, and Entra's own [AADInt].
// Their order is that of real certificates.
func (d *Device) extensions() ([]pkix.Extension, error) {
	extensions := []pkix.Extension{
		// no authority
		{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 0x00}},
		// clientAuth
		{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true,
			Value: []byte{0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 1, 5, 5, 7, 3, 2}},
		// digitalSignature
		{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: []byte{0x03, 0x02, 0x07, 0x80}},
	}
	for _, guid := range []struct {
		number int
		text   string
	}{{2, d.DeviceID}, {3, d.UserObjectID}, {5, d.TenantID}} {
		value, err := mixedEndian(guid.text)
		if err != nil {
			return nil, err
		}
		extensions = append(extensions, pkix.Extension{Id: entraOID(guid.number), Value: d.Encoding(value)})
	}
	return append(extensions,
		pkix.Extension{Id: entraOID(8), Value: d.Encoding([]byte(d.Region))},
		pkix.Extension{Id: entraOID(7), Value: d.Encoding([]byte(d.JoinType))},
	), nil
}

func entraOID(number int) asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113556, 1, 5, 284, number}
}

// mixedEndian returns a GUID as Windows keeps it: the first three fields little-endian.
func mixedEndian(text string) ([]byte, error) {
	guid, err := uuid.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read GUID %q: %w", text, err)
	}
	return []byte{
		guid[3], guid[2], guid[1], guid[0], guid[5], guid[4], guid[7], guid[6],
		guid[8], guid[9], guid[10], guid[11], guid[12], guid[13], guid[14], guid[15],
	}, nil
}

// Encoding wraps an extension's value, of at most 127 bytes.
type Encoding func(value []byte) []byte

// LongForm is Entra's form: an OCTET STRING with its length in the long form, which DER does not allow for values this
// short (04 81 10 …) [FL-S1].
func LongForm(value []byte) []byte {
	return append([]byte{0x04, 0x81, byte(len(value))}, value...)
}

// ShortForm is an OCTET STRING in DER.
func ShortForm(value []byte) []byte {
	return append([]byte{0x04, byte(len(value))}, value...)
}

// Bare has no OCTET STRING at all.
func Bare(value []byte) []byte { return value }
