package wpj_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

// oddity is a certificate unlike those that crypto/x509 reads.
type oddity struct {
	name   string
	change func(*node)
	// want is the error that must be wrapped, or nil. part is the part that the error names.
	want error
	part string
	// keyless says that no signature of the key can be verified.
	keyless bool
	// rewritten says that openssl computes its thumbprint from its own encoding of the certificate, because it keeps
	// only the signed part.
	rewritten bool
}

// The identifiers of extensions.
var (
	oidKeyUsage   = []byte{0x55, 0x1d, 0x0f}
	oidSAN        = []byte{0x55, 0x1d, 0x11}
	oidBasic      = []byte{0x55, 0x1d, 0x13}
	oidNameLimits = []byte{0x55, 0x1d, 0x1e}
	oidPolicies   = []byte{0x55, 0x1d, 0x20}
	oidAuthority  = []byte{0x55, 0x1d, 0x23}
	oidUnknown    = []byte{0x2a, 0x03, 0x04}
	oidDevice     = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x01, 0x05, 0x82, 0x1c, 0x02}
	oidRegion     = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x01, 0x05, 0x82, 0x1c, 0x08}
)

// names calls change for each value in the issuer.
func names(n *node, change func(value *node)) {
	for _, relative := range n.children {
		for _, attribute := range relative.children {
			change(attribute.children[1])
		}
	}
}

func inBMP(text []byte) (encoded []byte) {
	for _, unit := range utf16.Encode([]rune(string(text))) {
		encoded = append(encoded, byte(unit>>8), byte(unit))
	}
	return encoded
}

func inUniversal(text []byte) (encoded []byte) {
	for _, letter := range string(text) {
		encoded = append(encoded, byte(letter>>24), byte(letter>>16), byte(letter>>8), byte(letter))
	}
	return encoded
}

func times(first, second *node) func(*node) {
	return func(n *node) { n.validity().children = []*node{first, second} }
}

func utc(text string) *node         { return element(0x17, []byte(text)...) }
func generalized(text string) *node { return element(0x18, []byte(text)...) }

func add(extensions ...*node) func(*node) {
	return func(n *node) { n.extensions().children = append(n.extensions().children, extensions...) }
}

// withKey gives the certificate a key of x509's encoding.
func withKey(t testing.TB, public any, change func(*node)) func(*node) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return func(n *node) {
		key := treeOf(t, bytes.Clone(der))
		if change != nil {
			change(key)
		}
		n.publicKey().replace(key)
	}
}

// rsaPublic is the encoding of a key with any numbers.
func rsaPublic(modulus, exponent []byte) []byte {
	key := constructed(0x30, element(0x02, modulus...), element(0x02, exponent...)).encode()
	return append([]byte{0}, key...)
}

