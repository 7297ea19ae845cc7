package wpj_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

// A key whose signatures would take long to verify, or that is not a key, is read as one that cannot be verified. The
// reason is given.
func TestKeysThatAreNotVerified(t *testing.T) {
	der := issue(t, entra.Device{}).DER
	odd := func(size int) []byte { return slices.Concat([]byte{0, 0x80}, make([]byte, size-2), []byte{1}) }
	usual := []byte{1, 0, 1}
	old, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	numbers := func(modulus, exponent []byte) func(*node) {
		return withKey(t, &key.PublicKey, func(n *node) { n.children[1].content = rsaPublic(modulus, exponent) })
	}
	for name, test := range map[string]struct {
		change func(*node)
		want   string // "" is a key that is verified
	}{
		"1024 bits":                  {numbers(odd(128), usual), ""},
		"8192 bits":                  {numbers(odd(1024), usual), ""},
		"exponent 3":                 {numbers(odd(256), []byte{3}), ""},
		"exponent with zeros":        {numbers(odd(256), []byte{0, 0, 0, 1, 0, 1}), ""},
		"one bit too many":           {numbers(slices.Concat([]byte{1}, odd(1024)[1:]), usual), "8193 bits"},
		"16384 bits":                 {numbers(odd(2048), usual), "16384 bits"},
		"two million bits":           {numbers(odd(250_000), usual), "2000000 bits"},
		"768 bits":                   {numbers(odd(96), usual), "768 bits"},
		"modulus of one bit":         {numbers([]byte{1}, usual), "1 bits"},
		"modulus zero":               {numbers([]byte{0, 0}, usual), "modulus of its RSA key: it is zero"},
		"even modulus":               {numbers(slices.Concat(odd(256)[:256], []byte{2}), usual), "is even"},
		"negative modulus":           {numbers(odd(256)[1:], usual), "modulus of its RSA key: it is negative"},
		"modulus without content":    {numbers(nil, usual), "modulus of its RSA key"},
		"exponent zero":              {numbers(odd(256), []byte{0}), "exponent of its RSA key: it is zero"},
		"exponent 1":                 {numbers(odd(256), []byte{1}), "neither 3 nor 65537"},
		"exponent 5":                 {numbers(odd(256), []byte{5}), "neither 3 nor 65537"},
		"exponent 65539":             {numbers(odd(256), []byte{1, 0, 3}), "neither 3 nor 65537"},
		"the largest exponent of Go": {numbers(odd(1024), []byte{0x7f, 0xff, 0xff, 0xff}), "of 31 bits, is neither"},
		"exponent of two megabits":   {numbers(odd(256), odd(250_000)), "of 2000000 bits, is neither"},
		"negative exponent":          {numbers(odd(256), []byte{0x83}), "exponent of its RSA key: it is negative"},
		"P-224":                      {withKey(t, &old.PublicKey, nil), "its curve is 1.3.132.0.33"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := treeOf(t, bytes.Clone(der))
			test.change(tree)
			got, err := wpj.ParseCertificate(tree.encode())
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case test.want == "" && (got.PublicKey == nil || got.KeyProblem != nil):
				t.Errorf("it is not verified: %v", got.KeyProblem)
			case test.want != "" && (got.PublicKey != nil || got.KeyProblem == nil ||
				!strings.Contains(got.KeyProblem.Error(), test.want)):
				t.Errorf("key %T, problem %v, want %q", got.PublicKey, got.KeyProblem, test.want)
			}
		})
	}
}
