// Package mobileconfig says what a configuration profile sets for Microsoft's single sign-on, and what it lacks for
// Platform SSO.
package mobileconfig

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"usher.internal/ctl/inspect/pasted"
	"usher.internal/internal/cloud"
	"usher.internal/internal/wpj"
)

const (
	payloadSSO     = "com.apple.extensiblesso"
	declarationSSO = "com.apple.configuration.extensible-sso"
	noteProfile    = "A profile says what is configured, not what has become of it: on the Mac, `app-sso platform " +
		"-s` says that."
)

// clouds are the URLs that Microsoft's extension must have, by cloud [MS-P]. Every tenant needs only those of the
// public cloud.
var clouds = []struct {
	name string
	urls []string
}{
	{"public cloud", cloud.Public.ExtensionURLs()},
	{"government clouds: US", cloud.USGovernment.ExtensionURLs()},
	{"government clouds: China", cloud.China.ExtensionURLs()},
}

// methods are the values of AuthenticationMethod [APPLE-DM].
var methods = map[string]string{
	"password":             "Password: the local password is kept equal to Entra's",
	"usersecureenclavekey": "Secure Enclave: a key on this Mac, the local password stays as it is",
	"smartcard":            "smart card",
	"accesskey":            "access key",
	"openid":               "web sign-in, since macOS 27",
}

// payload configures a single sign-on extension.
type payload struct {
	settings map[string]any
	// profile names the profile or the declaration that contains it.
	profile     string
	declaration bool
	at          int
	how         string
	cut         bool
}

// Find finds the payloads of profiles that are about single sign-on.
func Find(from pasted.Source) []pasted.Thing {
	var payloads []payload
	var things []pasted.Thing
	for _, one := range from.Lists {
		found := payloadsIn(one.Values, "", 0)
		for i := range found {
			found[i].at, found[i].how, found[i].cut = one.At, one.How, one.Cut
		}
		payloads = append(payloads, found...)
		if types := payloadTypes(one.Values, 0); len(found) == 0 && len(types) > 0 {
			thing := pasted.Thing{Format: "configuration-profile",
				Name: "a configuration profile without single sign-on",
				At:   one.At, Note: noteProfile}
			thing.Add("profile", text(one.Values, "PayloadDisplayName"), "")
			thing.Add("signature", one.How, "")
			thing.Add("payloads", strings.Join(types, ", "),
				"none configures a single sign-on extension, so that it says nothing about Platform SSO")
			if one.Values["EncryptedPayloadContent"] != nil {
				thing.Add("content", "encrypted", "only the device that it is for can read it")
			}
			things = append(things, thing)
		}
	}
	count := map[string]int{}
	for _, one := range payloads {
		count[strings.ToLower(one.extension())]++
	}
	for _, one := range payloads {
		things = append(things, one.thing(count[strings.ToLower(one.extension())]))
	}
	return things
}

// maximumNesting limits how deep payloads are looked for.
const maximumNesting = 20

// payloadsIn finds the payloads for extensions: in a profile, in the output of `profiles`, in a managed preference, in
// a declaration.
func payloadsIn(value any, profile string, depth int) []payload {
	if depth > maximumNesting {
		return nil
	}
	switch value := value.(type) {
	case []any:
		var found []payload
		for _, one := range value {
			found = append(found, payloadsIn(one, profile, depth+1)...)
		}
		return found
	case map[string]any:
		// Apple's form, and the form in a blueprint of Jamf
		for _, keys := range [][2]string{{"Type", "Payload"}, {"type", "payload"}} {
			if text(value, keys[0]) == declarationSSO {
				settings, _ := value[keys[1]].(map[string]any)
				return []payload{{settings: settings, profile: text(value, "Identifier"), declaration: true}}
			}
		}
		if text(value, "PayloadType") == payloadSSO {
			settings := maps.Clone(value)
			if content, inContent := value["PayloadContent"].(map[string]any); inContent { // as `profiles` prints it
				maps.Copy(settings, content)
			}
			return []payload{{settings: settings, profile: profile}}
		}
		if text(value, "ExtensionIdentifier") != "" && value["PayloadContent"] == nil { // a managed preference
			return []payload{{settings: value, profile: profile}}
		}
		for _, key := range []string{"ProfileDisplayName", "PayloadDisplayName", "ProfileIdentifier",
			"PayloadIdentifier"} {
			if name := text(value, key); name != "" {
				profile = name
				break
			}
		}
		var found []payload
		for _, key := range slices.Sorted(maps.Keys(value)) {
			found = append(found, payloadsIn(value[key], profile, depth+1)...)
		}
		return found
	}
	return nil
}

