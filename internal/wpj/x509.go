package wpj

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"usher.internal/internal/ber"
)

// standard holds the parts of a certificate that usher needs from the standard (RFC 5280).
//
// usher reads it itself because crypto/x509 refuses certificates that Microsoft issues and that macOS and openssl read:
// every second serial number is negative [GO#71606]. It accepts what openssl's d2i_X509 accepts [OPENSSL], and somewhat
// more.
type standard struct {
	// der is the certificate without the bytes after it.
	der []byte
	// serial is the content of the INTEGER as it was found.
	serial              []byte
	issuer, subject     name
	notBefore, notAfter time.Time
	key                 publicKey
	extensions          []extension
	// issuerKnown says that issuer was read. It can be true even if a later part could not be read.
	issuerKnown bool
}

// extension is one extension of a certificate, in the certificate's order. One identifier can occur several times.
type extension struct {
	oid   string
	value []byte
}

// readStandard reads a certificate. With an error it returns the parts before the error.
//
// It ignores bytes after the certificate, like `openssl x509`. It does not read the version, both signature algorithms,
// the signature, the unique identifiers and the content of extensions, so they cannot be wrong.
func readStandard(der []byte) (standard, error) {
	var s standard
	certificate, _, err := ber.Next(der)
	if err == nil && (!certificate.Is(asn1.ClassUniversal, asn1.TagSequence) || !certificate.Constructed) {
		err = errNotASequence
	}
	if err != nil {
		// A truncated certificate still shows who issued it.
		s.readBody(insideCut(der))
		return s, err
	}
	s.der = certificate.Raw
	outer := cursor{certificate.Content}
	body, err := outer.sequence()
	if err != nil {
		return s, fmt.Errorf("signed part: %w", err)
	}
	if err := s.readBody(body); err != nil {
		return s, err
	}
	if _, err := outer.sequence(); err != nil {
		return s, fmt.Errorf("signature algorithm: %w", err)
	}
	if _, err := outer.universal(asn1.TagBitString); err != nil {
		return s, fmt.Errorf("signature: %w", err)
	}
	return s, outer.end("after the signature")
}

// insideCut returns a cursor at the fields of a certificate that is shorter than its length says.
func insideCut(der []byte) cursor {
	for range 2 { // the certificate and its signed part
		if len(der) < 2 || der[0] != 0x30 {
			return cursor{}
		}
		header := 2
		if der[1] > 0x80 {
			header += int(der[1] & 0x7f)
		}
		if header > len(der) {
			return cursor{}
		}
		der = der[header:]
	}
	return cursor{der}
}

// readBody reads the signed part (TBSCertificate).
func (s *standard) readBody(body cursor) (err error) {
	if _, _, err := body.optional(0); err != nil {
		return fmt.Errorf("version: %w", err)
	}
	serial, err := body.universal(asn1.TagInteger)
	if err == nil && (len(serial.Content) == 0 || serial.Constructed) {
		err = errors.New("an INTEGER without content")
	}
	if err != nil {
		return fmt.Errorf("serial number: %w", err)
	}
	s.serial = serial.Content
	if _, err := body.sequence(); err != nil {
		return fmt.Errorf("signature algorithm: %w", err)
	}
	if s.issuer, err = body.name(); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	s.issuerKnown = true
	if err := s.readValidity(&body); err != nil {
		return err
	}
	if s.subject, err = body.name(); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	info, err := body.sequence()
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	if s.key, err = readPublicKey(info); err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	for tag := 1; tag <= 2; tag++ {
		if _, _, err := body.optional(tag); err != nil {
			return fmt.Errorf("unique identifier: %w", err)
		}
	}
	extensions, found, err := body.optional(3)
	if err == nil && found {
		s.extensions, err = readExtensions(extensions)
	}
	if err != nil {
		return fmt.Errorf("extensions: %w", err)
	}
	return body.end("after the extensions")
}

func readExtensions(explicit ber.Element) ([]extension, error) {
	outer := cursor{explicit.Content}
	list, err := outer.list(asn1.TagSequence)
	if err != nil {
		return nil, err
	}
	var read []extension
	for len(list.rest) > 0 {
		one, err := list.sequence()
		if err != nil {
			return nil, err
		}
		oid, err := one.oid()
		if err != nil {
			return nil, err
		}
		value, err := one.next()
		if err == nil && value.Is(asn1.ClassUniversal, asn1.TagBoolean) { // the critical flag
			value, err = one.next()
		}
		if err == nil && !value.Is(asn1.ClassUniversal, asn1.TagOctetString) {
			err = errOtherType
		}
		if err != nil {
			return nil, fmt.Errorf("extension %s: %w", oid, err)
		}
		content, err := value.Bytes()
		if err != nil {
			return nil, fmt.Errorf("extension %s: %w", oid, err)
		}
		if err := one.end("extension " + oid); err != nil {
			return nil, err
		}
		read = append(read, extension{oid, content})
	}
	return read, outer.end("list")
}

var (
	errOtherType    = errors.New("another type than the standard says")
	errNotASequence = errors.New("not a SEQUENCE")
)

// cursor reads the elements inside a constructed one, one after the other.
type cursor struct{ rest []byte }

func (c *cursor) next() (element ber.Element, err error) {
	element, rest, err := ber.Next(c.rest)
	if err == nil {
		c.rest = rest
	}
	return element, err
}

// universal takes an element of a type.
func (c *cursor) universal(tag int) (ber.Element, error) {
	element, err := c.next()
	if err == nil && !element.Is(asn1.ClassUniversal, tag) {
		err = errOtherType
	}
	return element, err
}

// list reads a SEQUENCE OF or a SET OF. Like openssl, it does not require the bit that marks it as constructed.
func (c *cursor) list(tag int) (cursor, error) {
	element, err := c.universal(tag)
	return cursor{element.Content}, err
}

// inside reads an element whose content is elements.
func (c *cursor) inside(tag int) (cursor, error) {
	element, err := c.universal(tag)
	if err == nil && !element.Constructed {
		err = errOtherType
	}
	return cursor{element.Content}, err
}

func (c *cursor) sequence() (cursor, error) { return c.inside(asn1.TagSequence) }

// optional reads the element with a tag of the context, if it is the next one.
func (c *cursor) optional(tag int) (element ber.Element, found bool, err error) {
	if len(c.rest) == 0 {
		return element, false, nil
	}
	ahead := *c
	element, err = ahead.next()
	if err != nil || !element.Is(asn1.ClassContextSpecific, tag) {
		return ber.Element{}, false, err
	}
	*c = ahead
	return element, true, nil
}

func (c *cursor) oid() (string, error) {
	element, err := c.universal(asn1.TagOID)
	if err != nil {
		return "", err
	}
	return oidText(element.Content)
}

// end returns an error if bytes remain.
func (c *cursor) end(of string) error {
	if len(c.rest) > 0 {
		return fmt.Errorf("%s: %d bytes too many", of, len(c.rest))
	}
	return nil
}

// maximumOID is more bytes than any meaningful object identifier has. The time to print a large one grows with the
// square of its size.
const maximumOID = 64

// oidText returns an object identifier with dots, or only its size if it is larger than any known one.
func oidText(content []byte) (string, error) {
	var oid x509.OID // asn1.ObjectIdentifier has no room for large numbers
	if err := oid.UnmarshalBinary(content); err != nil {
		return "", errors.New("not an object identifier")
	}
	if len(content) > maximumOID {
		return fmt.Sprintf("(%d bytes)", len(content)), nil
	}
	return oid.String(), nil
}
