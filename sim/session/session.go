// Package session is what the stand-ins in a user's session are told: how macOS's app-sso (sim/appsso) and Jamf Conditional
// Access (sim/jamfca) are to answer. Each is a JSON file below the user's home, since the programs get a clean environment. A
// file that is missing is a Mac on which nothing is registered, and that answers at once.
package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Trouble is how a program misbehaves; the zero value does not.
type Trouble struct {
	// Hang never ends. Garbage is printed in place of the answer. ExitCode is what the program ends with.
	Hang     bool   `json:"hang,omitempty"`
	Garbage  string `json:"garbage,omitempty"`
	ExitCode int    `json:"exit_code,omitempty"`
}

// The states of Platform SSO, and of a user in it.
const (
	NotConfigured = ""
	Configured    = "configured"
	Registered    = "registered"

	UserNormal            = ""
	UserNeedsNewKeys      = "needs_new_keys"
	UserNeedsRegistration = "needs_registration"
	UserNone              = "none"
)

// The certificates that a registered device may have.
const (
	CertificateValid   = ""
	CertificateExpired = "expired"
	CertificateNone    = "none"
)

// AppSSO is how `app-sso platform -s` answers.
type AppSSO struct {
	Trouble
	State string `json:"state,omitempty"`
	User  string `json:"user,omitempty"`
	// UPN, TenantID and DeviceID are of the registration.
	UPN         string `json:"upn,omitempty"`
	TenantID    string `json:"tenant_id,omitempty"`
	DeviceID    string `json:"device_id,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	// KerberosEmpty leaves the Kerberos status empty, which says who the user is.
	KerberosEmpty bool `json:"kerberos_empty,omitempty"`
}

// What gatherAADInfo leaves.
const (
	GatherAcquires    = ""
	GatherDeactivates = "deactivates"
	GatherNothing     = "nothing"
)

// JamfAgent is how Jamf Conditional Access answers.
type JamfAgent struct {
	Trouble
	// Status is that of getPSSOStatus, 0 to 3. DeviceID, TenantID and UPN are what it knows of a device; no device when empty.
	Status   int    `json:"status,omitempty"`
	DeviceID string `json:"device_id,omitempty"`
	TenantID string `json:"tenant_id,omitempty"`
	UPN      string `json:"upn,omitempty"`
	// Old is a version that does not know getPSSOStatus.
	Old bool `json:"old,omitempty"`
	// Gather is what gatherAADInfo leaves in the user's preferences.
	Gather string `json:"gather,omitempty"`
}

// Settings are what one of the stand-ins is told.
type Settings interface{ file() string }

func (AppSSO) file() string    { return "app-sso.json" }
func (JamfAgent) file() string { return "jamf-conditional-access.json" }

// Path is where the settings stand below a home.
func Path(home string, settings Settings) string {
	return filepath.Join(home, ".config", "usher-sim", settings.file())
}

// Load reads the settings from below home into what settings points to.
func Load[T Settings](home string) (settings T, err error) {
	path := Path(home, settings)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return settings, nil
	}
	if err != nil {
		return settings, fmt.Errorf("load settings: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&settings); err != nil {
		return settings, fmt.Errorf("load settings from %s: %w", path, err)
	}
	return settings, nil
}

// Check returns what cannot be chosen.
func (s AppSSO) Check() error {
	return errors.Join(
		oneOf("state", s.State, NotConfigured, Configured, Registered),
		oneOf("user", s.User, UserNormal, UserNeedsNewKeys, UserNeedsRegistration, UserNone),
		oneOf("certificate", s.Certificate, CertificateValid, CertificateExpired, CertificateNone))
}

// Check returns what cannot be chosen.
func (s JamfAgent) Check() error {
	var err error
	if s.Status < 0 || s.Status > 3 {
		err = fmt.Errorf("status is %d, and may be 0 to 3", s.Status)
	}
	return errors.Join(err, oneOf("gather", s.Gather, GatherAcquires, GatherDeactivates, GatherNothing))
}

func oneOf(key, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %q, and may be one of: %s", key, value, strings.Join(allowed, ", "))
}
