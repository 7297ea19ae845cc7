// Command security stands in for macOS's /usr/bin/security, as far as usher uses it, over the keychain of files that
// the stand-ins share (sim/filekeychain). It adds, finds and deletes certificates, identities and generic passwords. It
// prints in the layout of useragent/keychain/testdata/security, which follows Apple's sources. It never ships.
//
// Its content, and a lock, can put the keychain into every state.
package main

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
	"usher.internal/sim/filekeychain"
)

// The exit codes are the lowest bytes of OSStatus codes: errSecItemNotFound and errSecInteractionNotAllowed.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitLocked   = 36
	exitNotFound = 44
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// verbs are the supported commands, each with its options.
var verbs = map[string]func(*tool, options) (int, error){
	"find-certificate":        (*tool).findCertificates,
	"find-identity":           (*tool).findIdentities,
	"find-generic-password":   (*tool).findGenericPassword,
	"delete-certificate":      (*tool).deleteCertificate,
	"delete-identity":         (*tool).deleteCertificate,
	"delete-generic-password": (*tool).deleteGenericPassword,
	"add-generic-password":    (*tool).addGenericPassword,
	"import":                  (*tool).importItem,
	"dump-keychain":           (*tool).dump,
}

// tool is one run.
type tool struct {
	keychain       *filekeychain.Keychain
	stdout, stderr io.Writer
	verb           string
	// first is the argument after the verb.
	first string
}

// options are by their letters; an option without a value has "".
type options map[string]string

func run(arguments []string, stdout, stderr io.Writer) int {
	home, err := os.UserHomeDir()
	if err != nil || len(arguments) == 0 || verbs[arguments[0]] == nil {
		fmt.Fprintln(stderr, "Usage: security [-h] [-i] [-l] [-p prompt] [-q] [-v] [command] [opt ...]")
		return exitUsage
	}
	t := &tool{filekeychain.Open(filepath.Join(home, ".local/share/usher-sim/keychain")), stdout, stderr, arguments[0],
		""}
	if len(arguments) > 1 {
		t.first = arguments[1]
	}
	code, err := verbs[t.verb](t, parse(arguments[1:]))
	if errors.Is(err, filekeychain.ErrLocked) {
		fmt.Fprintf(stderr, "security: %s: User interaction is not allowed.\n", t.verb)
		return exitLocked
	}
	if err != nil {
		fmt.Fprintln(stderr, "security stand-in:", err)
		return exitFailed
	}
	return code
}

// parse reads options with a value, and those without. Any other argument names the keychain, of which there is only
// one here.
func parse(arguments []string) options {
	read := options{}
	for i := 0; i < len(arguments); i++ {
		letter, isOption := strings.CutPrefix(arguments[i], "-")
		if !isOption {
			continue
		}
		read[letter] = ""
		if i+1 < len(arguments) && !strings.HasPrefix(arguments[i+1], "-") && letter != "p" &&
			!strings.HasPrefix(arguments[i+1], "/") {
			i++
			read[letter] = arguments[i]
		}
	}
	return read
}

func (t *tool) notFound() (int, error) {
	fmt.Fprintf(t.stderr, "security: SecKeychainSearchCopyNext: The specified item could not be found in "+
		"the keychain.\n")
	return exitNotFound, nil
}

func (t *tool) findCertificates(options) (int, error) {
	items, err := t.keychain.Items(filekeychain.Certificate)
	if err != nil {
		return 0, err
	}
	for _, item := range items {
		fmt.Fprintf(t.stdout, "SHA-256 hash: %X\nSHA-1 hash: %X\n", sha256.Sum256(item.Data), sha1.Sum(item.Data))
		if err := pem.Encode(t.stdout, &pem.Block{Type: "CERTIFICATE", Bytes: item.Data}); err != nil {
			return 0, err
		}
	}
	return exitDone, nil
}

func (t *tool) findIdentities(options) (int, error) {
	items, err := t.keychain.Items(filekeychain.Certificate)
	if err != nil {
		return 0, err
	}
	keys, err := t.keychain.Items(filekeychain.Key)
	if err != nil {
		return 0, err
	}
	fmt.Fprint(t.stdout, "\nPolicy: X.509 Basic\n  Matching identities\n")
	count := 0
	for _, item := range items {
		certificate, err := wpj.ParseCertificate(item.Data)
		if err != nil || !slices.ContainsFunc(keys,
			func(key filekeychain.Item) bool { return key.ApplicationLabel == certificate.PublicKeyHash }) {
			continue
		}
		count++
		fmt.Fprintf(t.stdout, "%3d) %X %q (CSSMERR_TP_NOT_TRUSTED)\n", count, sha1.Sum(item.Data),
			string(certificate.DeviceID))
	}
	// Nobody trusts the authority of device certificates, so none is valid.
	fmt.Fprintf(t.stdout, "     %d identities found\n\n  Valid identities only\n     0 valid identities found\n", count)
	return exitDone, nil
}

// matches reports whether a generic password matches the requested account, service and label.
func (o options) matches(item filekeychain.Item) bool {
	for letter, value := range map[string]string{"a": item.Account, "s": item.Service, "l": item.Label} {
		if wanted, given := o[letter]; given && wanted != value {
			return false
		}
	}
	return true
}

