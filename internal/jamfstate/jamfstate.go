// Package jamfstate reads what Jamf leaves on a Mac about its registration: the output of Jamf Conditional Access's
// getPSSOStatus, the user's com.jamf.management.jamfAAD.plist, and the Mac's com.jamfsoftware.jamf.plist.
//
// Each has a function that parses it, and a result whose Evidence method says what it means, without the time.
package jamfstate

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"howett.net/plist"

	"usher.internal/internal/oneline"
	"usher.internal/internal/wpj"
)

// ErrNotRecognised is wrapped by what is not in the format that a function reads.
var ErrNotRecognised = errors.New("not recognised")

// maximumQuoted is how much of a text that was not recognised is quoted, in characters.
const maximumQuoted = 80

// PSSOStatus is what getPSSOStatus said.
type PSSOStatus struct {
	// Status is MSALPlatformSSOStatus, 0 to 3 [MSAL].
	Status int
	// From extraDeviceInformation; empty where it does not say.
	DeviceID          wpj.DeviceID
	TenantID          wpj.TenantID
	UserPrincipalName wpj.UserPrincipalName
	Thumbprint        wpj.Thumbprint
	CloudHost         string
	FullMode          string
}

// metadata finds one entry of the dictionary's dump: the key, in quotes and AnyHashable or not, and its value up to the next
// separator. The exact punctuation is known only from the patterns of community scripts [BW-EA2], so much is tolerated.
var metadata = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:primary_registration_metadata_([a-z_]+)|(isSSOExtensionInFullMode))"?\)?\s*[:=]\s*(?:Optional\()?"?([^",\s\])]*)`)
})

// ParsePSSOStatus reads the output of getPSSOStatus: first a number, then the dump of a Swift dictionary.
func ParsePSSOStatus(output []byte) (*PSSOStatus, error) {
	text := strings.TrimSpace(string(output))
	first, rest, _ := strings.Cut(text, "\n")
	number, sameLine, _ := strings.Cut(strings.TrimSpace(first), " ")
	status, err := strconv.Atoi(number)
	if err != nil || status < wpj.SingleSignOnNotEnabled || status > wpj.SingleSignOnNeedsRepair {
		return nil, fmt.Errorf("output of getPSSOStatus: %w: it begins with %q, not with a number from 0 to 3", ErrNotRecognised, oneline.Of(first, maximumQuoted))
	}
	read := &PSSOStatus{Status: status}
	for _, found := range metadata().FindAllStringSubmatch(sameLine+"\n"+rest, -1) {
		value := found[3]
		if value == "nil" || value == "<null>" || value == "(null" {
			continue
		}
		switch found[1] + found[2] {
		case "device_id":
			read.DeviceID = wpj.DeviceID(strings.ToLower(value))
		case "tenant_id":
			read.TenantID = wpj.TenantID(strings.ToLower(value))
		case "upn":
			read.UserPrincipalName = wpj.UserPrincipalName(value)
		case "certificate_thumbprint":
			read.Thumbprint = wpj.Thumbprint(strings.ToLower(value))
		case "cloud_host":
			read.CloudHost = value
		case "isSSOExtensionInFullMode":
			read.FullMode = value
		}
	}
	return read, nil
}

// statusNames are MSAL's [MSAL].
var statusNames = []string{"NotEnabled", "EnabledNotRegistered", "EnabledAndRegistered", "RegistrationNeedsRepair"}

// Evidence is what the status says.
func (s *PSSOStatus) Evidence() wpj.Evidence {
	evidence := wpj.Evidence{
		Source: wpj.SourceSecureEnclave, Finding: wpj.Found, SecureEnclave: &wpj.SecureEnclave{Status: s.Status},
		DeviceID: s.DeviceID, TenantID: s.TenantID, UserPrincipalName: s.UserPrincipalName, Thumbprint: s.Thumbprint, CloudHost: s.CloudHost,
	}
	device := "no device is named"
	if s.DeviceID != "" {
		device = "a device is named"
	}
	evidence.Detail = fmt.Sprintf("Microsoft's single sign-on says %d, %s; %s.", s.Status, statusNames[s.Status], device)
	if s.Status == wpj.SingleSignOnNotEnabled && s.DeviceID == "" {
		evidence.Finding = wpj.NotThere
	}
	return evidence
}

// AgentState is com.jamf.management.jamfAAD.plist of a user.
type AgentState struct {
	// HaveAzureID is nil where the key is missing.
	HaveAzureID *bool
	// LastTokenAt is zero where the key is missing, or 0.
	LastTokenAt time.Time
}

// The keys of Jamf's preferences that are read [BW-W1, BW-MIG].
const (
	keyHaveAzureID       = "have_an_Azure_id"
	keyLastToken         = "last_aad_token_timestamp"
	keyConditionalAccess = "microsoftCAEnabled"
	keyClientID          = "microsoftCANativeClientAppId"
)

