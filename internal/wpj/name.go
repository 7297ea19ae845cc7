package wpj

import (
	"encoding/asn1"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"usher.internal/internal/ber"
)

const (
	oidCommonName         = "2.5.4.3"
	oidOrganizationalUnit = "2.5.4.11"
	oidDomainComponent    = "0.9.2342.19200300.100.1.25"
)

// name holds the attributes of a distinguished name, in their order. Their grouping into relative distinguished names
// differs between tools, and means nothing.
type name []nameAttribute

// nameAttribute has an empty value if it is not text.
type nameAttribute struct{ oid, value string }

// all returns the values of an attribute.
func (n name) all(oid string) []string {
	var values []string
	for _, attribute := range n {
		if attribute.oid == oid {
			values = append(values, attribute.value)
		}
	}
	return values
}

func (c *cursor) name() (name, error) {
	relative, err := c.list(asn1.TagSequence)
	if err != nil {
		return nil, err
	}
	var read name
	for len(relative.rest) > 0 {
		attributes, err := relative.list(asn1.TagSet)
		if err != nil {
			return nil, err
		}
		for len(attributes.rest) > 0 {
			one, err := attributes.sequence()
			if err != nil {
				return nil, err
			}
			oid, err := one.oid()
			if err != nil {
				return nil, err
			}
			value, err := one.next()
			if err != nil {
				return nil, err
			}
			if err := one.end("attribute " + oid); err != nil {
				return nil, err
			}
			read = append(read, nameAttribute{oid, text(value)})
		}
	}
	return read, nil
}

// The string types that encoding/asn1 has no name for.
const (
	tagVideotexString  = 21
	tagVisibleString   = 26
	tagUniversalString = 28
)

// text returns the value of a string type. It is empty if it is not a string type, or not valid in it. A T61String is
// read as Latin-1, as all tools do.
func text(element ber.Element) string {
	content, err := element.Bytes()
	if err != nil || element.Class != asn1.ClassUniversal {
		return ""
	}
	var letters []rune
	switch element.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString, asn1.TagGeneralString,
		tagVisibleString:
		if !utf8.Valid(content) {
			return ""
		}
		return string(content)
	case asn1.TagT61String, tagVideotexString:
		for _, letter := range content {
			letters = append(letters, rune(letter))
		}
	case asn1.TagBMPString:
		if len(content)%2 != 0 {
			return ""
		}
		var units []uint16
		for ; len(content) > 0; content = content[2:] {
			units = append(units, binary.BigEndian.Uint16(content))
		}
		letters = utf16.Decode(units)
	case tagUniversalString:
		if len(content)%4 != 0 {
			return ""
		}
		for ; len(content) > 0; content = content[4:] {
			letters = append(letters, rune(binary.BigEndian.Uint32(content)))
		}
	}
	return string(letters) // an invalid letter becomes U+FFFD
}

// encodings are the forms in which text can be in a certificate that cannot be read.
var encodings = []func(text string) string{
	func(text string) string { return text },
	func(text string) string { return spread(text, 1) }, // BMPString
	func(text string) string { return spread(text, 3) }, // UniversalString
}

// spread puts zeros before each letter but the first.
func spread(text string, zeros int) string {
	return strings.Join(strings.Split(text, ""), strings.Repeat("\x00", zeros))
}