func oddities(t testing.TB) []oddity {
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	modulus := key.N.Bytes()
	serial := func(content ...byte) func(*node) { return func(n *node) { n.serial().content = content } }
	rsaBits := func(content []byte) func(*node) {
		return withKey(t, &key.PublicKey, func(n *node) { n.children[1].content = content })
	}
	everyLength := func(long int) func(*node) {
		return func(n *node) {
			n.each(func(n *node) {
				if len(n.children)+len(n.content) > 0 { // openssl refuses the long form of nothing
					n.long = long
				}
			})
		}
	}
	issuerAs := func(identifier byte, encode func([]byte) []byte) func(*node) {
		return func(n *node) {
			names(n.issuer(), func(value *node) {
				value.identifier, value.content = []byte{identifier},
					encode(value.content)
			})
		}
	}
	asItIs := func(text []byte) []byte { return text }
	subject := func(attributes ...*node) func(*node) {
		return func(n *node) { n.subject().children = append(n.subject().children, constructed(0x31, attributes...)) }
	}
	unit := func(value *node) *node { return constructed(0x30, element(0x06, 0x55, 4, 11), value) }

	return []oddity{
		{name: "as it was issued", change: func(*node) {}},

		{name: "serial number zero", change: serial(0)},
		{name: "serial number -1", change: serial(0xff)},
		{name: "negative serial number", change: serial(slices.Repeat([]byte{0xf9}, 16)...)},
		{name: "serial number of 21 bytes", change: serial(slices.Repeat([]byte{0x81}, 21)...)},
		{name: "serial number of 30 bytes", change: serial(slices.Repeat([]byte{0x71}, 30)...)},
		{name: "serial number with a zero too many", change: serial(slices.Repeat([]byte{0}, 16)...)},
		{name: "serial number with ones too many", change: serial(0xff, 0xff, 0xf0)},
		{name: "no serial number", change: serial(), want: wpj.ErrUnreadable, part: "serial number"},

		{name: "every length in the long form", change: everyLength(1), rewritten: true},
		{name: "every length in the long form with zeros", change: everyLength(5), rewritten: true},
		{name: "indefinite lengths",
			change: func(n *node) { n.each(func(n *node) { n.indefinite = n.isConstructed() }) }, rewritten: true},
		{name: "indefinite length outside", change: func(n *node) { n.indefinite = true }, rewritten: true},
		{name: "tags in the long form", change: func(n *node) {
			n.each(func(n *node) { n.identifier = []byte{n.identifier[0] | 0x1f, n.identifier[0] & 0x1f} })
		}, rewritten: true},
		{name: "strings in parts", change: func(n *node) {
			names(n.issuer(), func(value *node) {
				value.replace(constructed(value.identifier[0]|0x20, element(value.identifier[0], value.content[:2]...),
					element(0x04, value.content[2:]...)))
			})
			for _, extension := range n.extensions().children {
				value := extension.children[len(extension.children)-1]
				value.replace(constructed(0x24, element(0x04, value.content[:1]...),
					constructed(0x24, element(0x04, value.content[1:]...))))
				value.indefinite = true
			}
		}},
		{name: "bytes after the certificate",
			change: func(n *node) { n.raw = append(n.encode(), "something else"...) }},
		{name: "zeros after the certificate",
			change: func(n *node) { n.raw = append(n.encode(), make([]byte, 4096)...) }},

		{name: "issuer in T61", change: issuerAs(0x14, asItIs)},
		{name: "issuer in UTF-8", change: issuerAs(0x0c, asItIs)},
		{name: "issuer in visible letters", change: issuerAs(0x1a, asItIs)},
		{name: "issuer in BMP", change: issuerAs(0x1e, inBMP)},
		{name: "issuer in universal letters", change: issuerAs(0x1c, inUniversal)},
		{name: "issuer in the other order", change: func(n *node) { slices.Reverse(n.issuer().children[0].children) }},
		{name: "issuer in four names", change: func(n *node) {
			var relative []*node
			for _, attribute := range n.issuer().children[0].children {
				relative = append(relative, constructed(0x31, attribute))
			}
			n.issuer().children = relative
		}},
		{name: "issuer with spaces around",
			change: issuerAs(0x13, func(text []byte) []byte { return fmt.Appendf(nil, " %s  ", text) })},
		{name: "T61 in the subject", change: subject(unit(element(0x14, 'M', 0xfc, 'n', 'c', 'h', 'e', 'n')))},
		{name: "invalid UTF-8 in the subject", change: subject(unit(element(0x0c, 0xff, 0xfe)))},
		{name: "BMP of half a letter in the subject", change: subject(unit(element(0x1e, 0)))},
		{name: "a sequence in the subject", change: subject(unit(constructed(0x30, element(0x02, 1))))},
		{name: "several in one name of the subject",
			change: subject(unit(element(0x0c, 'b')), unit(element(0x0c, 'a')))},
		{name: "a second common name that is the same",
			change: subject(constructed(0x30, element(0x06, 0x55, 4, 3),
				element(0x1e, inBMP([]byte(strings.ToUpper(deviceID)))...)))},
		{name: "a second common name that is another",
			change: subject(constructed(0x30, element(0x06, 0x55, 4, 3), element(0x0c, []byte("Jane's Mac")...))),
			want:   wpj.ErrContradictory, part: "common name"},
		{name: "empty subject", change: func(n *node) { n.subject().children = nil }},

		{name: "UTCTime without seconds", change: times(utc("2601021504Z"), utc("3601021504Z"))},
		{name: "UTCTime with an offset", change: times(utc("260102150405+0130"), utc("360102150405-1200"))},
		{name: "UTCTime of the last century", change: times(utc("500101000000Z"), utc("491231235959Z"))},
		{name: "GeneralizedTime before 2050",
			change: times(generalized("20260102150405Z"), generalized("20360102150405Z"))},
		{name: "GeneralizedTime with fractions",
			change: times(generalized("20260102150405.123456Z"), generalized("20360102150405.9-0200"))},
		{name: "GeneralizedTime without seconds",
			change: times(generalized("202601021504Z"), generalized("203601021504+0000"))},
		{name: "no end", change: times(utc("260102150405Z"), generalized("99991231235959Z"))},
		{name: "leap day", change: times(utc("000229000000Z"), utc("280229000000Z"))},
		{name: "no leap day", change: times(utc("260229000000Z"), utc("360102150405Z")), want: wpj.ErrUnreadable,
			part: "notBefore: not a time"},
		{name: "month 13", change: times(utc("260102150405Z"), utc("261302150405Z")), want: wpj.ErrUnreadable,
			part: "notAfter: not a time"},
		{name: "time in words", change: times(utc("260102150405Z"), utc("next Tuesday")), want: wpj.ErrUnreadable,
			part: "notAfter: not a time"},
		{name: "time without a zone", change: times(utc("260102150405"), utc("360102150405Z")), want: wpj.ErrUnreadable,
			part: "notBefore: not a time"},
		{name: "time that is a number", change: times(element(0x02, 1), utc("360102150405Z")), want: wpj.ErrUnreadable,
			part: "notBefore"},

		{name: "version 1 without extensions", change: func(n *node) { n.tbs().children = n.tbs().children[1:7] }},
		{name: "version 1 with extensions", change: func(n *node) { n.tbs().children = n.tbs().children[1:] }},
		{name: "version 1 that is spelled out",
			change: func(n *node) { n.tbs().children[0].children[0].content = []byte{0} }},
		{name: "version 2 with unique identifiers", change: func(n *node) {
			n.tbs().children[0].children[0].content = []byte{1}
			n.tbs().children = slices.Insert(n.tbs().children[:7], 7, element(0x81, 0, 0xaa), element(0x82, 0, 0xbb))
		}},
		{name: "version 3 with unique identifiers", change: func(n *node) {
			n.tbs().children = slices.Insert(n.tbs().children, 7, element(0x81, 0, 0xaa), element(0x82, 0, 0xbb))
		}},
		{name: "version 200", change: func(n *node) { n.tbs().children[0].children[0].content = []byte{0, 200} }},
		{name: "negative version", change: func(n *node) { n.tbs().children[0].children[0].content = []byte{0xfe} }},

		{name: "not critical, spelled out", change: func(n *node) {
			for _, extension := range n.extensions().children {
				if len(extension.children) == 2 {
					extension.children = slices.Insert(extension.children, 1, element(0x01, 0))
				}
			}
		}},
		{name: "critical as another byte",
			change: func(n *node) { n.extensions().children[0].children[1].content = []byte{1} }},
		{name: "unknown and critical",
			change: add(constructed(0x30, element(0x06, oidUnknown...), element(0x01, 0xff), element(0x04, 1, 2, 3)))},
		{name: "unknown twice", change: add(extensionOf(oidUnknown, []byte{1}), extensionOf(oidUnknown, []byte{2}))},
		{name: "key usage twice", change: add(extensionOf(oidKeyUsage, []byte{3, 2, 7, 0x80}))},
		{name: "empty extension", change: add(extensionOf(oidUnknown, nil))},
		{name: "broken key usage", change: add(extensionOf(oidKeyUsage, []byte("broken")))},
		{name: "empty key usage", change: add(extensionOf(oidKeyUsage, []byte{3, 1, 0}))},
		{name: "broken basic constraints", change: add(extensionOf(oidBasic, []byte{0x30, 3, 1, 1, 5}))},
		{name: "broken alternative name", change: add(extensionOf(oidSAN, []byte{0x30, 3, 0x82, 9, 'a'}))},
		{name: "invalid alternative name", change: add(extensionOf(oidSAN, []byte{0x30, 3, 0x87, 1, 'a'}))},
		{name: "broken name constraints", change: add(extensionOf(oidNameLimits, []byte{0x30}))},
		{name: "broken policies", change: add(extensionOf(oidPolicies, []byte{0x30, 0}))},
		{name: "broken key identifier", change: add(extensionOf(oidAuthority, []byte{1}))},
		{name: "the largest identifier",
			change: add(extensionOf(slices.Concat([]byte{0x69}, slices.Repeat([]byte{0xff}, 40), []byte{0x7f}),
				[]byte{1}))},
		{name: "device id twice", change: func(n *node) {
			n.extensions().children = append(n.extensions().children, n.extensions().children[3])
		}},
		{name: "two device ids", change: add(extensionOf(oidDevice, make([]byte, 16))), want: wpj.ErrContradictory,
			part: "1.2.840.113556.1.5.284.2"},
		{name: "broken device id", change: func(
			n *node) {
			n.extensions().children[3].children[1].content = []byte{4, 3, 1}
		},
			want: wpj.ErrUnreadable, part: "1.2.840.113556.1.5.284.2"},
		{name: "device id of zeros", change: func(n *node) {
			n.subject().children, n.extensions().children[3].children[1].content = nil, make([]byte, 16)
		}, want: wpj.ErrUnreadable, part: "device id"},
		{name: "broken region", change: add(extensionOf(oidRegion, []byte{0x04, 0x81, 2, 'N', 'A'}))},
		{name: "no extensions in the list", change: func(n *node) { n.extensions().children = nil }},
		{name: "invalid extension", change: add(element(0x02, 1)), want: wpj.ErrUnreadable, part: "extensions"},

		{name: "unknown curve", change: withKey(t, &curve.PublicKey,
			func(n *node) { n.children[0].children[1].content = []byte{0x2b, 0x81, 4, 0, 99} }), keyless: true},
		{name: "curve that is spelled out",
			change: withKey(t, &curve.PublicKey,
				func(n *node) { n.children[0].children[1] = constructed(0x30, element(0x02, 1)) }), keyless: true},
		{name: "curve that only openssl has", change: withKey(t, &curve.PublicKey, func(n *node) {
			n.children[0].children[1].content = []byte{0x2b, 0x81, 4, 0, 10} // secp256k1
		}), keyless: true},
		{name: "point that is on no curve",
			change: withKey(t, &curve.PublicKey, func(n *node) { n.children[1].content[20] ^= 1 }), keyless: true},
		{name: "P-384", change: withKey(t, &curve.PublicKey, nil)},
		{name: "Ed25519", change: withKey(t, edwards, nil), keyless: true},
		{name: "unknown algorithm", change: withKey(t, edwards,
			func(n *node) { n.children[0].children[0].content = oidUnknown }), keyless: true},
		{name: "RSA without NULL", change: withKey(t, &key.PublicKey,
			func(n *node) { n.children[0].children = n.children[0].children[:1] })},
		{name: "RSA with a negative modulus", change: rsaBits(rsaPublic(modulus, []byte{1, 0, 1})), keyless: true},
		{name: "RSA with lengths in the long form", change: withKey(t, &key.PublicKey, func(n *node) {
			inner := treeOf(t, n.children[1].content[1:])
			inner.each(func(n *node) { n.long = 5 })
			n.children[1].content = append([]byte{0}, inner.encode()...)
		})},
		{name: "RSA with the modulus zero", change: rsaBits(rsaPublic([]byte{0}, []byte{3})), keyless: true},
		{name: "RSA with an even modulus",
			change: rsaBits(rsaPublic(new(big.Int).Lsh(big.NewInt(1), 2047).Bytes(), []byte{3})), keyless: true},
		{name: "RSA of 512 bits", change: rsaBits(rsaPublic(modulus[:64], []byte{3})), keyless: true},
		{name: "RSA of 32768 bits", change: rsaBits(rsaPublic(slices.Repeat([]byte{0x7f}, 4096), []byte{3})),
			keyless: true},
		{name: "RSA with the exponent zero", change: rsaBits(rsaPublic(append([]byte{0}, modulus...), []byte{0})),
			keyless: true},
		{name: "invalid RSA", change: rsaBits([]byte("\x00broken")), keyless: true},
		{name: "empty key", change: rsaBits([]byte{0}), keyless: true},
		{name: "no key", change: rsaBits(nil), want: wpj.ErrUnreadable, part: "public key"},

		{name: "signature algorithms that differ", change: func(n *node) { n.children[1].children[0].content[8] = 12 }},
		{name: "unknown signature algorithm", change: func(n *node) { n.children[1].children[0].content = oidUnknown }},
		{name: "signature algorithm without parameters",
			change: func(n *node) { n.children[1].children = n.children[1].children[:1] }},
		{name: "empty signature", change: func(n *node) { n.children[2].content = []byte{0} }},
		{name: "signature with bits that are not in use", change: func(n *node) { n.children[2].content[0] = 7 },
			rewritten: true},
		{name: "no signature", change: func(n *node) { n.children = n.children[:2] }, want: wpj.ErrUnreadable,
			part: "signature"},
		{name: "something after the signature",
			change: func(n *node) { n.children = append(n.children, element(0x05)) },
			want:   wpj.ErrUnreadable, part: "after the signature"},

		{name: "issuer without the bit of constructed", change: func(n *node) { n.issuer().identifier[0] &^= 0x20 }},
		{name: "issuer's set without the bit of constructed",
			change: func(n *node) { n.issuer().children[0].identifier[0] &^= 0x20 }},
		{name: "subject without the bit of constructed", change: func(n *node) { n.subject().identifier[0] &^= 0x20 }},
		{name: "extensions without the bit of constructed",
			change: func(n *node) { n.extensions().identifier[0] &^= 0x20 }},

		{name: "issuer in BMP, and cut", change: func(n *node) {
			issuerAs(0x1e, inBMP)(n)
			n.raw = n.encode()[:500]
		}, want: wpj.ErrUnreadable, part: "cut short"},
		{name: "cut in the issuer, which is in universal letters", change: func(n *node) {
			issuerAs(0x1c, inUniversal)(n)
			n.raw = n.encode()[:300]
		}, want: wpj.ErrUnreadable, part: "cut short"},
		{name: "of someone else, with our name in the subject, and cut", change: func(n *node) {
			names(n.issuer(), func(value *node) { value.replace(element(0x0c, []byte("Intune")...)) })
			subject(unit(element(0x0c, []byte(wpj.IssuerCommonName)...)))(n)
			n.raw = n.encode()[:400]
		}, want: wpj.ErrNotWorkplaceJoin, part: "cut short"},
		{name: "of someone else", change: func(n *node) {
			names(n.issuer(), func(value *node) { value.replace(element(0x0c, []byte("Intune")...)) })
			n.extensions().children = n.extensions().children[:3]
		}, want: wpj.ErrNotWorkplaceJoin},
		{name: "of AD FS", change: func(n *node) {
			names(n.issuer(), func(value *node) { value.replace(element(0x1e, inBMP([]byte("adfs"))...)) })
		}, want: wpj.ErrForeignIssuer, part: "adfs"},
	}
}