// ParseAgentState reads the property list, XML or binary.
func ParseAgentState(content []byte) (*AgentState, error) {
	values, err := properties(content)
	if err != nil {
		return nil, fmt.Errorf("state of Jamf Conditional Access: %w", err)
	}
	state := &AgentState{}
	if value, there := values[keyHaveAzureID]; there {
		have, err := boolean(value)
		if err != nil {
			return nil, fmt.Errorf("state of Jamf Conditional Access: %s %w", keyHaveAzureID, err)
		}
		state.HaveAzureID = &have
	}
	if value, there := values[keyLastToken]; there {
		if state.LastTokenAt, err = moment(value); err != nil {
			return nil, fmt.Errorf("state of Jamf Conditional Access: %s %w", keyLastToken, err)
		}
	}
	return state, nil
}

// Evidence is what the state says.
func (s *AgentState) Evidence() wpj.Evidence {
	evidence := wpj.Evidence{
		Source: wpj.SourceJamfAgent, Finding: wpj.Found, JamfAgent: &wpj.JamfAgent{HaveAzureID: s.HaveAzureID, LastTokenAt: s.LastTokenAt},
	}
	said := "is missing"
	if s.HaveAzureID != nil {
		said = fmt.Sprintf("is %t", *s.HaveAzureID)
	}
	evidence.Detail = keyHaveAzureID + " " + said
	if !s.LastTokenAt.IsZero() {
		evidence.Detail += "; the last token was got at " + s.LastTokenAt.Format(time.RFC3339)
	}
	evidence.Detail += "."
	return evidence
}

// Settings is com.jamfsoftware.jamf.plist, as far as it is about device compliance.
type Settings struct {
	// ConditionalAccess is nil where the key is missing.
	ConditionalAccess *bool
	ClientID          string
}

// ParseSettings reads the property list, XML or binary.
func ParseSettings(content []byte) (*Settings, error) {
	values, err := properties(content)
	if err != nil {
		return nil, fmt.Errorf("settings of Jamf: %w", err)
	}
	settings := &Settings{}
	if value, there := values[keyConditionalAccess]; there {
		enabled, err := boolean(value)
		if err != nil {
			return nil, fmt.Errorf("settings of Jamf: %s %w", keyConditionalAccess, err)
		}
		settings.ConditionalAccess = &enabled
	}
	settings.ClientID, _ = values[keyClientID].(string)
	return settings, nil
}

// Evidence is what the settings say. A key that is missing is not true [BW#5].
func (s *Settings) Evidence() wpj.Evidence {
	evidence := wpj.Evidence{
		Source: wpj.SourceJamfSettings, Finding: wpj.Found,
		JamfSettings: &wpj.JamfSettings{ConditionalAccessEnabled: s.ConditionalAccess != nil && *s.ConditionalAccess, ClientID: s.ClientID},
	}
	said := "is missing"
	if s.ConditionalAccess != nil {
		said = fmt.Sprintf("is %t", *s.ConditionalAccess)
	}
	evidence.Detail = keyConditionalAccess + " " + said + "."
	return evidence
}

// properties reads a dictionary of a property list as macOS writes them.
func properties(content []byte) (map[string]any, error) {
	var values map[string]any
	format, err := plist.Unmarshal(content, &values)
	if err != nil || values == nil || format != plist.XMLFormat && format != plist.BinaryFormat {
		first, _, _ := bytes.Cut(bytes.TrimSpace(content), []byte("\n"))
		return nil, fmt.Errorf("%w: no property list with a dictionary, as XML or binary; it begins with %q", ErrNotRecognised, oneline.Of(string(first[:min(len(first), 4*maximumQuoted)]), maximumQuoted))
	}
	return values, nil
}

// boolean reads what Jamf writes, and what an admin's `defaults write` leaves: a boolean, a number, a text.
func boolean(value any) (bool, error) {
	switch value := value.(type) {
	case bool:
		return value, nil
	case uint64:
		return value != 0, nil
	case int64:
		return value != 0, nil
	case float64:
		return value != 0, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(value)) {
		case "1", "true", "yes":
			return true, nil
		case "0", "false", "no", "":
			return false, nil
		}
	}
	return false, fmt.Errorf("is a %T that is neither true nor false: %w", value, ErrNotRecognised)
}

// latest is the last second that a date with four digits has.
const latest = 253402300799

// moment reads seconds since 1970, as any kind of number or text; 0 is none.
func moment(value any) (time.Time, error) {
	var seconds float64
	switch value := value.(type) {
	case uint64:
		seconds = float64(value)
	case int64:
		seconds = float64(value)
	case float64:
		seconds = value
	case time.Time:
		return value.UTC(), nil
	case string:
		parsed, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("is no number of seconds: %w", ErrNotRecognised)
		}
		seconds = parsed
	default:
		return time.Time{}, fmt.Errorf("is a %T: %w", value, ErrNotRecognised)
	}
	if math.IsNaN(seconds) || seconds < 0 || seconds > latest {
		return time.Time{}, fmt.Errorf("is no moment since 1970: %w", ErrNotRecognised)
	}
	if seconds == 0 {
		return time.Time{}, nil
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}
