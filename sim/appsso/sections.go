package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"usher.internal/sim/entra"
	"usher.internal/sim/session"
)

// microsoftExtension and microsoftIssuer are the real one's output on a Mac with Company Portal [FL-S1].
const (
	microsoftExtension = "com.microsoft.CompanyPortalMac.ssoextension"
	microsoftIssuer    = "login.microsoftonline.com"
)

// userStates are the printed states, by their names in the settings. The number of NeedsBinding is not public.
var userStates = map[string]string{
	session.UserNormal:            "POUserStateNormal (0)",
	session.UserNeedsNewKeys:      "POUserStateNeedsNewKeys (1)",
	session.UserNeedsRegistration: "POUserStateNeedsRegistration (2)",
	session.UserStateThree:        "(null) (3)",
	session.UserNewPasswordUser:   "POUserStateNewPasswordUser (4)",
	session.UserKeyInvalid:        "POUserStateUserKeyInvalid (5)",
	session.UserNewSmartCardUser:  "POUserStateNewSmartCardUser (6)",
	session.UserNewByNumber:       "(null) (7)",
	session.UserNeedsBinding:      "POUserStateNeedsBinding (8)",
	session.UserUnknown:           "POUserStateSomethingNew (42)",
	session.UserContradictory:     "POUserStateNeedsRegistration (0)",
	session.UserBroken:            "POUserStateNormal (0)",
}

// keys matches the keys of JSON at the beginning of lines; app-sso prints a space after them.
var keys = regexp.MustCompile(`(?m)^( *"[^"]*"):`)

// shown is a section as app-sso prints it: sorted JSON with " : ", or (null).
func shown(section map[string]any) string {
	if section == nil {
		return "(null)"
	}
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(section); err != nil {
		panic(err) // only text, numbers and lists of them
	}
	text := keys.ReplaceAllString(strings.TrimSpace(content.String()), "$1 :")
	return strings.ReplaceAll(text, `\\@`, `\@`) // as zsh's echo prints it, which is not JSON
}

func deviceSection(settings session.AppSSO, now time.Time) (map[string]any, error) {
	if settings.State == session.NotConfigured {
		return nil, nil
	}
	section := map[string]any{
		"_deviceEncryptionKeyData":            hash(),
		"_deviceSigningKeyData":               hash(),
		"allowDeviceIdentifiersInAttestation": false,
		"authGracePeriodStart":                stamp(now.Add(-time.Hour)),
		"authorizationEnabled":                false,
		"created":                             stamp(now), // the time of printing, in every section
		"createUsersEnabled":                  false,
		"encryptionAlgorithm":                 "ECDHE-A256GCM",
		"extensionIdentifier":                 cmp.Or(settings.Extension, microsoftExtension),
		"fileVaultPolicy":                     "AttemptAuthentication (1)",
		"lastEncryptionKeyChange":             stamp(now.Add(-time.Hour)),
		"loginFrequency":                      64800,
		"loginPolicy":                         "None (0)",
		"loginType":                           "POLoginTypeUserSecureEnclaveKey (2)",
		"newUserAuthorizationMode":            "None",
		"offlineGracePeriod":                  "0 hours",
		"pendingEncryptionAlgorithm":          "none",
		"pendingSigningAlgorithm":             "none",
		"protocolVersion":                     1,
		"registrationCompleted":               settings.State == session.Registered,
		"requireAuthGracePeriod":              "0 hours",
		"sdkVersionString":                    15.199999999999999,
		"sharedDeviceKeys":                    true,
		"signingAlgorithm":                    "ES256",
		"tokenToUserMapping":                  map[string]any{"AccountName": "preferred_username", "FullName": "name"},
		"unlockPolicy":                        "None (0)",
		"userAuthorizationMode":               "None",
		"version":                             1,
	}
	if settings.MacOS != "15" {
		maps.Copy(section, map[string]any{
			"_accessTokenTerminalIdentityKeySEP":    false,
			"_accessTokenTerminalIdentityKeySystem": false,
			"allowAccessTokenExpressMode":           false,
			"createFirstUserDuringSetupEnabled":     true,
			"createUserLoginTypes":                  []int{1, 3},
			"synchronizeProfilePicture":             false,
			"temporarySessionQuickLogin":            false,
		})
	}
	if settings.NoExtension {
		delete(section, "extensionIdentifier")
	}
	certificate, err := certificateOf(settings)
	if certificate != "" {
		section["deviceSigningCertificate"] = certificate
	}
	return section, err
}