// payloadTypes are the types of the payloads in a profile.
func payloadTypes(value any, depth int) []string {
	var types []string
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			if depth <= maximumNesting {
				types = append(types, payloadTypes(one, depth+1)...)
			}
		}
	case map[string]any:
		if kind := text(value, "PayloadType"); kind != "" && kind != "Configuration" {
			types = append(types, kind)
		}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if depth <= maximumNesting {
				types = append(types, payloadTypes(value[key], depth+1)...)
			}
		}
	}
	if len(types) == 0 && depth == 0 {
		if dictionary, is := value.(map[string]any); is && text(dictionary, "PayloadType") == "Configuration" {
			return []string{"none"}
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// extension is the identifier of the extension. A declaration has it with the team in parentheses.
func (p payload) extension() string {
	composed := text(p.settings, "ExtensionComposedIdentifier")
	if p.declaration && composed != "" {
		composed, _, _ = strings.Cut(composed, "(")
		return strings.TrimSpace(composed)
	}
	return text(p.settings, "ExtensionIdentifier")
}

func (p payload) team() string {
	if _, team, found := strings.Cut(text(p.settings, "ExtensionComposedIdentifier"), "("); p.declaration && found {
		return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(team), ")"))
	}
	return text(p.settings, "TeamIdentifier")
}

func (p payload) isMicrosoft() bool {
	return strings.EqualFold(p.extension(), wpj.MicrosoftExtension)
}

// platformSSO is the dictionary that configures Platform SSO.
func (p payload) platformSSO() (map[string]any, bool) {
	settings, there := p.settings["PlatformSSO"].(map[string]any)
	return settings, there
}

// thing describes a payload; count is how many payloads there are for its extension.
func (p payload) thing(count int) pasted.Thing {
	thing := pasted.Thing{Format: "configuration-profile", Name: "a configuration profile for single sign-on",
		Note: noteProfile, At: p.at}
	if p.declaration {
		thing.Format, thing.Name = "declaration", "a declaration for single sign-on (macOS 27)"
	}
	thing.Add("profile", p.profile, "")
	thing.Add("signature", p.how, "what is signed was read; who signed it was not checked")
	if p.cut {
		thing.Unsure++
		thing.Add("text", "cut short",
			"what is after the cut is not known; something that is said to be missing may be there")
	}
	switch {
	case p.extension() == "":
		thing.Add("provider", "unknown", "the identifier of the extension is missing")
	case p.isMicrosoft():
		thing.Add("provider", "Microsoft", "the single sign-on extension of Company Portal")
	default:
		thing.Add("provider", "another one", "not Microsoft's extension; it says nothing about Entra")
	}
	thing.Add("extension", p.extension(), "")
	p.addTeam(&thing)
	thing.Add("type", text(p.settings, "Type"), "")
	p.addMethod(&thing)
	p.addTokens(&thing)
	p.addURLs(&thing)
	p.addErrors(&thing, count)
	return thing
}

func (p payload) addTeam(thing *pasted.Thing) {
	team := p.team()
	switch {
	case team == "" && p.isMicrosoft():
		thing.Add("team id", "missing", "macOS needs it: "+wpj.MicrosoftTeam)
	case team != "" && p.isMicrosoft() && team != wpj.MicrosoftTeam:
		thing.Add("team id", team, "wrong: Microsoft's is "+wpj.MicrosoftTeam)
	default:
		thing.Add("team id", team, "")
	}
}

// method is the value at the place of macOS 14 and later, or at the deprecated place of macOS 13.
func (p payload) method() (method, old string) {
	settings, _ := p.platformSSO()
	return text(settings, "AuthenticationMethod"), text(p.settings, "AuthenticationMethod")
}

func (p payload) addMethod(thing *pasted.Thing) {
	method, old := p.method()
	_, configured := p.platformSSO()
	named := func(method string) string {
		return cmp.Or(methods[strings.ToLower(method)], "not a method that usher knows")
	}
	switch {
	case method != "":
		thing.Add("method", method, named(method))
	case old != "":
		thing.Add("method", "only at the old place", "PlatformSSO has none")
	case configured:
		thing.Add("method", "missing", "PlatformSSO has no AuthenticationMethod")
	default:
		thing.Add("Platform SSO", "not configured",
			"the profile has single sign-on for apps only, without a registration by Platform SSO")
		return
	}
	if old != "" {
		meaning := "for macOS 13 only: " + named(old)
		if method != "" && !strings.EqualFold(method, old) {
			meaning += "; it differs from the one for macOS 14 and later"
		}
		thing.Add("method at the old place", old, meaning)
	}
}

