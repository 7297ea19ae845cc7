// Package platformsso reads the output of `app-sso platform -s`: Platform SSO's device, login and user configuration,
// and its tokens.
//
// The output is text with a heading for each section, and under it ` {json}` or ` (null)` [FL-S1, FL-S3]. [Parse] reads
// each section separately, and [Report.Evidence] returns the meaning. Nobody has run this on a Mac yet; it is tested
// with public captures.
package platformsso

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"usher.internal/internal/oneline"
	"usher.internal/internal/wpj"
)

// The errors of [Parse], and of a section.
var (
	// ErrNotRecognised is wrapped for text that is not the output of app-sso.
	ErrNotRecognised = errors.New("not the output of `app-sso platform -s`")
	// ErrMissing means that a section's heading is not in the text.
	ErrMissing = errors.New("the section is missing")
	// ErrTwice means that a section is in the text twice, with different content.
	ErrTwice = errors.New("the section occurs twice, with different content")
)

// maximumQuoted is how much of a text that was not recognised is quoted, in characters.
const maximumQuoted = 80

// Section is how a section was read. The zero value is one that macOS printed as (null).
type Section struct {
	// There is true if the section has a configuration that could be read.
	There bool
	// Err says why the section could not be read. It is nil if it could be read, or is (null).
	Err error
}

// Report is the output of app-sso.
type Report struct {
	Device Device
	Login  Login
	User   User
	Tokens Tokens
}

// Device is the device configuration.
type Device struct {
	Section
	RegistrationCompleted bool
	// SigningCertificate is the DER of deviceSigningCertificate; empty unless the device is registered. CertificateErr
	// says that a certificate exists but is not base64.
	SigningCertificate []byte
	CertificateErr     error
	ExtensionID        string
}

// Login is the login configuration.
type Login struct {
	Section
	// IssuerHost is the host of the issuer's URL, and TenantID the tenant in its path; empty if the URL has none.
	IssuerHost string
	TenantID   wpj.TenantID
}

// User is the user configuration.
type User struct {
	Section
	// State is as it was printed; see [wpj.ParsePlatformSSOUser].
	State string
	// UserPrincipalName is the name in the Kerberos entry of Entra's realm. Otherwise it is the login name, unless that
	// is masked.
	UserPrincipalName wpj.UserPrincipalName
}

// Tokens is what the text says about the single sign-on tokens.
type Tokens struct {
	// ExpireAt is zero if the text does not have it.
	ExpireAt time.Time
	Expired  bool
}

// Parse reads the output. The error wraps [ErrNotRecognised] for a text without any section. An error of one section is
// in that section, and does not affect the others.
func Parse(output []byte) (*Report, error) {
	text := unquoted(string(output))
	found := lastRun(text)
	if len(found.sections) == 0 {
		first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		return nil, fmt.Errorf("%w: it has no line %q; it begins with %q", ErrNotRecognised, deviceHeading,
			oneline.Of(first, maximumQuoted))
	}
	report := &Report{Tokens: parseTokens(found.sections[tokensHeading], found.printed)}
	report.Device.Section = found.read(deviceHeading, report.Device.parse)
	report.Login.Section = found.read(loginHeading, report.Login.parse)
	report.User.Section = found.read(userHeading, report.User.parse)
	return report, nil
}

// read parses a section separately.
func (r run) read(heading string, parse func(fields) error) Section {
	name := strings.ToLower(strings.TrimSuffix(heading, ":"))
	text, there := r.sections[heading]
	switch {
	case !there:
		return Section{Err: fmt.Errorf("read %s: %w", name, ErrMissing)}
	case r.twice[heading]:
		return Section{Err: fmt.Errorf("read %s: %w", name, ErrTwice)}
	}
	content, err := object(text)
	if err == nil && content == nil {
		return Section{}
	}
	var values fields
	if err == nil {
		values, err = fieldsOf(content)
	}
	if err == nil {
		err = parse(values)
	}
	if err != nil {
		return Section{Err: fmt.Errorf("read %s: %w", name, err)}
	}
	return Section{There: true}
}

// parse reads the provider first: it is needed even if the rest cannot be read.
func (d *Device) parse(values fields) (err error) {
	if d.ExtensionID, err = values.text("extensionIdentifier"); err != nil {
		return err
	}
	switch text, err := values.text("deviceSigningCertificate"); {
	case err != nil:
		d.CertificateErr = err
	case text != "":
		if d.SigningCertificate, d.CertificateErr = base64url(text); d.CertificateErr != nil {
			// The bytes before the error are not a certificate, even if they can be parsed.
			d.SigningCertificate, d.CertificateErr = nil, errors.New("deviceSigningCertificate is not base64")
		}
	}
	switch completed := string(values["registrationCompleted"]); completed {
	case "true", "false":
		d.RegistrationCompleted = completed == "true"
	case "", "null":
		return errors.New("registrationCompleted is missing")
	default:
		return fmt.Errorf("registrationCompleted: %w", errKind)
	}
	return nil
}

