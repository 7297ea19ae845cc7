package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"usher.internal/internal/contract"
	"usher.internal/internal/jamfstate"
	"usher.internal/internal/platformsso"
	"usher.internal/internal/wpj"
)

// maximumInspected is more than anything that inspect reads can sensibly hold, in bytes.
const maximumInspected = 1 << 20

// format is one that inspect reads.
type format struct {
	// id is stable, for scripts.
	id string
	// name is what a person calls it, and mark how it is told from everything else.
	name, mark string
	// note is what the state does not say; empty for nothing.
	note  string
	marks func(content []byte) bool
	// read is asked for content that has the mark alone.
	read func(content []byte) (wpj.Evidence, error)
}

const (
	noteCertificate = "A certificate in a file never has its private key, and no user goes with it: on the Mac itself the state depends on both. Only `usherctl status` there tells."
	noteJamf        = "Jamf's files do not say whether there is a registration, but what Jamf made of one."
	noteOnePlace    = "This is one of the places where a registration can be; a Mac has others."
)

// formats are tried in this order; the first whose mark is there is what the content is taken for.
var formats = []format{
	{"certificate-pem", "a certificate, PEM", "a line " + pemBegin, noteCertificate,
		func(content []byte) bool { return bytes.Contains(content, []byte(pemBegin)) }, readPEM},
	{"certificate-der", "a certificate, DER", "a DER sequence", noteCertificate,
		func(content []byte) bool {
			return len(content) > 4 && content[0] == 0x30 && content[1] > 0x80 && content[1] < 0x85
		},
		func(content []byte) (wpj.Evidence, error) { return readCertificates([][]byte{content}) }},
	{"jamf-agent-state", "com.jamf.management.jamfAAD.plist of a user", "a property list with have_an_Azure_id or last_aad_token_timestamp", noteJamf,
		func(content []byte) bool {
			return isPropertyList(content, "have_an_Azure_id", "last_aad_token_timestamp")
		},
		func(content []byte) (wpj.Evidence, error) { return evidenceOf(jamfstate.ParseAgentState(content)) }},
	{"jamf-settings", "com.jamfsoftware.jamf.plist of a Mac", "a property list with microsoftCAEnabled or microsoftCANativeClientAppId", noteJamf,
		func(content []byte) bool {
			return isPropertyList(content, "microsoftCAEnabled", "microsoftCANativeClientAppId")
		},
		func(content []byte) (wpj.Evidence, error) { return evidenceOf(jamfstate.ParseSettings(content)) }},
	{"app-sso", "the output of `app-sso platform -s`", "a line " + deviceConfiguration, noteOnePlace,
		func(content []byte) bool { return bytes.Contains(content, []byte(deviceConfiguration)) },
		func(content []byte) (wpj.Evidence, error) { return evidenceOf(platformsso.Parse(content)) }},
	{"psso-status", "the output of Jamf Conditional Access's getPSSOStatus", "a number from 0 to 3, and extraDeviceInformation if anything", noteOnePlace,
		isStatus,
		func(content []byte) (wpj.Evidence, error) { return evidenceOf(jamfstate.ParsePSSOStatus(content)) }},
}

const (
	pemBegin            = "-----BEGIN CERTIFICATE-----"
	deviceConfiguration = "Device Configuration:"
)

// evidenceOf is what a parser's result says, unless it is an error.
func evidenceOf[T interface{ Evidence() wpj.Evidence }](parsed T, err error) (wpj.Evidence, error) {
	if err != nil {
		return wpj.Evidence{}, err
	}
	return parsed.Evidence(), nil
}

// isPropertyList tells whether the content is a property list in which one of the keys stands; both forms have it as it is.
func isPropertyList(content []byte, keys ...string) bool {
	trimmed := bytes.TrimSpace(content)
	if !slices.ContainsFunc([]string{"bplist00", "<?xml", "<!DOCTYPE plist", "<plist"}, func(begin string) bool { return bytes.HasPrefix(trimmed, []byte(begin)) }) {
		return false
	}
	return containsAny(content, keys...)
}