func (p payload) addTokens(thing *pasted.Thing) {
	settings, configured := p.platformSSO()
	token := cmp.Or(text(p.settings, "RegistrationToken"), text(settings, "RegistrationToken"))
	switch {
	case strings.HasPrefix(token, "{{"):
		thing.Add("registration token", "a placeholder", "Intune fills it in; another MDM sends it as it is")
	case token != "":
		thing.Add("registration token", "present",
			"the Mac can be registered without the user; it is a secret and is not shown here")
	case configured:
		thing.Add("registration token", "not there", "only Intune needs it")
	}
	if shared, there := settings["UseSharedDeviceKeys"]; there {
		thing.Add("shared device keys", fmt.Sprint(shared),
			"whether all users of this Mac share its registration; Microsoft needs true")
	} else if configured {
		thing.Add("shared device keys", "not set", "UseSharedDeviceKeys is false then; Microsoft needs true")
	}
	creation, _ := settings["UserCreation"].(map[string]any) // of a declaration
	for _, key := range []string{"EnableRegistrationDuringSetup", "EnableCreateUserAtLogin",
		"EnableCreateFirstUserDuringSetup", "EnableAtLogin"} {
		for _, place := range []map[string]any{settings, creation} {
			if value, there := place[key]; there {
				thing.Add(key, fmt.Sprint(value), "")
			}
		}
	}
	if data, there := p.settings["ExtensionData"].(map[string]any); there && p.isMicrosoft() {
		if allowed, there := data["AppPrefixAllowList"]; there {
			thing.Add("AppPrefixAllowList", fmt.Sprint(allowed),
				"Jamf Conditional Access needs com.jamf.management. in it")
		}
		if secure, there := data["use_most_secure_storage"]; there {
			thing.Add("use_most_secure_storage", fmt.Sprint(secure),
				"whether new registrations are kept in the Secure Enclave")
		}
	}
}

func (p payload) addURLs(thing *pasted.Thing) {
	urls := texts(p.settings["URLs"])
	thing.Add("URLs", strings.Join(urls, ", "), "")
	if !p.isMicrosoft() {
		return
	}
	var have []string
	for _, one := range urls {
		have = append(have, strings.ToLower(strings.TrimRight(strings.TrimSpace(one), "/")))
	}
	for i, cloud := range clouds {
		var missing []string
		for _, one := range cloud.urls {
			if !slices.Contains(have, one) {
				missing = append(missing, one)
			}
		}
		meaning := "needed by every tenant: add them to URLs"
		if i > 0 {
			meaning = "needed only by a tenant in that cloud; Microsoft lists them for all"
		}
		thing.Add("missing URLs, "+cloud.name, strings.Join(missing, ", "), meaning)
	}
}

// addErrors adds the errors for which Microsoft's extension refuses the payload:
// https://learn.microsoft.com/en-us/intune/intune-service/configuration/platform-sso-macos, "Common errors".
func (p payload) addErrors(thing *pasted.Thing, count int) {
	if count > 1 {
		thing.Add("error 10002", fmt.Sprintf("%d payloads for this extension", count),
			"several payloads for one extension apply, and registration fails: leave one profile on the Mac and "+
				"unassign the others")
	}
	_, configured := p.platformSSO()
	method, old := p.method()
	fault := func(what, fix string) {
		thing.Add("error 10001", what, "registration fails with a misconfigured payload: "+fix)
	}
	kind := text(p.settings, "Type")
	switch {
	case p.cut:
		return // what is missing may be after the cut
	case !configured && method == "" && old == "":
	case method == "" && old != "":
		fault("the method is at the wrong place",
			"put AuthenticationMethod into PlatformSSO; the place above it is for macOS 13 only")
	case method == "":
		fault("the method is missing", "set AuthenticationMethod in PlatformSSO")
	}
	if (configured || old != "" || p.isMicrosoft()) && kind != "" && kind != "Redirect" {
		fault("the type is "+kind, "Platform SSO, and Microsoft's extension, need the type Redirect")
	}
	if !p.isMicrosoft() && !configured {
		return
	}
	if kind == "" {
		fault("the type is missing", "set Type to Redirect")
	}
	if kind == "Redirect" && len(texts(p.settings["URLs"])) == 0 {
		fault("the URLs are missing", "set URLs")
	}
	for _, key := range []string{"Realm", "Hosts"} {
		if _, there := p.settings[key]; there && kind == "Redirect" {
			fault(key+" is set", "it is of the type Credential; remove it")
		}
	}
	if p.isMicrosoft() && p.team() == "" {
		fault("the team id is missing", "set TeamIdentifier to "+wpj.MicrosoftTeam)
	}
}

func text(values map[string]any, key string) string {
	value, _ := values[key].(string)
	return strings.TrimSpace(value)
}

func texts(value any) []string {
	list, _ := value.([]any)
	var all []string
	for _, one := range list {
		if text, is := one.(string); is {
			all = append(all, text)
		}
	}
	return all
}