// certificateOf returns base64url without padding, "" for none. Only Microsoft's extension leaves one.
func certificateOf(settings session.AppSSO) (string, error) {
	if settings.State != session.Registered || settings.Certificate == session.CertificateNone ||
		settings.Extension != "" {
		return "", nil
	}
	if settings.Certificate == session.CertificateBroken {
		return base64.RawURLEncoding.EncodeToString([]byte("no certificate at all")), nil
	}
	ca, err := entra.NewCA()
	if err != nil {
		return "", err
	}
	// Half of the real ones are like this, and Go's own parser refuses them.
	device := entra.Device{DeviceID: settings.DeviceID, TenantID: settings.TenantID}.P256().NegativeSerial()
	if settings.Certificate == session.CertificateExpired {
		device = device.Expired()
	}
	issued, err := ca.Issue(device)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(issued.DER), nil
}

func loginSection(settings session.AppSSO, now time.Time) map[string]any {
	// A Mac that is configured but not registered has none [FL-S1].
	if settings.State != session.Registered || settings.LoginNull {
		return nil
	}
	issuer := cmp.Or(settings.Issuer, microsoftIssuer)
	base := "https://" + issuer + "/" + cmp.Or(settings.TenantID, "common")
	jwt := map[string]any{"typ": "JWT"}
	return map[string]any{
		"accountDisplayName":                   "Microsoft Entra",
		"additionalScopes":                     "aza urn:aad:tb:update:prt/.default profile offline_access openid",
		"audience":                             issuer,
		"clientID":                             "29d9ed98-a469-4536-ade2-f981bc1d605e",
		"created":                              stamp(now),
		"customKeyExchangeRequestBodyClaims":   map[string]any{"aud": base + "/getkeydata"},
		"customKeyExchangeRequestHeaderClaims": jwt,
		"customLoginRequestHeaderClaims":       jwt,
		"customLoginRequestValues": map[string]any{
			"client_info": "1", "prt_protocol_version": "4.0", "tgt": "true", "x-client-brkrver": "3.16.2",
			"x-client-OS": "26.0.0", "x-client-SKU": "MSAL.OSX", "x-client-Ver": "2.8.2",
		},
		"deviceContext":              hash(),
		"federationPredicate":        "account_type = 'Federated'",
		"invalidCredentialPredicate": "error = 'invalid_grant' AND suberror != 'device_authentication_failed'",
		"issuer":                     base + "/v2.0",
		"jwksEndpointURL":            base + "/discovery/v2.0/keys",
		"kerberosTicketMappings": []any{map[string]any{"realmKeyName": "realm", "ticketKeyPath": "tgt_ad"},
			map[string]any{"realmKeyName": "realm", "ticketKeyPath": "tgt_cloud"}},
		"keyEndpointURL":            base + "/getkeydata",
		"tokenEndpointURL":          base + "/oauth2/v2.0/token",
		"uniqueIdentifierClaimName": "oid",
		"userSEPKeyBiometricPolicy": "None (0)",
	}
}

func userSection(settings session.AppSSO, now time.Time) map[string]any {
	if settings.State != session.Registered || settings.User == session.UserNone {
		return nil
	}
	// A user who has never registered has only these [FL#51667].
	section := map[string]any{
		"created":                 stamp(now),
		"loginType":               "POLoginTypeUserSecureEnclaveKey (2)",
		"pendingSigningAlgorithm": "none",
		"signingAlgorithm":        "ES256",
		"state":                   userStates[settings.User],
		"uniqueIdentifier":        strings.ToUpper(uuid.NewString()),
		"version":                 1,
	}
	if settings.UPN == "" {
		return section
	}
	section["_sepKeyData"] = hash()
	section["lastLoginDate"] = stamp(now.Add(-time.Minute))
	section["userLoginConfiguration"] = map[string]any{"created": stamp(now), "loginUserName": masked(settings.UPN)}
	if !settings.KerberosEmpty {
		account, _, _ := strings.Cut(settings.UPN, "@")
		section["kerberosStatus"] = []any{
			ticket("EMEA.CORP.EXAMPLE.COM", "tgt_ad", "on-premises-"+account+"@EMEA.CORP.EXAMPLE.COM"),
			ticket("KERBEROS.MICROSOFTONLINE.COM", "tgt_cloud",
				strings.ReplaceAll(settings.UPN, "@", `\@`)+"@KERBEROS.MICROSOFTONLINE.COM"),
		}
	}
	return section
}

func ticket(realm, path, upn string) map[string]any {
	return map[string]any{
		"cacheName": strings.ToUpper(uuid.NewString()), "exchangeRequired": false, "failedToConnect": false,
		"importSuccessful": true,
		"realm":            realm, "ticketKeyPath": path, "upn": upn,
	}
}

// masked shows the first letter of a name, as macOS does.
func masked(upn string) string {
	_, domain, _ := strings.Cut(upn, "@")
	return upn[:1] + "***@" + domain
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// hash is the form in which macOS prints keys.
func hash() string {
	sum := make([]byte, 32)
	rand.Read(sum) // never fails
	return base64.StdEncoding.EncodeToString(sum)
}