// byOpenssl is what the real openssl says about a certificate.
type byOpenssl struct {
	subject, issuer, serial, fingerprint string
	// notBefore and notAfter are zero if openssl cannot read them either.
	notBefore, notAfter time.Time
}

var opensslLine = regexp.MustCompile(`(?m)^(\w+)(?: Fingerprint)? ?= ?(.*)$`)

// openssl reads a certificate. The result is nil if openssl refuses it. A machine without openssl fails the test.
func openssl(t testing.TB, der []byte) *byOpenssl {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatalf("%v; scripts/install-test-dependencies installs it", err)
	}
	command := exec.CommandContext(t.Context(), "openssl", "x509", "-inform", "DER", "-noout", "-nameopt",
		"multiline,utf8,-esc_msb",
		"-subject", "-issuer", "-serial", "-dates", "-sha1", "-fingerprint")
	command.Stdin = bytes.NewReader(der)
	output, err := command.Output()
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	read := &byOpenssl{}
	section := &read.subject
	for line := range strings.Lines(string(output)) {
		switch match := opensslLine.FindStringSubmatch(strings.TrimSpace(line)); {
		case strings.HasPrefix(line, "subject="):
			section = &read.subject
		case strings.HasPrefix(line, "issuer="):
			section = &read.issuer
		case match == nil:
		case match[1] == "serial":
			read.serial = match[2]
		case match[1] == "notBefore":
			read.notBefore, _ = time.Parse("Jan _2 15:04:05 2006 MST", withoutFraction(match[2]))
		case match[1] == "notAfter":
			read.notAfter, _ = time.Parse("Jan _2 15:04:05 2006 MST", withoutFraction(match[2]))
		case strings.EqualFold(match[1], "sha1"):
			read.fingerprint = strings.ToLower(strings.ReplaceAll(match[2], ":", ""))
		default:
			*section += match[1] + "=" + match[2] + "\n"
		}
	}
	return read
}

