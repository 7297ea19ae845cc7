package jamfstate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"usher.internal/internal/lazyregexp"
	"usher.internal/internal/oneline"
	"usher.internal/internal/wpj"
)

// PSSOStatus is the answer of getPSSOStatus.
type PSSOStatus struct {
	// Status is MSALPlatformSSOStatus, 0 to 3 [MSAL].
	Status int
	// From extraDeviceInformation; empty if it is not there.
	DeviceID          wpj.DeviceID
	TenantID          wpj.TenantID
	UserPrincipalName wpj.UserPrincipalName
	Thumbprint        wpj.Thumbprint
	CloudHost         string
	FullMode          string
}

// statusNames are MSAL's names of the statuses [MSAL].
var statusNames = []string{"NotEnabled", "EnabledNotRegistered", "EnabledAndRegistered", "RegistrationNeedsRepair"}

// Name is MSAL's name of the status; empty for an unknown one.
func (s *PSSOStatus) Name() string {
	if s.Status < 0 || s.Status >= len(statusNames) {
		return ""
	}
	return statusNames[s.Status]
}

// metadata finds one entry of the dictionary's dump: the key, in quotes and AnyHashable or not, and its value up to the
// next separator. The exact punctuation is known only from the patterns of community scripts [BW-EA2], some of which
// remove the quotes and brackets. So many forms are accepted.
var metadata = lazyregexp.New(
	`(?:primary_registration_metadata_([a-z_]+)|(isSSOExtensionInFullMode))"?\)?[ \t]*[:=][ ` +
		`\t]*(?:Optional\()?"?([^",;\s\])]*)`)

// keys finds the first key of a dump; maximumBefore is how far before it the dump can begin, and maximumDump how long
// it can be.
var keys = lazyregexp.New(`primary_registration_metadata_|isSSOExtensionInFullMode`)

const (
	maximumBefore = 64
	maximumDump   = 8 << 10
)

// number finds a status: the number, MSAL's name of it, or both.
var number = lazyregexp.New(
	`^(\d{1,3})(?:[ \t]*[-:(=][ \t]*(?:MSALPlatformSSO)?[A-Za-z ]+\)?)?$|` +
		`^(?:MSALPlatformSSO)?(NotEnabled|EnabledNotRegistered|EnabledAndRegistered|RegistrationNeedsRepair)` +
		`(?:[ \t]*\((\d{1,3})\))?$`)

// asked finds the text that scripts print before the answer, in the same line or in the line before it.
var asked = lazyregexp.New(`(?i)^(?:.*getPSSOStatus"?'?|psso[ _]?status(?:[ _]code)?)[ \t]*[:=]?[ \t]*(.*)$`)

// ErrTimedOut is wrapped if Jamf Conditional Access said that Microsoft's single sign-on did not answer in time
// [SK-SSOREM]. The status is unknown then, and a later attempt helps.
var ErrTimedOut = errors.New("no answer in time from Microsoft's single sign-on")

// isTimedOut reports whether a line is the warning of [ErrTimedOut].
func isTimedOut(line string) bool {
	return strings.HasPrefix(strings.ToLower(strings.ReplaceAll(line, " ", "")), "warning:timedout")
}

// ParsePSSOStatus reads the output of getPSSOStatus: first a number, then the dump of a Swift dictionary. The error
// wraps [ErrNotRecognised], and also [ErrTimedOut] if the output reports a timeout.
func ParsePSSOStatus(output []byte) (*PSSOStatus, error) {
	text := strings.TrimSpace(string(output))
	for line := range strings.Lines(text) {
		if isTimedOut(strings.TrimSpace(line)) {
			return nil, fmt.Errorf("output of getPSSOStatus: %w: %w", ErrNotRecognised, ErrTimedOut)
		}
	}
	first, rest, _ := strings.Cut(text, "\n")
	said, sameLine, _ := strings.Cut(strings.TrimSpace(first), " ")
	status, known := statusOf(said)
	if !known || status < wpj.SingleSignOnNotEnabled || status > wpj.SingleSignOnNeedsRepair {
		return nil, fmt.Errorf("output of getPSSOStatus: %w: it begins with %q, not with a number from 0 to 3",
			ErrNotRecognised, oneline.Of(first, maximumQuoted))
	}
	read := &PSSOStatus{Status: status}
	read.take(unwrapped(sameLine + "\n" + rest))
	return read, nil
}

// maximumQuoted is how much of a text that was not recognised is quoted, in characters.
const maximumQuoted = 80

// statusOf reads a number, MSAL's name of it, or both.
func statusOf(text string) (int, bool) {
	found := number.FindStringSubmatch(text)
	if found == nil {
		return 0, false
	}
	if found[2] != "" {
		return slices.Index(statusNames, found[2]), true
	}
	status, err := strconv.Atoi(found[1])
	return status, err == nil
}

