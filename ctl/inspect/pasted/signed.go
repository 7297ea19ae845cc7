package pasted

import (
	"bytes"
)

var (
	// oidSigned is the type of CMS's signed data, oidEncrypted that of its enveloped data (RFC 5652).
	oidSigned    = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02}
	oidEncrypted = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03}
	// oidData is the type of the signed content.
	oidData = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01}
)

// isCMS reports whether content is CMS of a type: a BER sequence of any or no length, which begins with the type.
func isCMS(content, oid []byte) bool {
	return len(content) > 20 && content[0] == 0x30 && bytes.Contains(content[:20], oid)
}

// IsSigned reports whether content is signed data, as a signed profile is.
func IsSigned(content []byte) bool { return isCMS(content, oidSigned) }

// IsEncrypted reports whether content is encrypted, as a profile for one device is.
func IsEncrypted(content []byte) bool { return isCMS(content, oidEncrypted) }

// IsKeyStore reports whether content is PKCS #12: a sequence that begins with the version 3.
func IsKeyStore(content []byte) bool {
	return IsDER(content) && bytes.HasPrefix(content[min(len(content), 2+int(content[1]&0x7f)):],
		[]byte{0x02, 0x01, 0x03, 0x30}) ||
		bytes.HasPrefix(content, []byte{0x30, 0x80, 0x02, 0x01, 0x03})
}

// signedContent returns the content of signed data, or nil if it is detached. The content is an octet string, which BER
// may split into pieces.
func signedContent(content []byte) []byte {
	at := bytes.Index(content, oidData)
	if at < 0 {
		return nil
	}
	rest := content[at+len(oidData):]
	const explicit, octets, constructed = 0xa0, 0x04, 0x24
	_, body, _ := element(rest, explicit)
	if body == nil {
		return nil
	}
	if _, text, _ := element(body, octets); text != nil {
		return text
	}
	_, pieces, _ := element(body, constructed)
	var whole []byte
	for len(pieces) > 0 {
		size, piece, found := element(pieces, octets)
		if !found {
			break
		}
		whole = append(whole, piece...)
		pieces = pieces[size:]
	}
	return whole
}

// element reads one BER element with a tag: its size with the header, and its content. If the length is not given, or
// exceeds the data, it takes the rest.
func element(content []byte, tag byte) (size int, body []byte, found bool) {
	if len(content) < 2 || content[0] != tag {
		return 0, nil, false
	}
	length, header := int(content[1]), 2
	switch {
	case content[1] == 0x80:
		return len(content), content[2:], true
	case content[1] > 0x80:
		octets := int(content[1] & 0x7f)
		if octets > 4 || len(content) < 2+octets {
			return 0, nil, false
		}
		length = 0
		for _, one := range content[2 : 2+octets] {
			length = length<<8 | int(one)
		}
		header += octets
	}
	end := min(len(content), header+length)
	return end, content[header:end], true
}