var fraction = regexp.MustCompile(`\.\d+`)

func withoutFraction(text string) string { return fraction.ReplaceAllString(text, "") }

// number is a serial number's bytes in openssl's form.
func number(t testing.TB, serial string) string {
	t.Helper()
	content, err := hex.DecodeString(serial)
	if err != nil {
		t.Fatal(err)
	}
	value := new(big.Int).SetBytes(content)
	if content[0] >= 0x80 {
		value.Sub(value, new(big.Int).Lsh(big.NewInt(1), uint(8*len(content))))
	}
	text := fmt.Sprintf("%X", new(big.Int).Abs(value))
	text = strings.Repeat("0", len(text)%2) + text
	if value.Sign() < 0 {
		text = "-" + text
	}
	return text
}

// sameAsOpenssl checks that usher reads the same as openssl, or refuses the certificate by a rule of Entra's own.
func sameAsOpenssl(t testing.TB, name string, der []byte) {
	t.Helper()
	want := openssl(t, der)
	got, err := wpj.ParseCertificate(der)
	switch {
	case want == nil:
	case err == nil:
		if number(t, got.SerialNumber) != want.serial || !got.NotBefore.Equal(want.notBefore) ||
			!got.NotAfter.Equal(want.notAfter) {
			t.Errorf("%s: got %s, %s to %s; openssl has %s, %s to %s", name,
				number(t, got.SerialNumber), got.NotBefore, got.NotAfter, want.serial, want.notBefore, want.notAfter)
		}
		if got.DeviceID == "" || want.subject != "" &&
			!strings.Contains(strings.ToLower(want.subject), string(got.DeviceID)) {
			t.Errorf("%s: device %q, subject %q", name, got.DeviceID, want.subject)
		}
	case errors.Is(err, wpj.ErrNotWorkplaceJoin) && !errors.Is(err, wpj.ErrUnreadable),
		errors.Is(err, wpj.ErrForeignIssuer):
		if issuer := strings.ToLower(want.issuer); strings.Count(issuer, "\n") == 4 &&
			strings.Contains(issuer, "=ms-organization-access\n") &&
			strings.Contains(issuer, "=82dbaca4-3e81-46ca-9c73-0950c1eaca97\n") && strings.Contains(issuer, "=net\n") &&
			strings.Contains(issuer, "=windows\n") {
			t.Errorf("%s: %v; by openssl the issuer is\n%s", name, err, want.issuer)
		}
	case errors.Is(err, wpj.ErrContradictory):
	case strings.Contains(err.Error(), "extension 1.2.840.113556.1.5.284."),
		strings.Contains(err.Error(), ": device id: "):
	case strings.Contains(err.Error(), "not a time") && (want.notBefore.IsZero() || want.notAfter.IsZero()):
	default:
		t.Errorf("%s: %v; openssl reads it\n%x", name, err, der)
	}
}