// base64url decodes base64url without padding [FL-S1]; padding, the standard alphabet and line breaks are accepted too.
func base64url(text string) ([]byte, error) {
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_", "\n", "", "\r", "", " ", "").Replace(text), "=")
	return base64.RawURLEncoding.DecodeString(text)
}

func (l *Login) parse(values fields) error {
	text, err := values.text("issuer")
	if err != nil {
		return err
	}
	if text != "" && !strings.Contains(text, "://") {
		text = "https://" + text
	}
	issuer, err := url.Parse(text)
	if err != nil {
		return errors.New("issuer is not a URL")
	}
	l.IssuerHost = strings.ToLower(issuer.Hostname())
	for part := range strings.SplitSeq(issuer.Path, "/") {
		if tenant, err := wpj.ParseTenantID(part); err == nil {
			l.TenantID = tenant
			break
		}
	}
	return nil
}

// Evidence returns the meaning of the report, without the time.
func (r *Report) Evidence() wpj.Evidence {
	evidence := wpj.Evidence{Source: wpj.SourcePlatformSSO, Finding: wpj.NotThere,
		Detail: "Platform SSO is not configured."}
	if !r.Device.There && r.Device.Err == nil && !r.Login.There && !r.User.There {
		return evidence
	}
	evidence.Finding = wpj.Found
	sso := &wpj.PlatformSSO{
		Device: r.Device.way(), UserSection: r.User.way(),
		RegistrationCompleted: r.Device.RegistrationCompleted, User: r.User.State,
		ExtensionID: r.Device.ExtensionID, IssuerHost: r.Login.IssuerHost,
		TokensExpireAt: r.Tokens.ExpireAt, TokensExpired: r.Tokens.Expired,
	}
	evidence.PlatformSSO = sso
	provider := sso.Provider()
	if provider == wpj.ProviderOther {
		evidence.Detail = fmt.Sprintf("Platform SSO of another provider (%s).",
			oneline.Of(sso.ProviderName(), maximumQuoted))
		return evidence
	}
	evidence.UserPrincipalName, evidence.TenantID = r.User.UserPrincipalName, r.Login.TenantID
	// A certificate that cannot be decoded is passed on unchanged, so it is reported and not overlooked.
	if len(r.Device.SigningCertificate) > 0 || r.Device.CertificateErr != nil {
		evidence.Certificates = []wpj.HeldCertificate{{DER: r.Device.SigningCertificate, HasPrivateKey: true}}
	}
	evidence.Detail = r.detail(provider)
	return evidence
}

// way returns how the section was read, as a value of package wpj.
func (s Section) way() wpj.Section {
	switch {
	case s.There:
		return wpj.SectionRead
	case s.Err != nil:
		return wpj.SectionUnreadable
	}
	return wpj.SectionNull
}

func (r *Report) detail(provider wpj.Provider) string {
	parts := []string{"Platform SSO is configured"}
	if provider == wpj.ProviderUnknown {
		parts[0] = "Platform SSO is configured, of a provider that the output does not name"
	}
	switch {
	case r.Device.Err != nil:
		parts = append(parts, r.Device.Err.Error())
	case !r.Device.There:
		parts = append(parts, "no device configuration")
	case r.Device.RegistrationCompleted:
		parts = append(parts, "the device is registered")
	default:
		parts = append(parts, "the device is not registered")
	}
	if r.Device.CertificateErr != nil {
		parts = append(parts, r.Device.CertificateErr.Error())
	}
	if r.Login.Err != nil {
		parts = append(parts, r.Login.Err.Error())
	}
	switch {
	case r.User.Err != nil:
		parts = append(parts, r.User.Err.Error())
	case !r.User.There:
		parts = append(parts, "no user configuration")
	default:
		user := "user state " + cmp.Or(oneline.Of(r.User.State, maximumQuoted), "not printed")
		switch state, agree := wpj.ParsePlatformSSOUser(r.User.State); {
		case state == wpj.PlatformSSOUserUnknown && r.User.State != "":
			user += ", which this version of usher does not know"
		case !agree:
			user += ", whose name and number do not belong together"
		}
		parts = append(parts, user)
	}
	switch {
	case r.Tokens.Expired:
		parts = append(parts, "the single sign-on tokens have expired")
	case !r.Tokens.ExpireAt.IsZero():
		parts = append(parts, "the single sign-on tokens are valid until "+r.Tokens.ExpireAt.UTC().Format(time.RFC3339))
	}
	return strings.Join(parts, "; ") + "."
}
