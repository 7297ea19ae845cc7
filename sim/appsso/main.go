// Command appsso stands in for macOS's /usr/bin/app-sso: `app-sso platform -s` prints the state of Platform SSO in the layout of
// the real one [FL-S1], as the settings of the user who runs it say (sim/session). The device certificate is by an authority of
// its own (sim/entra); it never ships.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"usher.internal/sim/entra"
	"usher.internal/sim/session"
)

// exitUsage is EX_USAGE of sysexits(3), exitMisconfigured says that the stand-in was told what it does not understand.
const (
	exitUsage         = 64
	exitMisconfigured = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout)) }

func run(arguments []string, stdout io.Writer) int {
	if !slices.Equal(arguments, []string{"platform", "-s"}) {
		fmt.Fprintln(os.Stderr, "usage: app-sso platform -s")
		return exitUsage
	}
	home, err := os.UserHomeDir()
	var settings session.AppSSO
	if err == nil {
		settings, err = session.Load[session.AppSSO](home)
	}
	if err == nil {
		err = settings.Check()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "app-sso stand-in:", err)
		return exitMisconfigured
	}
	if settings.Hang {
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM)
		<-ended
		return exitMisconfigured
	}
	if settings.Garbage != "" {
		fmt.Fprint(stdout, settings.Garbage)
		return settings.ExitCode
	}
	device, err := deviceSection(settings)
	if err != nil {
		fmt.Fprintln(os.Stderr, "app-sso stand-in:", err)
		return exitMisconfigured
	}
	fmt.Fprintf(stdout, "Time: %s\n\n", time.Now().UTC().Format("2006-01-02 15:04:05 +0000"))
	for _, section := range []struct {
		heading string
		content map[string]any
	}{{"Device Configuration", device}, {"Login Configuration", loginSection(settings)}, {"User Configuration", userSection(settings)}} {
		fmt.Fprintf(stdout, "%s:\n %s\n\n", section.heading, shown(section.content))
	}
	return settings.ExitCode
}

// shown is a section as app-sso prints it: JSON with " : ", or (null).
func shown(section map[string]any) string {
	if section == nil {
		return "(null)"
	}
	content, err := json.MarshalIndent(section, " ", "  ")
	if err != nil {
		panic(err) // text and numbers alone
	}
	return string(content)
}

func deviceSection(settings session.AppSSO) (map[string]any, error) {
	if settings.State == session.NotConfigured {
		return nil, nil
	}
	section := map[string]any{
		"extensionIdentifier":   "com.microsoft.CompanyPortalMac.ssoextension",
		"loginFrequency":        64800,
		"registrationCompleted": settings.State == session.Registered,
	}
	if settings.State != session.Registered || settings.Certificate == session.CertificateNone {
		return section, nil
	}
	ca, err := entra.NewCA()
	if err != nil {
		return nil, err
	}
	device := entra.Device{DeviceID: settings.DeviceID, TenantID: settings.TenantID}.P256()
	if settings.Certificate == session.CertificateExpired {
		device = device.Expired()
	}
	issued, err := ca.Issue(device)
	if err != nil {
		return nil, err
	}
	section["deviceSigningCertificate"] = base64.RawURLEncoding.EncodeToString(issued.DER)
	return section, nil
}

func loginSection(settings session.AppSSO) map[string]any {
	if settings.State == session.NotConfigured {
		return nil
	}
	return map[string]any{"clientID": "29d9ed98-a469-4536-ade2-f981bc1d605e", "tokenEndpointURL": "https://login.microsoftonline.com/common/oauth2/v2.0/token"}
}

// userStates are by the settings' names.
var userStates = map[string]string{
	session.UserNormal: "POUserStateNormal (0)", session.UserNeedsNewKeys: "POUserStateNeedsNewKeys (1)",
	session.UserNeedsRegistration: "POUserStateNeedsRegistration (2)",
}

func userSection(settings session.AppSSO) map[string]any {
	if settings.State != session.Registered || settings.User == session.UserNone {
		return nil
	}
	section := map[string]any{
		"state":          userStates[settings.User],
		"loginType":      "POLoginTypeUserSecureEnclaveKey (2)",
		"kerberosStatus": []any{},
	}
	if settings.UPN != "" {
		section["userLoginConfiguration"] = map[string]any{"loginUserName": settings.UPN}
		if !settings.KerberosEmpty {
			section["kerberosStatus"] = []any{map[string]any{
				"realm": "KERBEROS.MICROSOFTONLINE.COM", "upn": escaped(settings.UPN) + "@KERBEROS.MICROSOFTONLINE.COM",
			}}
		}
	}
	return section
}

// escaped has the @ of a name in a Kerberos principal behind a backslash [FL-GO].
func escaped(upn string) string { return strings.ReplaceAll(upn, "@", `\@`) }
