package keychain

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// outputs are the parsers by the command whose output they read; each returns its result as text.
var outputs = []struct {
	command string
	parse   func(output []byte) string
}{
	{"find-certificate", func(output []byte) string {
		certificates, err := parseCertificates(output)
		var text strings.Builder
		for _, c := range certificates {
			fmt.Fprintf(&text, "certificate %s of %d bytes\n", thumbprintOf(c.DER), len(c.DER))
		}
		return text.String() + errorLine(err)
	}},
	{"find-identity", func(output []byte) string {
		identities, err := parseIdentities(output)
		var text strings.Builder
		for _, thumbprint := range identities {
			fmt.Fprintf(&text, "identity %s\n", thumbprint)
		}
		return text.String() + errorLine(err)
	}},
	{"find-generic-password", func(output []byte) string {
		password, err := parseGenericPassword(output)
		if err != nil {
			return errorLine(err)
		}
		return fmt.Sprintf("account %q\nservice %q\nlabel %q\n", password.Account, password.Service, password.Label)
	}},
}

func errorLine(err error) string {
	if err == nil {
		return ""
	}
	return "error: " + err.Error() + "\n"
}

func TestOutputOfSecurity(t *testing.T) {
	const directory, input = "testdata/security", ".txt"
	for _, output := range outputs {
		files, err := filepath.Glob(filepath.Join(directory, output.command+"*"+input))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", output.command, len(files), err)
		}
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), input), func(t *testing.T) {
				got := output.parse(read(t, file))
				golden := strings.TrimSuffix(file, input) + ".golden"
				if *updateGolden {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if want := string(read(t, golden)); got != want {
					t.Errorf("got\n%swant\n%s", got, want)
				}
				// The errors may be logged, but the keychain's content may not.
				if _, message, failed := strings.Cut(got, "error: "); failed &&
					regexp.MustCompile(`(?i)jane|users|34b1ba9a`).MatchString(message) {
					t.Errorf("the error says too much: %s", message)
				}
			})
		}
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// printCertificates prints as `security find-certificate -a -p -Z` does.
func printCertificates(certificates []Certificate) []byte {
	var output bytes.Buffer
	for _, c := range certificates {
		fmt.Fprintf(&output, "SHA-256 hash: %X\nSHA-1 hash: %s\n", sha256.Sum256(c.DER),
			strings.ToUpper(thumbprintOf(c.DER)))
		output.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.DER}))
	}
	return output.Bytes()
}

// printBlob prints the value of an attribute as `security` does.
func printBlob(value string) string {
	printable, hexadecimal := false, false
	var rendering strings.Builder
	for _, letter := range []byte(value) {
		if letter >= ' ' && letter <= '~' && letter != '\\' {
			printable = true
			rendering.WriteByte(letter)
		} else {
			hexadecimal = true
			fmt.Fprintf(&rendering, `\%03o`, letter)
		}
	}
	text := ""
	if hexadecimal {
		text = fmt.Sprintf("0x%X ", value)
		if printable {
			text += " "
		}
	}
	if printable {
		text += `"` + rendering.String() + `"`
	}
	return text
}

func FuzzParseCertificates(f *testing.F) {
	f.Add([]byte("SHA-1 hash: B6589FC6AB0DC82CF12099D1C2D40AB994E8410C\n-----BEGIN CERTIFICATE-----\nMA==\n-----END " +
		"CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("keychain: \"x\"\n"))
	f.Fuzz(func(t *testing.T, output []byte) {
		certificates, err := parseCertificates(output)
		if err != nil {
			if certificates != nil {
				t.Error("half a list is handed on")
			}
			return
		}
		again, err := parseCertificates(printCertificates(certificates))
		if err != nil || len(again) != len(certificates) {
			t.Fatalf("printed anew: %d of %d, %v", len(again), len(certificates), err)
		}
		for i := range again {
			if len(again[i].DER) == 0 || !bytes.Equal(again[i].DER, certificates[i].DER) {
				t.Errorf("certificate %d: % x, then % x", i, certificates[i].DER, again[i].DER)
			}
		}
	})
}

func FuzzParseIdentities(f *testing.F) {
	f.Add([]byte("\nPolicy: X.509 Basic\n  Matching identities\n  1) 1BADB002AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA \"a\" " +
		"(b)\n     1 identities found\n\n"))
	f.Add([]byte("  Valid identities only\n     0 valid identities found\n"))
	f.Fuzz(func(t *testing.T, output []byte) {
		identities, err := parseIdentities(output)
		if err != nil && identities != nil {
			t.Error("half a list is handed on")
		}
		seen := map[string]bool{}
		for _, thumbprint := range identities {
			if !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(thumbprint) || seen[thumbprint] {
				t.Errorf("identity %q", thumbprint)
			}
			seen[thumbprint] = true
		}
	})
}

func FuzzParseGenericPassword(f *testing.F) {
	f.Add([]byte("class: \"genp\"\nattributes:\n    \"acct\"<blob>=\"a\"\n    \"svce\"<blob>=0xC3A9 \n"))
	f.Add([]byte("attributes:\n    0x00000007 <blob>=<NULL>\n"))
	f.Fuzz(func(t *testing.T, output []byte) {
		password, err := parseGenericPassword(output)
		if err != nil {
			if password != (GenericPassword{}) {
				t.Error("half an item is handed on")
			}
			return
		}
		again, err := parseGenericPassword(
			fmt.Appendf(nil, "class: \"genp\"\nattributes:\n    0x00000007 <blob>=%s\n    \"acct\"<blob>=%s\n    "+
				"\"svce\"<blob>=%s\n",
				printBlob(password.Label), printBlob(password.Account), printBlob(password.Service)))
		if err != nil || again != password {
			t.Errorf("%q, printed anew: %q, %v", password, again, err)
		}
	})
}