func containsAny(content []byte, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return bytes.Contains(content, []byte(word)) })
}

// isStatus tells whether text is what getPSSOStatus prints. A number at its beginning is not enough: much begins with one.
func isStatus(content []byte) bool {
	if _, err := jamfstate.ParsePSSOStatus(content); err != nil {
		return false
	}
	return len(bytes.TrimSpace(content)) == 1 ||
		containsAny(content, "extraDeviceInformation", "primary_registration_metadata_", "isSSOExtensionInFullMode")
}

func readPEM(content []byte) (wpj.Evidence, error) {
	var ders [][]byte
	for {
		var block *pem.Block
		if block, content = pem.Decode(content); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" { // a key beside it is not looked at
			ders = append(ders, block.Bytes)
		}
	}
	if len(ders) == 0 {
		return wpj.Evidence{}, errors.New("the certificate is cut short or damaged")
	}
	return readCertificates(ders)
}

// readCertificates takes certificates for what a login keychain without keys and items would hold.
func readCertificates(ders [][]byte) (wpj.Evidence, error) {
	evidence := wpj.Evidence{Source: wpj.SourceLoginKeychain, Finding: wpj.Found}
	var unread error
	for _, der := range ders {
		if _, err := wpj.ParseCertificate(der); errors.Is(err, wpj.ErrNotWorkplaceJoin) {
			unread = err
			continue
		}
		evidence.Certificates = append(evidence.Certificates, wpj.HeldCertificate{DER: der})
	}
	if len(evidence.Certificates) == 0 {
		return wpj.Evidence{}, fmt.Errorf("no certificate in it is a device certificate by %s: %w", wpj.IssuerCommonName, unread)
	}
	evidence.Detail = fmt.Sprintf("%d of %d certificates in the file are device certificates.", len(evidence.Certificates), len(ders))
	return evidence, nil
}

// inspection is what a file says, as --json prints it.
type inspection struct {
	// Format is stable, Name for people.
	Format string `json:"format"`
	Name   string `json:"name"`
	// Identity and Evidence are the contract's messages.
	Identity json.RawMessage `json:"identity"`
	Evidence json.RawMessage `json:"evidence"`
	Meaning  string          `json:"meaning"`
	Fix      string          `json:"fix,omitempty"`
	Command  string          `json:"command,omitempty"`
	Note     string          `json:"note,omitempty"`
}

func (a *app) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE|-",
		Short: "Say what a file from a Mac tells of its registration; asks no helper",
		Long: `Say what a file that somebody sent tells of a registration: what it was taken for, the identity, and the state that it alone
would give. - reads standard input. Files that are read:
` + formatList("  "),
		Example: `  usherctl inspect device.pem
  app-sso platform -s | usherctl inspect -`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			content, err := readInspected(arguments[0], command.InOrStdin())
			if err != nil {
				return &failure{code: exitUsage, reason: "FILE_NOT_READABLE", message: err.Error()}
			}
			return a.inspect(content, time.Now())
		},
	}
}

// formatList is one line for each format.
func formatList(indent string) string {
	var lines []string
	for _, one := range formats {
		lines = append(lines, fmt.Sprintf("%s%s: %s", indent, one.name, one.mark))
	}
	return strings.Join(lines, "\n")
}

