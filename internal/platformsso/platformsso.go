// Package platformsso reads what `app-sso platform -s` prints: Platform SSO's device, login and user configuration.
//
// The output is text with a heading for each section, and under it ` {json}` or ` (null)` [FL-S1, FL-S3]. [Parse] reads it, and
// [Report.Evidence] says what it means. Nobody ran this on a Mac yet; the captures that it is held to are laid out as
// reference/domain.md section 3.4 describes them.
package platformsso

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"usher.internal/internal/oneline"
	"usher.internal/internal/wpj"
)

// ErrNotRecognised is wrapped by [Parse] for text that is no output of app-sso.
var ErrNotRecognised = errors.New("not the output of `app-sso platform -s`")

// maximumQuoted is how much of a text that was not recognised is quoted, in characters.
const maximumQuoted = 80

// Report is what app-sso said. A section that was (null), or is not there, is nil.
type Report struct {
	Device *Device
	User   *User
	// Login is whether there is a login configuration.
	Login bool
}

// Device is the device configuration.
type Device struct {
	RegistrationCompleted bool
	// SigningCertificate is the DER of deviceSigningCertificate; empty unless the device is registered.
	SigningCertificate []byte
	ExtensionID        string
}

// User is the user configuration.
type User struct {
	// State is empty for one that this version does not know; StateText is as it was printed.
	State     wpj.PlatformSSOUser
	StateText string
	// UserPrincipalName is from the Kerberos status, or else the login name; empty where neither is there.
	UserPrincipalName wpj.UserPrincipalName
}

// The headings of the sections.
const (
	deviceHeading = "Device Configuration:"
	loginHeading  = "Login Configuration:"
	userHeading   = "User Configuration:"
)

