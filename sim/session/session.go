// Package session has the settings of the stand-ins in a user's session. They control the answers of macOS's app-sso
// (sim/appsso) and of Jamf Conditional Access (sim/jamfca). Each is a JSON file below the user's home, since the
// programs get a clean environment. Without the file, the Mac has no registration and answers at once.
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

// Trouble is the misbehaviour of a program; the zero value has none.
type Trouble struct {
	// Hang makes it never end. Garbage is printed in place of the answer. ExitCode is the program's exit code.
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
	// UserNewByNumber is state 7, for which macOS has no public name; UserStateThree is 3, of which nothing is known.
	UserNewByNumber  = "new_by_number"
	UserStateThree   = "three"
	UserNeedsBinding = "needs_binding"
	// UserUnknown is a name and a number that nobody knows yet.
	UserUnknown = "unknown"
	// UserContradictory has a name and a number that do not belong together.
	UserContradictory = "contradictory"
	// UserNone is (null); UserBroken is not JSON.
	UserNone   = "none"
	UserBroken = "broken"
)

// OktaExtension is another provider's extension.
const OktaExtension = "com.okta.mobile.auth-service-extension"

// The possible certificates of a registered device.
const (
	CertificateValid   = ""
	CertificateExpired = "expired"
	CertificateNone    = "none"
	// CertificateBroken is one that nobody can read.
	CertificateBroken = "broken"
)

// AppSSO controls the answer of `app-sso platform -s`.
type AppSSO struct {
	Trouble
	State string `json:"state,omitempty"`
	User  string `json:"user,omitempty"`
	// UPN, TenantID and DeviceID belong to the registration.
	UPN         string `json:"upn,omitempty"`
	TenantID    string `json:"tenant_id,omitempty"`
	DeviceID    string `json:"device_id,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	// KerberosEmpty leaves the Kerberos status out. Only that status names the user, because the login name is masked.
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
	// TokensExpired makes the single sign-on tokens expire an hour ago.
	TokensExpired bool `json:"tokens_expired,omitempty"`
}

// The results of gatherAADInfo.
const (
	GatherAcquires    = ""
	GatherDeactivates = "deactivates"
	GatherNothing     = "nothing"
)

// JamfAgent controls the answers of Jamf Conditional Access.
type JamfAgent struct {
	Trouble
	// Status is the status of getPSSOStatus, 0 to 3. DeviceID, TenantID and UPN describe its device; empty means no
	// device.
	Status   int    `json:"status,omitempty"`
	DeviceID string `json:"device_id,omitempty"`
	TenantID string `json:"tenant_id,omitempty"`
	UPN      string `json:"upn,omitempty"`
	// Old is a version that does not know getPSSOStatus.
	Old bool `json:"old,omitempty"`
	// Gather is the result of gatherAADInfo in the user's preferences.
	Gather string `json:"gather,omitempty"`
}

// Settings are the settings of one of the stand-ins.
type Settings interface{ file() string }

func (AppSSO) file() string    { return "app-sso.json" }
func (JamfAgent) file() string { return "jamf-conditional-access.json" }

// Path is the path of the settings below a home.
func Path(home string, settings Settings) string {
	return filepath.Join(home, ".config", "usher-sim", settings.file())
}

// Load reads the settings below home into the value that settings points to.
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

// Check returns the values that are not allowed.
func (s AppSSO) Check() error {
	return errors.Join(
		oneOf("state", s.State, NotConfigured, Configured, Registered),
		oneOf("user", s.User, UserNormal, UserNeedsNewKeys, UserNeedsRegistration, UserKeyInvalid, UserNewPasswordUser,
			UserNewSmartCardUser,
			UserNewByNumber, UserStateThree, UserNeedsBinding, UserUnknown, UserContradictory, UserNone, UserBroken),
		oneOf("macos", s.MacOS, "", "15", "26"),
		oneOf("certificate", s.Certificate, CertificateValid, CertificateExpired, CertificateNone, CertificateBroken))
}

// Check returns the values that are not allowed.
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