func readInspected(path string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	content, err := io.ReadAll(io.LimitReader(from, maximumInspected+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > maximumInspected:
		return nil, fmt.Errorf("%s is longer than 1 MiB, which nothing is that inspect reads", path)
	}
	return bytes.TrimPrefix(content, []byte("\ufeff")), nil
}

// inspected takes content for one of the formats. The error is a [*failure].
func inspected(content []byte) (format, wpj.Evidence, error) {
	for _, one := range formats {
		if !one.marks(content) {
			continue
		}
		evidence, err := one.read(content)
		if err != nil {
			return one, evidence, &failure{code: exitUsage, reason: "NOT_USABLE", message: fmt.Sprintf("taken for %s, and not usable as such: %v", one.name, err)}
		}
		return one, evidence, nil
	}
	return format{}, wpj.Evidence{}, &failure{code: exitUsage, reason: "NOT_RECOGNISED",
		message: "not a file that inspect reads; what was looked for:\n" + formatList("")}
}

func (a *app) inspect(content []byte, now time.Time) error {
	taken, evidence, err := inspected(content)
	if err != nil {
		return err
	}
	identity := wpj.Evaluate([]wpj.Evidence{evidence}, wpj.Conditions{Now: now})
	info, _ := identity.State.Info()
	if !a.json {
		a.printInspection(taken, evidence, identity, info, now)
		return nil
	}
	said := contract.EvidenceToProto(evidence)
	for _, certificate := range said.GetCertificates() {
		certificate.Der = nil // whoever asks has the file
	}
	found := inspection{Format: taken.id, Name: taken.name, Meaning: info.Meaning, Fix: info.Fix, Command: info.Command, Note: taken.note}
	if found.Identity, err = messageJSON(contract.IdentityToProto(&identity)); err != nil {
		return err
	}
	if found.Evidence, err = messageJSON(said); err != nil {
		return err
	}
	return a.printValue(found)
}

// messageJSON is a message as [app.printMessage] prints it.
func messageJSON(message proto.Message) (json.RawMessage, error) {
	data, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(message)
	if err != nil {
		return nil, defect(fmt.Errorf("print %T: %w", message, err))
	}
	return data, nil
}

func (a *app) printInspection(taken format, evidence wpj.Evidence, identity wpj.Identity, info wpj.StateInfo, now time.Time) {
	w := a.stdout
	field(w, "taken for", taken.name)
	field(w, "note", taken.note)
	field(w, "state", string(identity.State)+", by this alone")
	field(w, "meaning", info.Meaning)
	field(w, "rule", identity.Rule)
	field(w, "detail", identity.Detail)
	field(w, "what to do", info.Fix)
	field(w, "command", info.Command)
	fmt.Fprintln(w)
	// What the evidence names is told also where it comes to no identity.
	field(w, "device id", cmp.Or(string(identity.DeviceID), string(evidence.DeviceID)))
	field(w, "tenant id", cmp.Or(string(identity.TenantID), string(evidence.TenantID)))
	field(w, "user principal", cmp.Or(string(identity.UserPrincipalName), string(evidence.UserPrincipalName)))
	field(w, "user object id", string(identity.UserObjectID))
	field(w, "thumbprint", cmp.Or(string(identity.Thumbprint), string(evidence.Thumbprint)))
	field(w, "join type", string(identity.JoinType))
	field(w, "tenant region", identity.TenantRegion)
	field(w, "valid", validity(identity, now))
	field(w, "cloud host", evidence.CloudHost)
	if evidence.JamfSettings != nil {
		field(w, "client id", evidence.JamfSettings.ClientID)
	}
	field(w, "evidence", fmt.Sprintf("%s, %s: %s", evidence.Source, evidence.Finding, evidence.Detail))
	for _, one := range identity.Contradictions {
		field(w, "contradiction", one.Detail)
	}
}

func validity(identity wpj.Identity, now time.Time) string {
	if identity.NotAfter.IsZero() {
		return ""
	}
	how := "now"
	switch {
	case now.Before(identity.NotBefore):
		how = "not yet"
	case now.After(identity.NotAfter):
		how = "no more"
	}
	return fmt.Sprintf("%s: from %s to %s", how, identity.NotBefore.UTC().Format(time.RFC3339), identity.NotAfter.UTC().Format(time.RFC3339))
}
