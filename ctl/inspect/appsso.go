package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"usher.internal/internal/lazyregexp"
	"usher.internal/internal/platformsso"
	"usher.internal/internal/wpj"
)

const nameAppSSO = "the output of `app-sso platform -s`"

var (
	ssoHeading = lazyregexp.New(`(?m)^[ >|]*(Device|Login|User) Configuration:`)
	loginType  = lazyregexp.New(`"loginType" *: *"([^"\n]*)"`)
	maskedName = lazyregexp.New(`"loginUserName" *: *"([^"\n]*\*\*\*[^"\n]*)"`)
)

// userMeanings are what the states of a user mean on a Mac that is registered.
var userMeanings = map[wpj.PlatformSSOUser]string{
	wpj.PlatformSSOUserNormal: "the user is registered with this Platform SSO",
	wpj.PlatformSSOUserNeedsNewKeys: "the user has to sign in again; often this passes by itself, for " +
		"example when the network is back",
	wpj.PlatformSSOUserNeedsRegistration: "the user has to register; System Settings may show " +
		"Registered all the same",
	wpj.PlatformSSOUserNewPasswordUser:      "a new user, whose local account is not bound to Platform SSO yet",
	wpj.PlatformSSOUserNewSmartCardUser:     "a new user, whose local account is not bound to Platform SSO yet",
	wpj.PlatformSSOUserNewSecureEnclaveUser: "a new user, whose local account is not bound to Platform SSO yet",
	wpj.PlatformSSOUserKeyInvalid: "the user's key cannot be used, for example since their fingerprints " +
		"have changed; macOS asks for a repair",
	wpj.PlatformSSOUserNeedsBinding: "the user has to sign in with the password of their local account",
}

// findAppSSO finds each output of app-sso. A device section begins one, and so does any section that follows none.
func findAppSSO(from source) []Thing {
	var begins []int
	for _, heading := range ssoHeading.FindAllStringSubmatchIndex(from.text, -1) {
		if from.text[heading[2]:heading[3]] == "Device" || len(begins) == 0 {
			begins = append(begins, heading[0])
		}
	}
	var things []Thing
	for i, begin := range begins {
		end := len(from.text)
		if i+1 < len(begins) {
			end = begins[i+1]
		}
		if i == 0 {
			begin = 0 // with the time, which is before the first heading
		}
		text := from.text[begin:end]
		thing := Thing{Format: "app-sso", Name: nameAppSSO, Note: noteOnePlace, at: begins[i]}
		report, err := platformsso.Parse([]byte(text))
		if err == nil && report.Device.Err != nil && report.Login.Err != nil && report.User.Err != nil {
			err = report.Device.Err
		}
		if err != nil {
			thing.Problem, thing.Advice = err.Error(), adviceAppSSO
		} else {
			addPlatformSSO(&thing, report, text, from.now)
		}
		things = append(things, thing)
	}
	return things
}

const adviceAppSSO = "Have the whole output of `app-sso platform -s` sent, from Time: to the end."

