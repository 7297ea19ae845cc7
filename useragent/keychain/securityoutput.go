package keychain

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The parsers here read the output of /usr/bin/security in the format of Apple's published source (SecurityTool,
// keychain_find.c and keychain_utilities.c). A line in another format is an error. The error has the line's number and
// not its text, because the text may contain names.

func errLine(number int) error { return fmt.Errorf("line %d is not understood", number+1) }

// thumbprintOf returns the SHA-1 of a certificate, in lower-case hexadecimal.
func thumbprintOf(der []byte) string {
	sum := sha1.Sum(der)
	return hex.EncodeToString(sum[:])
}

// Before each certificate are its hashes: only SHA-1 in older versions, SHA-256 and SHA-1 in newer ones.
var hashLine = regexp.MustCompile(`^(SHA-[0-9]+|MD5) hash: ([0-9A-F]+)$`)

// parseCertificates reads the output of `security find-certificate -a -p -Z`. A certificate that does not match its
// printed hash is an error.
func parseCertificates(output []byte) ([]Certificate, error) {
	const begin, end, sha1Name = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "SHA-1"
	var certificates []Certificate
	thumbprint, started := "", -1
	lines := strings.Split(string(output), "\n")
	for number, line := range lines {
		hash := hashLine.FindStringSubmatch(line)
		switch {
		case started < 0 && line == begin:
			started = number
		case started < 0 && hash != nil:
			if hash[1] == sha1Name {
				thumbprint = strings.ToLower(hash[2])
			}
		case started < 0 && line == "":
		case started < 0:
			return nil, errLine(number)
		case line == end:
			block, rest := pem.Decode([]byte(strings.Join(lines[started:number+1], "\n")))
			if block == nil || len(block.Bytes) == 0 || len(block.Headers) > 0 || len(rest) > 0 {
				return nil, fmt.Errorf("the certificate that begins in line %d is not PEM", started+1)
			}
			if thumbprint != "" && thumbprint != thumbprintOf(block.Bytes) {
				return nil, fmt.Errorf("the certificate that begins in line %d is not the one whose SHA-1 is printed",
					started+1)
			}
			certificates = append(certificates, Certificate{DER: block.Bytes})
			thumbprint, started = "", -1
		}
	}
	if started >= 0 || thumbprint != "" {
		return nil, errors.New("the output ends within a certificate")
	}
	return certificates, nil
}

var (
	policyLine = regexp.MustCompile(`^Policy: `)
	// An identity is a number, the SHA-1 of its certificate, a name of any characters, and a problem such as
	// "(CSSMERR_TP_CERT_EXPIRED)".
	identityLine = regexp.MustCompile(`^ *[0-9]+\) ([0-9A-F]{40}) ".*"( \(.*\))?$`)
	countLine    = regexp.MustCompile(`^ *([0-9]+) (valid )?identities found$`)
)

// parseIdentities reads the output of `security find-identity`. It returns the SHA-1 of the certificates that have a
// private key, in lower-case hexadecimal, each once.
//
// These are the "Matching identities". The list of valid ones omits what this Mac does not trust, and it has no reason
// to trust the issuer of a device certificate. So output with only that list, as with -v, is an error.
func parseIdentities(output []byte) ([]string, error) {
	const (
		outside = iota
		matching
		valid
	)
	section, count, sections := outside, 0, 0
	var thumbprints []string
	for number, line := range strings.Split(string(output), "\n") {
		identity, total := identityLine.FindStringSubmatch(line), countLine.FindStringSubmatch(line)
		switch {
		case line == "" || policyLine.MatchString(line) && section == outside:
		case line == "  Matching identities" && section == outside:
			section, count = matching, 0
			sections++
		case line == "  Valid identities only" && section == outside:
			section, count = valid, 0
		case identity != nil && section != outside:
			count++
			if thumbprint := strings.ToLower(identity[1]); section == matching &&
				!slices.Contains(thumbprints, thumbprint) {
				thumbprints = append(thumbprints, thumbprint)
			}
		case total != nil && section != outside && (total[2] != "") == (section == valid):
			if said, err := strconv.Atoi(total[1]); err != nil || said != count {
				return nil, fmt.Errorf("%d identities are listed where line %d says another number", count, number+1)
			}
			section = outside
		default:
			return nil, errLine(number)
		}
	}
	switch {
	case section != outside:
		return nil, errors.New("the output ends within a list of identities")
	case sections == 0:
		return nil, errors.New("the output has no list of matching identities")
	}
	return thumbprints, nil
}

// parseGenericPassword reads the output of `security find-generic-password` without -g and -w: the attributes of one
// item.
func parseGenericPassword(output []byte) (GenericPassword, error) {
	const class, begin = "class: ", "attributes:"
	// The label has no name in a keychain's schema, hence its number.
	var password GenericPassword
	wanted := map[string]*string{`"acct"<blob>`: &password.Account, `"svce"<blob>`: &password.Service,
		"0x00000007 <blob>": &password.Label}
	inAttributes := false
	for number, line := range strings.Split(string(output), "\n") {
		if !inAttributes {
			if strings.HasPrefix(line, class) && line != class+`"`+ClassGenericPassword+`"` {
				return GenericPassword{}, errors.New("the item is not a generic password")
			}
			inAttributes = line == begin
			continue
		}
		name, text, found := strings.Cut(strings.TrimPrefix(line, "    "), "=")
		switch target := wanted[name]; {
		case line == "":
		case !found || !strings.HasPrefix(line, "    "):
			return GenericPassword{}, errLine(number)
		case target != nil:
			value, err := parseBlob(text)
			if err != nil {
				return GenericPassword{}, fmt.Errorf("line %d: %w", number+1, err)
			}
			*target = value
			delete(wanted, name)
		}
	}
	for _, name := range []string{`"acct"<blob>`, `"svce"<blob>`} {
		if wanted[name] != nil {
			return GenericPassword{}, fmt.Errorf("the attribute %s is missing", name)
		}
	}
	return password, nil
}

// parseBlob reads the value of an attribute. It is printed as <NULL>, as nothing (empty), or as "text" with nothing
// escaped. If it contains a backslash or a byte that is not printable ASCII, it is printed as 0x and hexadecimal, and
// then as text.
func parseBlob(text string) (string, error) {
	switch {
	case text == "" || text == "<NULL>":
		return "", nil
	case len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"':
		return text[1 : len(text)-1], nil
	}
	digits, isHex := strings.CutPrefix(text, "0x")
	digits, _, _ = strings.Cut(digits, " ")
	value, err := hex.DecodeString(digits)
	if !isHex || err != nil {
		return "", errors.New("the value is of a form that is not known")
	}
	return string(value), nil
}
