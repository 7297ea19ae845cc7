// Package recognise says what a file or a pasted text from a Mac shows about its registration.
//
// [Read] recognises the formats that admins, users and help desks send: certificates, property lists, the output of
// app-sso, getPSSOStatus, `security` and `defaults`, values of extension attributes, and configuration profiles. A
// terminal, a ticket system or a mail program may have changed them. Each becomes a [pasted.Thing] with facts. A fact
// says what is in the text. It is not a state of the user: that depends on every place of the Mac. A thing has evidence
// for a state only if the text is the output of the Mac's own source for it.
//
// Nothing is verified: the sender can have written the text.
package recognise

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher.internal/ctl/inspect/mobileconfig"
	"usher.internal/ctl/inspect/pasted"
)

// MaximumSize is the maximum length of [Read]'s content, in bytes. Everything that it reads is much shorter.
const MaximumSize = 1 << 20

// maximumThings is how many things of one text are shown; a keychain's listing can have hundreds.
const maximumThings = 50

// Report has what was recognised, in the order of the text. ReadAs says how the text was read, if it had to be changed.
type Report struct {
	Things []pasted.Thing
	ReadAs []string
}

// Usable reports whether one of the things could be used.
func (r Report) Usable() bool {
	return slices.ContainsFunc(r.Things, func(t pasted.Thing) bool { return t.Problem == "" })
}

var (
	// ErrTooLong says that the content is longer than [MaximumSize].
	ErrTooLong = errors.New("longer than 1 MiB, which nothing is that inspect reads")
	// ErrNotRecognised says that nothing was recognised.
	ErrNotRecognised = errors.New("nothing in it is what inspect reads")
)

// Format is a format that [Read] reads, for people.
type Format struct {
	Name, Mark string
}

// Formats are the formats that [Read] reads, in the order of the help text.
func Formats() []Format {
	var all []Format
	for _, one := range recognisers {
		all = append(all, Format{one.name, one.mark})
	}
	return all
}

// recogniser finds things of one kind.
type recogniser struct {
	id, name, mark string
	find           func(pasted.Source) []pasted.Thing
}

// recognisers are all that are tried. Each skips what an earlier one has read.
var recognisers []recogniser

func init() {
	recognisers = []recogniser{
		{"app-sso", "the output of `app-sso platform -s`", "a line Device Configuration: or User Configuration:",
			findAppSSO},
		{"psso-status", "the output of Jamf Conditional Access's getPSSOStatus",
			"extraDeviceInformation, or a number after the name of the command", findStatus},
		{"certificate-pem", "certificates, PEM", "a line " + pemBegin + "; also of `security find-certificate -a -p`",
			findPEM},
		{"certificate-der", "a certificate, DER", "a DER sequence", findDER},
		{"keychain-listing", "the output of `security find-certificate -a -Z` or `security dump-keychain`",
			"lines with \"alis\"<blob>= or \"issu\"<blob>=", findListing},
		{"identity-listing", "the output of `security find-identity`", "a line that ends with identities found",
			findIdentities},
		{"jamf-agent-state", "com.jamf.management.jamfAAD.plist of a user",
			"have_an_Azure_id or last_aad_token_timestamp, also from `defaults read`", findAgentState},
		{"jamf-settings", "com.jamfsoftware.jamf.plist of a Mac",
			"microsoftCAEnabled or microsoftCANativeClientAppId, also from `defaults read`", findSettings},
		{"configuration-profile", "a configuration profile",
			"PayloadType, ExtensionIdentifier, or a declaration com.apple.configuration.extensible-sso; also signed, " +
				"and from `profiles -C -o stdout-xml`", mobileconfig.Find},
		{"directory-record", "AltSecurityIdentities of `dscl . -read /Users/NAME`", "a line AltSecurityIdentities:",
			findDirectory},
		{"gather", "the output of Jamf Conditional Access's gatherAADInfo", "a line AAD ID acquired, or not",
			findGather},
		{"extension-attribute", "the value of an extension attribute",
			"<result>, or a value that a known script prints", findAttributes},
	}
}

// Read says what content shows at the time now. The error wraps [ErrTooLong] or [ErrNotRecognised].
func Read(content []byte, now time.Time) (Report, error) {
	if len(content) > MaximumSize {
		return Report{}, ErrTooLong
	}
	var best Report
	for _, reading := range pasted.Readings(content) {
		one := report(reading, content, now)
		if better(one, best) {
			best = one
		}
	}
	if len(best.Things) == 0 {
		if thing := foreign(content); thing != nil {
			return Report{Things: []pasted.Thing{*thing}}, nil
		}
		if thing := bare(content); thing != nil {
			return Report{Things: []pasted.Thing{*thing}}, nil
		}
		return Report{}, ErrNotRecognised
	}
	return best, nil
}

// report returns what is found in the content when it is read in this way.
func report(r pasted.Reading, content []byte, now time.Time) Report {
	from := pasted.Source{Content: content, Text: r.Text, Lines: strings.Split(r.Text, "\n"), Now: now}
	from.Lists = pasted.Lists(from)
	found := Report{ReadAs: r.How}
	for _, one := range recognisers {
		found.Things = append(found.Things, one.find(from)...)
	}
	slices.SortStableFunc(found.Things, func(a, b pasted.Thing) int { return a.At - b.At })
	if more := len(found.Things) - maximumThings; more > 0 {
		found.Things = found.Things[:maximumThings]
		found.ReadAs = append(slices.Clone(found.ReadAs),
			fmt.Sprintf("the first %d things; %d more are left out", maximumThings, more))
	}
	return found
}

// better reports whether a reading shows more than an earlier one, which changed less of the text.
func better(a, b Report) bool {
	worth := func(r Report) (sum int) {
		for _, one := range r.Things {
			if one.Problem == "" {
				sum += 1 + 2*len(one.Facts) - 5*one.Unsure
			}
		}
		return sum
	}
	return len(a.Things) > 0 && (len(b.Things) == 0 || worth(a) > worth(b))
}
