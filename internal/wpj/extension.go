package wpj

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"usher.internal/internal/ber"
)

// The extensions of a device certificate that usher reads [AADInt, MS-DVRJ].
const (
	oidArc          = "1.2.840.113556.1.5.284"
	oidDeviceID     = oidArc + ".2"
	oidUserObjectID = oidArc + ".3"
	oidTenantID     = oidArc + ".5"
	oidJoinType     = oidArc + ".7"
	oidTenantRegion = oidArc + ".8"
)

// maximumText is longer than any text in an extension.
const maximumText = 64

var extensionReaders = map[string]func(*Certificate, []byte) error{
	oidDeviceID: func(c *Certificate, value []byte) error {
		guid, err := decodeGUID(value)
		c.DeviceID = DeviceID(guid)
		return err
	},
	oidUserObjectID: func(c *Certificate, value []byte) error {
		guid, err := decodeGUID(value)
		c.UserObjectID = UserObjectID(guid)
		return err
	},
	oidTenantID: func(c *Certificate, value []byte) error {
		guid, err := decodeGUID(value)
		c.TenantID = TenantID(guid)
		return err
	},
	// Nothing depends on these two: an unreadable value is an unknown one.
	oidJoinType: func(c *Certificate, value []byte) error {
		c.JoinType = joinTypes[decodeText(value)]
		return nil
	},
	oidTenantRegion: func(c *Certificate, value []byte) error {
		c.TenantRegion = decodeText(value)
		return nil
	},
}

// joinTypes are the digits of OID .7 [AADInt].
var joinTypes = map[string]JoinType{"0": JoinRegistered, "1": JoinJoined}

// decodeGUID reads a GUID: 16 bytes in Windows's order, with the first three fields little-endian. They are bare or in
// an OCTET STRING. The length decides which, so that a GUID that begins like an OCTET STRING is read correctly.
func decodeGUID(value []byte) (string, error) {
	if len(value) != 16 {
		content, err := octetString(value)
		if err != nil {
			return "", err
		}
		if len(content) != 16 {
			return "", fmt.Errorf("a GUID has 16 bytes, not %d", len(content))
		}
		value = content
	}
	order := []byte{
		value[3], value[2], value[1], value[0], value[5], value[4], value[7], value[6],
		value[8], value[9], value[10], value[11], value[12], value[13], value[14], value[15],
	}
	return formatGUID(hex.EncodeToString(order)), nil
}

// decodeText reads printable ASCII, bare or in an OCTET STRING. It returns "" for anything else.
func decodeText(value []byte) string {
	if content, err := octetString(value); err == nil {
		value = content
	}
	unprintable := func(letter rune) bool { return letter < ' ' || letter > '~' }
	if len(value) > maximumText || bytes.ContainsFunc(value, unprintable) {
		return ""
	}
	return string(value)
}

// octetString returns the content of an OCTET STRING. Entra writes the length in the long form even if the short one is
// enough (04 81 10 …), which is BER and not DER.
func octetString(value []byte) ([]byte, error) {
	element, rest, err := ber.Next(value)
	switch {
	case err != nil:
		return nil, err
	case !element.Is(asn1.ClassUniversal, asn1.TagOctetString):
		return nil, errors.New("not an OCTET STRING")
	case len(rest) > 0:
		return nil, fmt.Errorf("an OCTET STRING with %d bytes after it", len(rest))
	}
	return element.Bytes()
}

// parseGUID reads the text form of a GUID, with or without braces, and returns it in lower case.
func parseGUID(text string) (string, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") {
		text = text[1 : len(text)-1]
	}
	digits := strings.ReplaceAll(text, "-", "")
	if _, err := hex.DecodeString(digits); err != nil || len(digits) != 32 || formatGUID(digits) != text {
		return "", errors.New("not a GUID")
	}
	return text, nil
}

func formatGUID(digits string) string {
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}