func TestOddities(t *testing.T) {
	der := issue(t, entra.Device{DeviceID: deviceID}.NegativeSerial()).DER
	all := oddities(t)
	var readByOpenssl atomic.Int64
	t.Cleanup(func() {
		// The versions of openssl differ in what they refuse. An openssl that refuses everything would prove nothing.
		if count := int(readByOpenssl.Load()); count < len(all)*3/4 {
			t.Errorf("openssl reads only %d of %d", count, len(all))
		}
	})
	for _, odd := range all {
		t.Run(odd.name, func(t *testing.T) {
			t.Parallel()
			tree := treeOf(t, bytes.Clone(der))
			odd.change(tree)
			encoded := tree.encode()
			got, err := wpj.ParseCertificate(encoded)
			if !errors.Is(err, odd.want) || err != nil && !strings.Contains(err.Error(), odd.part) ||
				(got == nil) == (err == nil) {
				t.Fatalf("got %+v, %v; want %v that names %q", got, err, odd.want, odd.part)
			}
			if err == nil && (got.DeviceID != deviceID || (got.PublicKey == nil) != odd.keyless) {
				t.Errorf("device %q, key %v", got.DeviceID, got.PublicKey)
			}
			read := openssl(t, encoded)
			if read != nil {
				readByOpenssl.Add(1)
			}
			if read != nil && err == nil && !odd.rewritten && read.fingerprint != string(got.Thumbprint) {
				t.Errorf("thumbprint %s, openssl has %s", got.Thumbprint, read.fingerprint)
			}
			sameAsOpenssl(t, odd.name, encoded)
		})
	}
}

