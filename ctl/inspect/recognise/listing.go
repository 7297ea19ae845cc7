package recognise

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"usher.internal/ctl/inspect/pasted"
	"usher.internal/internal/lazyregexp"
	"usher.internal/internal/wpj"
)

// item is the output of `security` for one item of a keychain.
type item struct {
	at           int
	sha1, sha256 string
	keychain     string
	class        string
	attributes   map[string]string
}

var (
	hashLine      = lazyregexp.New(`^SHA-(1|256) hash:\s*([0-9A-Fa-f ]+)$`)
	keychainLine  = lazyregexp.New(`^keychain:\s*"?([^"]*)"?$`)
	classLine     = lazyregexp.New(`^class:\s*"?(\S+?)"?$`)
	attributeLine = lazyregexp.New(`^(?:"([a-z]{4})"|0x([0-9A-Fa-f]{8}) ?)<(?:blob|uint32|sint32|timedate)>=(.*)$`)
	listingLine   = lazyregexp.New(`^(?:version|attributes|data):|^-----`)
	guid          = lazyregexp.New(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// items reads a listing. An item begins with its first hash, with its keychain, or with an attribute that the last item
// already has: a `grep` may have left only some lines.
func items(from pasted.Source) []item {
	var all []item
	var current *item
	begin := func(at int) {
		all = append(all, item{at: at, attributes: map[string]string{}})
		current = &all[len(all)-1]
	}
	at, open := 0, "" // open is the attribute whose value may continue in the next line: a terminal wraps it
	for _, line := range from.Lines {
		trimmed := strings.TrimSpace(strings.TrimLeft(line, "> "))
		continued := open
		open = ""
		if hash := hashLine.FindStringSubmatch(trimmed); hash != nil {
			value := strings.ToLower(strings.ReplaceAll(hash[2], " ", ""))
			if current == nil || current.keychain != "" || len(current.attributes) > 0 ||
				hash[1] == "1" && current.sha1 != "" || hash[1] == "256" && current.sha256 != "" {
				begin(at)
			}
			if hash[1] == "1" {
				current.sha1 = value
			} else {
				current.sha256 = value
			}
		} else if keychain := keychainLine.FindStringSubmatch(trimmed); keychain != nil {
			if current == nil || current.keychain != "" || len(current.attributes) > 0 {
				begin(at)
			}
			current.keychain = keychain[1]
		} else if class := classLine.FindStringSubmatch(trimmed); class != nil && current != nil {
			current.class = class[1]
		} else if attribute := attributeLine.FindStringSubmatch(trimmed); attribute != nil {
			name := attribute[1] + attribute[2]
			if current == nil || current.attributes[name] != "" {
				begin(at)
			}
			current.attributes[name] = strings.TrimSpace(attribute[3])
			open = name
		} else if continued != "" && trimmed != "" && !listingLine.MatchString(trimmed) &&
			len(current.attributes[continued]) < pasted.MaximumString {
			current.attributes[continued] += trimmed
			open = continued
		}
		at += len(line) + 1
	}
	return all
}

// value reads an attribute's value: "text", 0xHEX "text with octal escapes", or <NULL>.
func (i item) value(name string) string {
	raw := i.attributes[name]
	if after, isHex := strings.CutPrefix(raw, "0x"); isHex {
		digits, _, _ := strings.Cut(after, " ")
		if decoded, err := hex.DecodeString(digits); err == nil {
			return string(decoded)
		}
		_, after, _ = strings.Cut(after, `"`) // wrapped, or cut
		return strings.TrimSuffix(after, `"`)
	}
	if raw == "<NULL>" {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(raw, `"`), `"`)
}

// hexadecimal returns the value of a binary attribute.
func (i item) hexadecimal(name string) string {
	if after, isHex := strings.CutPrefix(i.attributes[name], "0x"); isHex {
		digits, _, _ := strings.Cut(after, " ")
		return strings.ToLower(digits)
	}
	return ""
}

// isCertificate reports whether the item is a certificate: only certificates have an issuer, a serial number or hashes.
func (i item) isCertificate() bool {
	return i.class == "0x80001000" || i.attributes["issu"] != "" || i.attributes["snbr"] != "" || i.sha1 != "" ||
		i.sha256 != ""
}

// isDevice reports whether Entra's device registration issued the certificate. `security` prints names in upper case
// [BW-EA2].
func (i item) isDevice() bool {
	return strings.Contains(strings.ToUpper(i.value("issu")+i.attributes["issu"]),
		strings.ToUpper(wpj.IssuerCommonName))
}

// deviceID is the device that a device certificate names: all of its names are the device id.
func (i item) deviceID() string {
	for _, name := range []string{"alis", "labl", "subj"} {
		if id := guid.FindStringSubmatch(i.value(name)); id != nil {
			return strings.ToLower(id[0])
		}
	}
	return ""
}

func findListing(from pasted.Source) []pasted.Thing {
	all := items(from)
	if len(all) == 0 {
		return nil
	}
	// With -p the certificate itself follows its attributes, and says more.
	var printed []string
	for _, one := range pasted.PemBlocks(from.Text) {
		printed = append(printed, thumbprint(one.Der))
	}
	var things []pasted.Thing
	var devices []item
	certificates, withPEM := 0, len(printed) > 0
	for _, one := range all {
		if one.isCertificate() {
			certificates++
			if one.isDevice() && !slices.Contains(printed, one.sha1) {
				devices = append(devices, one)
			}
			continue
		}
		if thing, ours := workplaceJoinItem(one); ours {
			things = append(things, thing)
		}
	}
	for i, one := range devices {
		name := "a device certificate, listed by `security`"
		if len(devices) > 1 {
			name = fmt.Sprintf("device certificate %d of %d, listed by `security`", i+1, len(devices))
		}
		thing := pasted.Thing{Format: "keychain-listing", Name: name, At: one.at, Note: noteListing}
		thing.Add("device id", one.deviceID(), meaningDevice)
		thing.Add("thumbprint", one.sha1, meaningThumbprint)
		thing.Add("SHA-256", one.sha256, "")
		thing.Add("serial number", one.hexadecimal("snbr"), "its bytes, in hexadecimal")
		thing.Add("keychain", one.keychain, "")
		thing.Add("issuer", wpj.IssuerCommonName, "Entra's device registration service")
		thing.Add("valid", "not shown", "`security find-certificate -a -p` prints the certificates, with their dates")
		if len(devices) > 1 {
			thing.Add("newest", "cannot be said",
				"the listing has no dates; send the output of `security find-certificate -a -p`")
		}
		thing.Add("private key", "not shown",
			"the listing has certificates only; whether the key is there it does not say")
		things = append(things, thing)
	}
	if certificates > 0 && len(devices) == 0 && !withPEM {
		thing := pasted.Thing{Format: "keychain-listing", Name: "certificates, listed by `security`", At: all[0].at,
			Note: noteNoDevice}
		thing.Add("device certificates", "none", meaningNoDevice)
		thing.Add("other certificates", fmt.Sprint(certificates), "of other issuers; they say nothing about Entra")
		for _, one := range all[:min(len(all), 10)] {
			thing.Add("name", one.value("labl"), one.keychain)
		}
		things = append(things, thing)
	}
	return things
}

const noteListing = "A listing shows that a certificate is there, not whether somebody is registered with it: that " +
	"depends on its private key, its dates and the other places."

// workplaceJoinItems are the items that Workplace Join keeps beside the certificate; the value is the service [MSID].
var workplaceJoinItems = []struct{ account, name, meaning string }{
	{"com.microsoft.workplacejoin.registereduserprincipalname", "user principal",
		meaningUPN + " who registered this Mac"},
	{"com.microsoft.workplacejoin.tenantid", "tenant id", meaningTenant},
	{"com.microsoft.workplacejoin.thumbprint", "thumbprint", "of the certificate that belongs to the registration"},
	{"com.microsoft.workplacejoin.cloudenvironment", "cloud host", "the sign-in host of the Microsoft cloud"},
}

// workplaceJoinItem describes an item or a key of Workplace Join in the output of `security dump-keychain`.
func workplaceJoinItem(one item) (pasted.Thing, bool) {
	thing := pasted.Thing{Format: "keychain-listing", Name: "an item of Workplace Join, listed by `security`",
		At:   one.at,
		Note: noteListing}
	account := strings.ToLower(one.value("acct"))
	for _, known := range workplaceJoinItems {
		if account == known.account {
			thing.Add(known.name, one.value("svce"), known.meaning)
		}
	}
	for _, label := range []string{"00000001", "labl"} { // keys have numbered attributes; the first is the label
		if value := one.value(label); strings.HasPrefix(value, "Microsoft Workplace Join Key") ||
			strings.HasPrefix(value, "Microsoft Session Transport Key") {
			thing.Name = "a key of Workplace Join, listed by `security`"
			thing.Add("key", value, "a key of this name is in the keychain; whether it belongs to the certificate "+
				"it does not say")
		}
	}
	if len(thing.Facts) == 0 {
		return pasted.Thing{}, false
	}
	thing.Add("keychain", one.keychain, "")
	return thing, true
}

var (
	identityLine  = lazyregexp.New(`^\d+\) ([0-9A-Fa-f]{40}) "([^"]*)"(.*)$`)
	identityCount = lazyregexp.New(`^(\d+) (valid )?identities found$`)
)

func findIdentities(from pasted.Source) []pasted.Thing {
	thing := pasted.Thing{Format: "identity-listing", Name: "the output of `security find-identity`", At: -1,
		Note: "An identity is a certificate whose private key is there. The listing has no issuers and no dates, so " +
			"that it says of none whether Entra issued it."}
	counted, listed := false, map[string]bool{}
	at, named := 0, 0
	for _, line := range from.Lines {
		trimmed := strings.TrimSpace(strings.TrimLeft(line, "> "))
		if one := identityLine.FindStringSubmatch(trimmed); one != nil && !listed[one[1]] {
			listed[one[1]] = true
			if id := guid.FindStringSubmatch(one[2]); id != nil && id[0] == one[2] {
				named++
				thing.Add("device id, probably", strings.ToLower(one[2]),
					"device certificates are named by a GUID; its private key is there"+problemOf(one[3]))
				thing.Add("thumbprint", strings.ToLower(one[1]), meaningThumbprint)
			} else {
				thing.Add("other identity", one[2], "not named as device certificates are"+problemOf(one[3]))
			}
		} else if count := identityCount.FindStringSubmatch(trimmed); count != nil {
			counted = true
		} else {
			at += len(line) + 1
			continue
		}
		if thing.At < 0 {
			thing.At = at
		}
		at += len(line) + 1
	}
	if !counted && len(listed) == 0 {
		return nil
	}
	thing.Facts = append([]pasted.Fact{
		{Name: "identities named by a GUID", Value: fmt.Sprint(named), Meaning: "as device certificates are"}},
		thing.Facts...)
	if named == 0 {
		thing.Note += " " + noteNoDevice
	}
	return []pasted.Thing{thing}
}

// problemOf returns the problem that `security` prints after an identity, for example (CSSMERR_TP_CERT_EXPIRED).
func problemOf(text string) string {
	if text = strings.Trim(text, " ()"); text == "" {
		return ""
	}
	return "; `security` says " + text
}