// unwrapped puts each dump of a dictionary on one line, since terminals and mail programs wrap it. Empty lines after it
// replace the joined lines, so all other lines keep their numbers.
func unwrapped(text string) string {
	var out strings.Builder
	for {
		key := keys.FindStringIndex(text)
		if key == nil {
			return out.String() + text
		}
		begin := max(0, key[0]-maximumBefore)
		bracket := strings.LastIndexByte(text[begin:key[0]], '[')
		end := strings.IndexByte(text[key[1]:min(len(text), key[1]+maximumDump)], ']')
		if bracket < 0 || end < 0 { // another form, or cut
			out.WriteString(text[:key[1]])
			text = text[key[1]:]
			continue
		}
		begin, end = begin+bracket, key[1]+end
		out.WriteString(text[:begin])
		wrapped := text[begin:end]
		out.WriteString(strings.NewReplacer("\n", "", "\r", "").Replace(wrapped))
		last, after, more := strings.Cut(text[end:], "\n")
		out.WriteString(last + strings.Repeat("\n", strings.Count(wrapped, "\n")))
		if text = after; more {
			out.WriteString("\n")
		}
	}
}

// take reads the entries of a dictionary's dump.
func (s *PSSOStatus) take(text string) {
	for _, found := range metadata.FindAllStringSubmatch(text, -1) {
		value := found[3]
		if value == "nil" || value == "<null>" || value == "(null" {
			continue
		}
		switch found[1] + found[2] {
		case "device_id":
			s.DeviceID = wpj.DeviceID(strings.ToLower(value))
		case "tenant_id":
			s.TenantID = wpj.TenantID(strings.ToLower(value))
		case "upn":
			s.UserPrincipalName = wpj.UserPrincipalName(value)
		case "certificate_thumbprint":
			s.Thumbprint = wpj.Thumbprint(strings.ToLower(value))
		case "cloud_host":
			s.CloudHost = value
		case "isSSOExtensionInFullMode":
			s.FullMode = value
		}
	}
}

// FoundStatus is an answer of getPSSOStatus in other output.
type FoundStatus struct {
	PSSOStatus
	// Known is true if a number was found; otherwise only the dictionary was found.
	Known bool
	// TimedOut is true if Microsoft's single sign-on did not answer; then nothing else is set.
	TimedOut bool
	// Line is the line in which it begins, counted from 0.
	Line int
}

// FindPSSOStatuses finds answers of getPSSOStatus in other output: of a terminal, of a script that prints more, or of
// an extension attribute. A number is a status only if a dictionary follows it, or if the line before it names
// getPSSOStatus. Many other values are numbers too.
func FindPSSOStatuses(text string) []FoundStatus {
	var found []FoundStatus
	previous, open := "", false // open: the last one can still take lines of its dictionary
	for at, line := range strings.Split(unwrapped(text), "\n") {
		line = strings.TrimSpace(line)
		hasDictionary := metadata.FindStringSubmatch(line) != nil
		status, isStatus := statusOf(line)
		label := asked.FindStringSubmatch(line)
		switch {
		case line == "":
			continue
		case isTimedOut(line):
			found, open = append(found, FoundStatus{TimedOut: true, Line: at}), false
		case hasDictionary:
			before, _, _ := strings.Cut(
				strings.NewReplacer("extraDeviceInformation", "[", "AnyHashable", "[", "{", "[").Replace(line), "[")
			sameLine, onSameLine := statusOf(strings.TrimSpace(before))
			before = previous
			if label := asked.FindStringSubmatch(previous); label != nil {
				before = label[1]
			}
			earlier, isEarlier := statusOf(before)
			switch {
			case onSameLine:
				found, open = append(found, FoundStatus{PSSOStatus{Status: sameLine}, true, false, at}), true
			case open:
			case isEarlier:
				found, open = append(found, FoundStatus{PSSOStatus{Status: earlier}, true, false, at - 1}), true
			default:
				found, open = append(found, FoundStatus{Line: at}), true
			}
			found[len(found)-1].take(line)
		case label != nil:
			if status, isStatus = statusOf(label[1]); isStatus {
				found = append(found, FoundStatus{PSSOStatus{Status: status}, true, false, at})
			}
			open = isStatus
		case isStatus:
			open = asked.FindStringSubmatch(previous) != nil
			if open {
				found = append(found, FoundStatus{PSSOStatus{Status: status}, true, false, at})
			}
		case strings.Trim(line, "[]{}(),; ") != "" && !strings.HasPrefix(line, "extraDeviceInformation"):
			open = false
		}
		previous = line
	}
	return found
}

// Evidence returns the meaning of the status.
func (s *PSSOStatus) Evidence() wpj.Evidence {
	evidence := wpj.Evidence{
		Source: wpj.SourceSecureEnclave, Finding: wpj.Found, SecureEnclave: &wpj.SecureEnclave{Status: s.Status},
		DeviceID: s.DeviceID, TenantID: s.TenantID, UserPrincipalName: s.UserPrincipalName, Thumbprint: s.Thumbprint,
		CloudHost: s.CloudHost,
	}
	device := "no device is named"
	if s.DeviceID != "" {
		device = "a device is named"
	}
	evidence.Detail = fmt.Sprintf("Microsoft's single sign-on says %d, %s; %s.", s.Status, s.Name(), device)
	if s.Status == wpj.SingleSignOnNotEnabled && s.DeviceID == "" {
		evidence.Finding = wpj.NotThere
	}
	return evidence
}