// Certificates with random changes: a byte changed, removed or added, and random encodings.
func TestWhatOpensslReadsIsRead(t *testing.T) {
	der := issue(t, entra.Device{DeviceID: deviceID}).DER
	seed := [2]uint64{mathrand.Uint64(), mathrand.Uint64()}
	random := mathrand.New(mathrand.NewPCG(seed[0], seed[1]))
	odd := oddities(t)
	var certificates [][]byte
	for range 100 {
		tree := treeOf(t, bytes.Clone(der))
		if random.IntN(3) > 0 { // one at most: each expects the original form of a certificate
			if one := odd[random.IntN(len(odd))]; one.want == nil && one.name != "version 1 with extensions" &&
				!strings.HasPrefix(one.name, "version") {
				one.change(tree)
			}
		}
		tree.each(func(n *node) {
			switch random.IntN(40) {
			case 0:
				n.long = random.IntN(9)
			case 1:
				n.indefinite = n.isConstructed()
			}
		})
		encoded := tree.encode()
		if random.IntN(2) == 0 {
			// The signature is two fifths of a certificate, and nothing in it matters.
			at := random.IntN(len(encoded) * 3 / 5)
			switch random.IntN(3) {
			case 0:
				encoded[at] ^= 1 << random.IntN(8)
			case 1:
				encoded = slices.Delete(encoded, at, at+1)
			case 2:
				encoded = slices.Insert(encoded, at, byte(random.IntN(256)))
			}
		}
		certificates = append(certificates, encoded)
	}
	var group sync.WaitGroup
	next := make(chan int)
	for range 4 {
		group.Go(func() {
			for i := range next {
				sameAsOpenssl(t, fmt.Sprintf("%d of seed %v", i, seed), certificates[i])
			}
		})
	}
	for i := range certificates {
		next <- i
	}
	close(next)
	group.Wait()
}