func (t *tool) findGenericPassword(asked options) (int, error) {
	items, err := t.keychain.Items(filekeychain.GenericPassword)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(items, asked.matches)
	if i < 0 {
		return t.notFound()
	}
	item := items[i]
	fmt.Fprintf(t.stdout, "keychain: \"login.keychain-db\"\nversion: 512\nclass: \"genp\"\nattributes:\n")
	for _, attribute := range []struct{ name, value string }{
		{"0x00000007 <blob>", item.Label}, {`"acct"<blob>`, item.Account}, {`"desc"<blob>`, ""},
		{`"svce"<blob>`, item.Service},
	} {
		fmt.Fprintf(t.stdout, "    %s=%s\n", attribute.name, blob(attribute.value))
	}
	return exitDone, nil
}

// blob is an attribute in security's format: in quotes, or, if it is not plain, in hexadecimal and then in quotes.
func blob(value string) string {
	if value == "" {
		return "<NULL>"
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		var quoted bytes.Buffer
		for _, b := range []byte(value) {
			if b < ' ' || b > '~' {
				fmt.Fprintf(&quoted, "\\%03o", b)
				continue
			}
			quoted.WriteByte(b)
		}
		return fmt.Sprintf("0x%X  \"%s\"", value, quoted.String())
	}
	return `"` + value + `"`
}

func (t *tool) deleteCertificate(asked options) (int, error) {
	items, err := t.keychain.Items(filekeychain.Certificate)
	if err != nil {
		return 0, err
	}
	for _, item := range items {
		if !strings.EqualFold(fmt.Sprintf("%X", sha1.Sum(item.Data)), asked["Z"]) {
			continue
		}
		certificate, err := wpj.ParseCertificate(item.Data)
		_, err = t.keychain.Delete(func(one filekeychain.Item) bool {
			isKey := t.verb == "delete-identity" && err == nil && one.Class == filekeychain.Key &&
				one.ApplicationLabel == certificate.PublicKeyHash
			return isKey || one.Class == filekeychain.Certificate && bytes.Equal(one.Data, item.Data)
		})
		return exitDone, err
	}
	fmt.Fprintf(t.stderr, "Unable to delete certificate matching %q\n", asked["Z"])
	return exitFailed, nil
}

func (t *tool) deleteGenericPassword(asked options) (int, error) {
	if _, err := t.keychain.Items(filekeychain.GenericPassword); err != nil {
		return 0, err
	}
	deleted := false
	_, err := t.keychain.Delete(func(one filekeychain.Item) bool {
		if deleted || one.Class != filekeychain.GenericPassword || !asked.matches(one) {
			return false
		}
		deleted = true
		return true
	})
	if err == nil && !deleted {
		return t.notFound()
	}
	return exitDone, err
}

func (t *tool) addGenericPassword(asked options) (int, error) {
	item := filekeychain.Item{
		Class: filekeychain.GenericPassword, Account: asked["a"], Service: asked["s"], Label: asked["l"],
		Data: []byte(asked["w"]),
	}
	return exitDone, t.keychain.Add(item)
}

// importItem imports a certificate or a private key from a PEM file. A key gets neither a tag nor a label of its own,
// as with the real one.
func (t *tool) importItem(options) (int, error) {
	content, err := os.ReadFile(t.first)
	if err != nil {
		return 0, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		fmt.Fprintln(t.stderr, "security: SecKeychainItemImport: Unknown format in import.")
		return exitFailed, nil
	}
	item := filekeychain.Item{Class: filekeychain.Certificate, Data: block.Bytes}
	if block.Type != "CERTIFICATE" {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return 0, err
		}
		signer, ok := parsed.(crypto.Signer)
		if !ok {
			return 0, fmt.Errorf("import %T", parsed)
		}
		item.Class, item.ApplicationLabel = filekeychain.Key, entra.PublicKeyHash(signer.Public())
	}
	return exitDone, t.keychain.Add(item)
}

// dump prints the attributes of every item, as `security dump-keychain` does without -d, and no protected data.
func (t *tool) dump(options) (int, error) {
	for _, class := range []filekeychain.Class{filekeychain.GenericPassword, filekeychain.Certificate,
		filekeychain.Key} {
		items, err := t.keychain.Items(class)
		if err != nil {
			return 0, err
		}
		for _, item := range items {
			fmt.Fprintf(t.stdout, "keychain: \"login.keychain-db\"\nversion: 512\nclass: \"%s\"\nattributes:\n", class)
			issuer := ""
			if class == filekeychain.Certificate {
				if _, err := wpj.ParseCertificate(item.Data); !errors.Is(err, wpj.ErrNotWorkplaceJoin) {
					issuer = "MS-ORGANIZATION-ACCESS" // security prints names in upper case
				}
			}
			for _, attribute := range []struct{ name, value string }{
				{"0x00000007 <blob>", item.Label}, {`"acct"<blob>`, item.Account}, {`"svce"<blob>`, item.Service},
				{`"issu"<blob>`, issuer},
				{"0x00000006 <blob>", item.ApplicationLabel},
			} {
				fmt.Fprintf(t.stdout, "    %s=%s\n", attribute.name, blob(attribute.value))
			}
		}
	}
	return exitDone, nil
}
