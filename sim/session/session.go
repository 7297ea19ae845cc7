// Package session is what the stand-ins in a user's session are told: how macOS's app-sso (sim/appsso) and Jamf
// Conditional Access (sim/jamfca) are to answer. Each is a JSON file below the user's home, since the programs get a
// clean environment. A file that is missing is a Mac on which nothing is registered, and that answers at once.
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
	UserKeyInvalid        = "key_invalid"
	UserNewPasswordUser   = "new_password_user"
	UserNewSmartCardUser  = "new_smart_card_user"
	// UserNewByNumber is state 7, for which macOS has no name that is public; UserStateThree is 3, of which nothing is
	// known.
	UserNewByNumber  = "new_by_number"
	UserStateThree   = "three"
	UserNeedsBinding = "needs_binding"
	// UserUnknown is a name and a number that nobody knows yet.
	UserUnknown = "unknown"
	// UserContradictory has a name and a number that do not belong together.
	UserContradictory = "contradictory"
	// UserNone is (null); UserBroken is no JSON.
	UserNone   = "none"
	UserBroken = "broken"
)

// OktaExtension is another provider's extension.
const OktaExtension = "com.okta.mobile.auth-service-extension"

// The certificates that a registered device may have.
const (
	CertificateValid   = ""
	CertificateExpired = "expired"
	CertificateNone    = "none"
	// CertificateBroken is one that nobody can read.
	CertificateBroken = "broken"
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
	// KerberosEmpty leaves the Kerberos status out, which is all that says who the user is: the login name is masked.
	KerberosEmpty bool `json:"kerberos_empty,omitempty"`
	// MacOS is "15" or "26", which prints more keys; empty is 26.
	MacOS string `json:"macos,omitempty"`
	// Extension is the identifier of another provider's extension; empty is Microsoft's. NoExtension leaves the key
	// out, and Issuer replaces the host of the issuer.
	Extension   string `json:"extension,omitempty"`
	NoExtension bool   `json:"no_extension,omitempty"`
	Issuer      string `json:"issuer,omitempty"`
	// LoginNull prints the login configuration as (null).
	LoginNull bool `json:"login_null,omitempty"`
	// TokensExpired has the single sign-on tokens expired an hour ago.
	TokensExpired bool `json:"tokens_expired,omitempty"`
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
	// Status is that of getPSSOStatus, 0 to 3. DeviceID, TenantID and UPN are what it knows of a device; no device when
	// empty.
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
		oneOf("user", s.User, UserNormal, UserNeedsNewKeys, UserNeedsRegistration, UserKeyInvalid, UserNewPasswordUser,
			UserNewSmartCardUser,
			UserNewByNumber, UserStateThree, UserNeedsBinding, UserUnknown, UserContradictory, UserNone, UserBroken),
		oneOf("macos", s.MacOS, "", "15", "26"),
		oneOf("certificate", s.Certificate, CertificateValid, CertificateExpired, CertificateNone, CertificateBroken))
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
