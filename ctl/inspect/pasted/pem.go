package pasted

import (
	"encoding/base64"
	"strings"
)

// Certificate is a certificate in a text.
type Certificate struct {
	Der []byte
	At  int
	// Cut says that its end is missing, or that it is not base64.
	Cut bool
}

// Block is the text between BEGIN and END of PEM.
type Block struct {
	Label string
	Certificate
}

// PemBlocks finds all blocks of PEM, with any text before each line and with any line breaks. encoding/pem needs each
// mark at the beginning of a line, and silently drops imperfect blocks.
func PemBlocks(text string) []Block {
	const begin, end, dashes = "-----BEGIN ", "-----END ", "-----"
	var blocks []Block
	for at := 0; ; {
		next := strings.Index(text[at:], begin)
		if next < 0 {
			return blocks
		}
		at += next
		label, body, whole := strings.Cut(text[at+len(begin):], dashes)
		if !whole || len(label) > 40 || strings.Contains(label, "\n") {
			at += len(begin)
			continue
		}
		if i := strings.Index(body, begin); i >= 0 {
			body = body[:i] // the next one begins before this one has ended
		}
		body, _, ended := strings.Cut(body, end+label+dashes)
		der, err := base64.StdEncoding.DecodeString(base64Only(body))
		blocks = append(blocks, Block{label, Certificate{Der: der, At: at, Cut: !ended || err != nil || len(der) == 0}})
		at += len(begin) + len(label) + len(dashes) + len(body)
	}
}

// base64Only returns the text without characters that are not base64, and without the headers of an encrypted key.
func base64Only(body string) string {
	var out strings.Builder
	for line := range strings.Lines(body) {
		if strings.Contains(line, ": ") {
			continue
		}
		for _, letter := range line {
			if letter >= 'A' && letter <= 'Z' || letter >= 'a' && letter <= 'z' || letter >= '0' && letter <= '9' ||
				letter == '+' || letter == '/' || letter == '=' {
				out.WriteRune(letter)
			}
		}
	}
	return out.String()
}

// IsCertificate reports whether a PEM label is a certificate's.
func IsCertificate(label string) bool {
	return label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "TRUSTED CERTIFICATE"
}

// IsDER reports whether content begins like a DER sequence of more than 127 bytes.
func IsDER(content []byte) bool {
	return len(content) > 4 && content[0] == 0x30 && content[1] > 0x80 && content[1] < 0x85
}

// DerLength returns the length of the sequence at the beginning, by its header and with its header.
func DerLength(content []byte) int {
	octets := int(content[1] & 0x7f)
	length := 0
	for _, one := range content[2:min(2+octets, len(content))] {
		length = length<<8 | int(one)
	}
	return 2 + octets + length
}