// Parse reads the output. A section that is not JSON is an error; keys that are not known, and sections that are missing but the
// first, are none.
func Parse(output []byte) (*Report, error) {
	device, found, err := section(output, deviceHeading)
	if !found {
		first, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
		return nil, fmt.Errorf("%w: no line %q; it begins with %q", ErrNotRecognised, deviceHeading, oneline.Of(first, maximumQuoted))
	}
	if err != nil {
		return nil, err
	}
	login, _, err := section(output, loginHeading)
	if err != nil {
		return nil, err
	}
	user, _, err := section(output, userHeading)
	if err != nil {
		return nil, err
	}
	report := &Report{Login: login != nil}
	if device != nil {
		if report.Device, err = parseDevice(device); err != nil {
			return nil, err
		}
	}
	if user != nil {
		if report.User, err = parseUser(user); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// section returns the JSON object under a heading, nil for (null), and whether the heading is there.
func section(output []byte, heading string) (object json.RawMessage, found bool, err error) {
	for rest := output; len(rest) > 0; {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		rest = after
		value, isHeading := bytes.CutPrefix(bytes.TrimSpace(line), []byte(heading))
		if !isHeading {
			continue
		}
		content := bytes.TrimSpace(append(bytes.Clone(value), rest...))
		if !bytes.HasPrefix(content, []byte("{")) {
			if bytes.HasPrefix(content, []byte("(null)")) {
				return nil, true, nil
			}
			return nil, true, fmt.Errorf("%w: %s is followed by neither {json} nor (null)", ErrNotRecognised, strings.TrimSuffix(heading, ":"))
		}
		// The decoder stops where the object ends; what follows is the next section.
		if err := json.NewDecoder(bytes.NewReader(content)).Decode(&object); err != nil {
			return nil, true, fmt.Errorf("%w: %s is no JSON object", ErrNotRecognised, strings.TrimSuffix(heading, ":"))
		}
		return object, true, nil
	}
	return nil, false, nil
}

func parseDevice(object json.RawMessage) (*Device, error) {
	var read struct {
		RegistrationCompleted    bool   `json:"registrationCompleted"`
		DeviceSigningCertificate string `json:"deviceSigningCertificate"`
		ExtensionIdentifier      string `json:"extensionIdentifier"`
	}
	if err := json.Unmarshal(object, &read); err != nil {
		return nil, fmt.Errorf("%w: the device configuration has a value of another kind than expected", ErrNotRecognised)
	}
	device := &Device{RegistrationCompleted: read.RegistrationCompleted, ExtensionID: read.ExtensionIdentifier}
	if text := read.DeviceSigningCertificate; text != "" {
		der, err := base64url(text)
		if err != nil {
			return nil, fmt.Errorf("%w: deviceSigningCertificate is not base64", ErrNotRecognised)
		}
		device.SigningCertificate = der
	}
	return device, nil
}

// base64url decodes base64url without padding [FL-S1]; padding and the standard alphabet are taken too.
func base64url(text string) ([]byte, error) {
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_", "\n", "", " ", "").Replace(text), "=")
	return base64.RawURLEncoding.DecodeString(text)
}

func parseUser(object json.RawMessage) (*User, error) {
	var read struct {
		State          json.RawMessage `json:"state"`
		KerberosStatus []struct {
			UPN string `json:"upn"`
		} `json:"kerberosStatus"`
		UserLoginConfiguration struct {
			LoginUserName string `json:"loginUserName"`
		} `json:"userLoginConfiguration"`
	}
	if err := json.Unmarshal(object, &read); err != nil {
		return nil, fmt.Errorf("%w: the user configuration has a value of another kind than expected", ErrNotRecognised)
	}
	user := &User{StateText: strings.Trim(string(read.State), `"`)}
	user.State = userState(user.StateText)
	var fromKerberos string
	for _, one := range read.KerberosStatus {
		fromKerberos = cmp.Or(fromKerberos, withoutRealm(one.UPN))
	}
	user.UserPrincipalName = wpj.UserPrincipalName(cmp.Or(fromKerberos, read.UserLoginConfiguration.LoginUserName))
	return user, nil
}

// userStates are by the number that is printed in parentheses, which is the older of the two.
var userStates = map[string]wpj.PlatformSSOUser{
	"0": wpj.PlatformSSOUserNormal, "1": wpj.PlatformSSOUserNeedsNewKeys, "2": wpj.PlatformSSOUserNeedsRegistration,
}

// userState reads "POUserStateNormal (0)", and the name or the number alone.
func userState(text string) wpj.PlatformSSOUser {
	name, number, _ := strings.Cut(text, " ")
	for known, state := range userStates {
		if name == string(state) || strings.Trim(number, "()") == known || text == known {
			return state
		}
	}
	return ""
}

// withoutRealm turns `jane\@example.com@KERBEROS.MICROSOFTONLINE.COM` into a user principal name.
func withoutRealm(principal string) string {
	if at := strings.LastIndexByte(principal, '@'); at > 0 && principal[at-1] != '\\' {
		principal = principal[:at]
	}
	return strings.ReplaceAll(principal, `\@`, "@")
}

// Evidence is what the report says, without the time. A user's state that is not known is told, and counts as none.
func (r *Report) Evidence() wpj.Evidence {
	evidence := wpj.Evidence{Source: wpj.SourcePlatformSSO, Finding: wpj.NotThere, Detail: "Platform SSO is not configured."}
	if r.Device == nil {
		return evidence
	}
	evidence.Finding = wpj.Found
	evidence.PlatformSSO = &wpj.PlatformSSO{RegistrationCompleted: r.Device.RegistrationCompleted}
	if len(r.Device.SigningCertificate) > 0 {
		evidence.Certificates = []wpj.HeldCertificate{{DER: r.Device.SigningCertificate, HasPrivateKey: true}}
	}
	user := "no user configuration"
	if r.User != nil {
		evidence.PlatformSSO.User, evidence.UserPrincipalName = r.User.State, r.User.UserPrincipalName
		user = "user state " + cmp.Or(oneline.Of(r.User.StateText, maximumQuoted), "not told")
		if r.User.State == "" && r.User.StateText != "" {
			user += ", which this version of usher does not know"
		}
	}
	registered := "the device is not registered"
	if r.Device.RegistrationCompleted {
		registered = "the device is registered"
	}
	evidence.Detail = fmt.Sprintf("Platform SSO is configured; %s, %s.", registered, user)
	return evidence
}