// addPlatformSSO adds what app-sso said.
func addPlatformSSO(t *Thing, report *platformsso.Report, text string, now time.Time) {
	device, login, user := report.Device, report.Login, report.User
	if !device.There && device.Err == nil && !login.There && login.Err == nil && !user.There && user.Err == nil {
		t.add("Platform SSO", "not configured",
			"a registration can be in the login keychain or in the Secure Enclave all the same")
		return
	}
	evidence := report.Evidence()
	provider := wpj.ProviderUnknown
	if evidence.PlatformSSO != nil {
		provider = evidence.PlatformSSO.Provider()
	} else if login.There {
		provider = wpj.PlatformSSO{IssuerHost: login.IssuerHost}.Provider()
	}
	switch provider {
	case wpj.ProviderMicrosoft:
		t.add("provider", "Microsoft", "")
		t.Evidence = &evidence
	case wpj.ProviderOther:
		t.add("provider", "another one", "Platform SSO of another provider; it says nothing about Entra")
	default:
		t.add("provider", "unknown", "neither the extension nor the issuer is named, so that no state follows")
	}
	t.add("extension", device.ExtensionID, "")
	t.add("issuer host", login.IssuerHost, "")
	if provider != wpj.ProviderOther {
		t.add("tenant id", string(login.TenantID), meaningTenant+", from the issuer's URL")
	}
	addDevice(t, device, provider, now)
	addSection(t, "login section", login.Section)
	addUser(t, user, text)
	if method := loginType.FindStringSubmatch(text); method != nil {
		t.add("method", method[1], "how the user signs in")
	}
	switch tokens := report.Tokens; {
	case tokens.Expired:
		t.add("tokens", "expired "+moment(tokens.ExpireAt),
			"the user has to sign in again; it is no state of the registration")
	case !tokens.ExpireAt.IsZero() && tokens.ExpireAt.Before(now):
		t.add("tokens", "until "+moment(tokens.ExpireAt), "valid when this was printed; the time has passed since then")
	case !tokens.ExpireAt.IsZero():
		t.add("tokens", "until "+moment(tokens.ExpireAt), "single sign-on works without signing in again until then")
	}
}

// addSection adds why a section could not be read.
func addSection(t *Thing, name string, section platformsso.Section) bool {
	switch {
	case errors.Is(section.Err, platformsso.ErrMissing):
		t.unsure++
		t.add(name, "missing", "it is not in this text")
	case section.Err != nil:
		t.unsure++
		t.add(name, "cannot be read", section.Err.Error())
	}
	return section.Err == nil
}

func addDevice(t *Thing, device platformsso.Device, provider wpj.Provider, now time.Time) {
	if addSection(t, "device section", device.Section) {
		if !device.There {
			t.add("device section", "(null)", "Platform SSO is not configured for this Mac")
			return
		}
		t.add("registration completed", fmt.Sprint(device.RegistrationCompleted),
			"of the device only; the user's state is below")
	}
	if device.CertificateErr != nil {
		t.unsure++
		t.add("device certificate", "cannot be read", device.CertificateErr.Error())
	}
	switch certificate, err := wpj.ParseCertificate(device.SigningCertificate); {
	case provider == wpj.ProviderOther || device.CertificateErr != nil:
	case len(device.SigningCertificate) == 0:
		if device.RegistrationCompleted {
			t.add("device certificate", "not shown", "without it no state follows from this text")
		}
	case err != nil:
		t.unsure++
		t.add("device certificate", "cannot be read", err.Error())
		t.add("thumbprint", thumbprint(device.SigningCertificate), meaningThumbprint)
	default:
		t.Facts = append(t.Facts, withoutTenant(certificateFacts(certificate, now), t.Facts)...)
	}
}

// withoutTenant leaves the tenant out that is there already.
func withoutTenant(facts, there []Fact) []Fact {
	var kept []Fact
	for _, fact := range facts {
		isSame := false
		for _, other := range there {
			isSame = isSame || other.Name == fact.Name && strings.EqualFold(other.Value, fact.Value)
		}
		if !isSame {
			kept = append(kept, fact)
		}
	}
	return kept
}

func addUser(t *Thing, user platformsso.User, text string) {
	if !addSection(t, "user section", user.Section) {
		return
	}
	if !user.There {
		t.add("user section", "(null)", "this user is not registered, or app-sso was run as another user or as root")
		return
	}
	state, agree := wpj.ParsePlatformSSOUser(user.State)
	meaning, known := userMeanings[state]
	switch {
	case !known:
		meaning = "a state that usher does not know, so that no state follows"
	case !agree:
		meaning += "; its name and its number do not belong together, and the name was taken"
	}
	t.add("user state", cmp.Or(user.State, "not printed"), meaning)
	if masked := maskedName.FindStringSubmatch(text); user.UserPrincipalName == "" && masked != nil {
		t.add("user principal", masked[1],
			"masked, so that it names nobody; `dscl . -read /Users/NAME AltSecurityIdentities` has it")
		return
	}
	t.add("user principal", string(user.UserPrincipalName), meaningUPN)
}
