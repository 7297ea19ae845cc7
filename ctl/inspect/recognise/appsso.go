package recognise

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"usher.internal/ctl/inspect/pasted"
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

// userMeanings explain the states of a user on a registered Mac.
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

// findAppSSO finds each output of app-sso. It begins at a device section, or at a section without one before it.
func findAppSSO(from pasted.Source) []pasted.Thing {
	var begins []int
	for _, heading := range ssoHeading.FindAllStringSubmatchIndex(from.Text, -1) {
		if from.Text[heading[2]:heading[3]] == "Device" || len(begins) == 0 {
			begins = append(begins, heading[0])
		}
	}
	var things []pasted.Thing
	for i, begin := range begins {
		end := len(from.Text)
		if i+1 < len(begins) {
			end = begins[i+1]
		}
		if i == 0 {
			begin = 0 // with the time, which is before the first heading
		}
		text := from.Text[begin:end]
		thing := pasted.Thing{Format: "app-sso", Name: nameAppSSO, Note: noteOnePlace, At: begins[i]}
		report, err := platformsso.Parse([]byte(text))
		if err == nil && report.Device.Err != nil && report.Login.Err != nil && report.User.Err != nil {
			err = report.Device.Err
		}
		if err != nil {
			thing.Problem, thing.Advice = err.Error(), adviceAppSSO
		} else {
			addPlatformSSO(&thing, report, text, from.Now)
		}
		things = append(things, thing)
	}
	return things
}

const adviceAppSSO = "Have the whole output of `app-sso platform -s` sent, from Time: to the end."

// addPlatformSSO adds the facts from app-sso.
func addPlatformSSO(t *pasted.Thing, report *platformsso.Report, text string, now time.Time) {
	device, login, user := report.Device, report.Login, report.User
	if !device.There && device.Err == nil && !login.There && login.Err == nil && !user.There && user.Err == nil {
		t.Add("Platform SSO", "not configured",
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
		t.Add("provider", "Microsoft", "")
		t.Evidence = &evidence
	case wpj.ProviderOther:
		t.Add("provider", "another one", "Platform SSO of another provider; it says nothing about Entra")
	default:
		t.Add("provider", "unknown", "neither the extension nor the issuer is named, so that no state follows")
	}
	t.Add("extension", device.ExtensionID, "")
	t.Add("issuer host", login.IssuerHost, "")
	if provider != wpj.ProviderOther {
		t.Add("tenant id", string(login.TenantID), meaningTenant+", from the issuer's URL")
	}
	addDevice(t, device, provider, now)
	addSection(t, "login section", login.Section)
	addUser(t, user, text)
	if method := loginType.FindStringSubmatch(text); method != nil {
		t.Add("method", method[1], "how the user signs in")
	}
	switch tokens := report.Tokens; {
	case tokens.Expired:
		t.Add("tokens", "expired "+moment(tokens.ExpireAt),
			"the user has to sign in again; it is no state of the registration")
	case !tokens.ExpireAt.IsZero() && tokens.ExpireAt.Before(now):
		t.Add("tokens", "until "+moment(tokens.ExpireAt), "valid when this was printed; the time has passed since then")
	case !tokens.ExpireAt.IsZero():
		t.Add("tokens", "until "+moment(tokens.ExpireAt), "single sign-on works without signing in again until then")
	}
}

// addSection adds why a section could not be read.
func addSection(t *pasted.Thing, name string, section platformsso.Section) bool {
	switch {
	case errors.Is(section.Err, platformsso.ErrMissing):
		t.Unsure++
		t.Add(name, "missing", "it is not in this text")
	case section.Err != nil:
		t.Unsure++
		t.Add(name, "cannot be read", section.Err.Error())
	}
	return section.Err == nil
}

func addDevice(t *pasted.Thing, device platformsso.Device, provider wpj.Provider, now time.Time) {
	if addSection(t, "device section", device.Section) {
		if !device.There {
			t.Add("device section", "(null)", "Platform SSO is not configured for this Mac")
			return
		}
		t.Add("registration completed", fmt.Sprint(device.RegistrationCompleted),
			"of the device only; the user's state is below")
	}
	if device.CertificateErr != nil {
		t.Unsure++
		t.Add("device certificate", "cannot be read", device.CertificateErr.Error())
	}
	switch certificate, err := wpj.ParseCertificate(device.SigningCertificate); {
	case provider == wpj.ProviderOther || device.CertificateErr != nil:
	case len(device.SigningCertificate) == 0:
		if device.RegistrationCompleted {
			t.Add("device certificate", "not shown", "without it no state follows from this text")
		}
	case err != nil:
		t.Unsure++
		t.Add("device certificate", "cannot be read", err.Error())
		t.Add("thumbprint", thumbprint(device.SigningCertificate), meaningThumbprint)
	default:
		t.Facts = append(t.Facts, withoutTenant(certificateFacts(certificate, now), t.Facts)...)
	}
}

// withoutTenant removes the tenant that is there already.
func withoutTenant(facts, there []pasted.Fact) []pasted.Fact {
	var kept []pasted.Fact
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

func addUser(t *pasted.Thing, user platformsso.User, text string) {
	if !addSection(t, "user section", user.Section) {
		return
	}
	if !user.There {
		t.Add("user section", "(null)", "this user is not registered, or app-sso was run as another user or as root")
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
	t.Add("user state", cmp.Or(user.State, "not printed"), meaning)
	if masked := maskedName.FindStringSubmatch(text); user.UserPrincipalName == "" && masked != nil {
		t.Add("user principal", masked[1],
			"masked, so that it names nobody; `dscl . -read /Users/NAME AltSecurityIdentities` has it")
		return
	}
	t.Add("user principal", string(user.UserPrincipalName), meaningUPN)
}
