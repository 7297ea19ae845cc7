// Package jamfstate reads Jamf's data about a registration on a Mac: the output of Jamf Conditional Access's
// getPSSOStatus, the user's com.jamf.management.jamfAAD.plist, and the Mac's com.jamfsoftware.jamf.plist.
//
// Each has a function that parses it, and a result whose Evidence method returns its meaning, without the time.
// [FindPSSOStatuses], [AgentStateOf] and [SettingsOf] read the same data from pasted text.
package jamfstate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"usher.internal/internal/propertylist"
	"usher.internal/internal/wpj"
)

// ErrNotRecognised is wrapped for input that is not in the format that a function reads.
var ErrNotRecognised = propertylist.ErrNotRecognised

// AgentState is a user's com.jamf.management.jamfAAD.plist.
type AgentState struct {
	// HaveAzureID is nil if the key is missing.
	HaveAzureID *bool
	// LastTokenAt is zero if the key is missing, or 0.
	LastTokenAt time.Time
}

// The keys of Jamf's preferences that are read [BW-W1, BW-MIG].
const (
	KeyHaveAzureID       = "have_an_Azure_id"
	KeyLastToken         = "last_aad_token_timestamp"
	KeyConditionalAccess = "microsoftCAEnabled"
	KeyClientID          = "microsoftCANativeClientAppId"
)

// ParseAgentState reads the property list, XML or binary.
func ParseAgentState(content []byte) (*AgentState, error) {
	values, err := propertylist.Parse(content)
	if err != nil {
		return nil, fmt.Errorf("state of Jamf Conditional Access: %w", err)
	}
	return AgentStateOf(values)
}

// AgentStateOf reads the values of a property list.
func AgentStateOf(values map[string]any) (*AgentState, error) {
	state := &AgentState{}
	var err error
	if value, there := values[KeyHaveAzureID]; there {
		have, err := boolean(value)
		if err != nil {
			return nil, fmt.Errorf("state of Jamf Conditional Access: %s %w", KeyHaveAzureID, err)
		}
		state.HaveAzureID = &have
	}
	if value, there := values[KeyLastToken]; there {
		if state.LastTokenAt, err = moment(value); err != nil {
			return nil, fmt.Errorf("state of Jamf Conditional Access: %s %w", KeyLastToken, err)
		}
	}
	return state, nil
}

// Evidence returns the meaning of the state.
func (s *AgentState) Evidence() wpj.Evidence {
	evidence := wpj.Evidence{
		Source: wpj.SourceJamfAgent, Finding: wpj.Found,
		JamfAgent: &wpj.JamfAgent{HaveAzureID: s.HaveAzureID, LastTokenAt: s.LastTokenAt},
	}
	said := "is missing"
	if s.HaveAzureID != nil {
		said = fmt.Sprintf("is %t", *s.HaveAzureID)
	}
	evidence.Detail = KeyHaveAzureID + " " + said
	if !s.LastTokenAt.IsZero() {
		evidence.Detail += "; the last token was got at " + s.LastTokenAt.Format(time.RFC3339)
	}
	evidence.Detail += "."
	return evidence
}

// Settings is the part of com.jamfsoftware.jamf.plist about device compliance.
type Settings struct {
	// ConditionalAccess is nil if the key is missing.
	ConditionalAccess *bool
	ClientID          string
}

// ParseSettings reads the property list, XML or binary.
func ParseSettings(content []byte) (*Settings, error) {
	values, err := propertylist.Parse(content)
	if err != nil {
		return nil, fmt.Errorf("settings of Jamf: %w", err)
	}
	return SettingsOf(values)
}

// SettingsOf reads the values of a property list.
func SettingsOf(values map[string]any) (*Settings, error) {
	settings := &Settings{}
	if value, there := values[KeyConditionalAccess]; there {
		enabled, err := boolean(value)
		if err != nil {
			return nil, fmt.Errorf("settings of Jamf: %s %w", KeyConditionalAccess, err)
		}
		settings.ConditionalAccess = &enabled
	}
	settings.ClientID, _ = values[KeyClientID].(string)
	return settings, nil
}

// Evidence returns the meaning of the settings. A missing key means false [BW#5].
func (s *Settings) Evidence() wpj.Evidence {
	evidence := wpj.Evidence{
		Source: wpj.SourceJamfSettings, Finding: wpj.Found,
		JamfSettings: &wpj.JamfSettings{ConditionalAccessEnabled: s.ConditionalAccess != nil && *s.ConditionalAccess,
			ClientID: s.ClientID},
	}
	said := "is missing"
	if s.ConditionalAccess != nil {
		said = fmt.Sprintf("is %t", *s.ConditionalAccess)
	}
	evidence.Detail = KeyConditionalAccess + " " + said + "."
	return evidence
}

// boolean reads a value that Jamf or an admin's `defaults write` has written: a boolean, a number or a text.
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

// latest is the last second of the year 9999.
const latest = 253402300799

// moment reads seconds since 1970, as any kind of number or text; 0 means no moment.
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
			return time.Time{}, fmt.Errorf("is not a number of seconds: %w", ErrNotRecognised)
		}
		seconds = parsed
	default:
		return time.Time{}, fmt.Errorf("is a %T: %w", value, ErrNotRecognised)
	}
	if math.IsNaN(seconds) || seconds < 0 || seconds > latest {
		return time.Time{}, fmt.Errorf("is not a time since 1970: %w", ErrNotRecognised)
	}
	if seconds == 0 {
		return time.Time{}, nil
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}
