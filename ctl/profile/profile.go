// Package profile makes configuration profiles for Macs that have usher. They hold its settings, or the background
// items that macOS would ask the user about, or what Microsoft's single sign-on extension needs so that Jamf's own
// helper can use it. An MDM delivers them; nobody has installed one of them on a Mac yet.
package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"howett.net/plist"

	"usher.internal/internal/cloud"
	"usher.internal/internal/config"
	"usher.internal/internal/layout"
	"usher.internal/internal/wpj"
)

// Kind is the purpose of a profile.
type Kind string

// The kinds of profile.
const (
	Settings        Kind = "settings"
	BackgroundItems Kind = "background-items"
	SingleSignOn    Kind = "sso-prefix"
)

// Kinds returns all of them.
func Kinds() []Kind { return []Kind{Settings, BackgroundItems, SingleSignOn} }

// Options say what is in a profile.
type Options struct {
	Kind Kind
	// Identifier is the profile's own, in reverse-DNS form. Two profiles of one identifier have the same UUIDs: a Mac
	// replaces the older one.
	Identifier string
	// Organization is shown to users; an empty one is left out.
	Organization string
	// Values are the configuration, for Settings. All puts every key into the profile; keys that are not set get
	// macOS's default.
	Values []config.Value
	All    bool
	// TeamID is the Team ID of the certificate that signs usher's package, for BackgroundItems. If it is empty, only
	// the labels are matched.
	TeamID string
}

// document is a whole profile.
type document struct {
	PayloadContent           []map[string]any
	PayloadDescription       string
	PayloadDisplayName       string
	PayloadIdentifier        string
	PayloadOrganization      string `plist:",omitempty"`
	PayloadRemovalDisallowed bool
	PayloadScope             string
	PayloadType              string
	PayloadUUID              string
	PayloadVersion           int
}

// namespace is the namespace of all UUIDs made here; it was generated once.
var namespace = uuid.MustParse("3d9b4a7c-6f0f-4a49-9b5d-2f7c1f3c5a70")

// Make returns the profile as an XML property list. The error names the invalid option.
func Make(options Options) ([]byte, error) {
	if !slices.Contains(Kinds(), options.Kind) {
		return nil, fmt.Errorf("make profile: there is no kind %q; the kinds are %v", options.Kind, Kinds())
	}
	if options.Identifier == "" || strings.ContainsAny(options.Identifier, " \t\n/") {
		return nil, fmt.Errorf("make profile: %q is not an identifier such as com.example.usher", options.Identifier)
	}
	payload, about, err := payloads[options.Kind](options)
	if err != nil {
		return nil, fmt.Errorf("make profile: %w", err)
	}
	payload["PayloadIdentifier"] = options.Identifier + "." + string(options.Kind) + ".payload"
	payload["PayloadUUID"] = identify(payload["PayloadIdentifier"].(string))
	payload["PayloadVersion"] = 1
	payload["PayloadDisplayName"] = about.name
	whole := document{
		PayloadContent:           []map[string]any{payload},
		PayloadDescription:       about.description,
		PayloadDisplayName:       about.name,
		PayloadIdentifier:        options.Identifier + "." + string(options.Kind),
		PayloadOrganization:      options.Organization,
		PayloadRemovalDisallowed: true,
		PayloadScope:             "System",
		PayloadType:              "Configuration",
		PayloadVersion:           1,
	}
	whole.PayloadUUID = identify(whole.PayloadIdentifier)
	text, err := plist.MarshalIndent(whole, plist.XMLFormat, "\t")
	if err != nil {
		return nil, fmt.Errorf("make profile: %w", err)
	}
	return append(text, '\n'), nil
}

func identify(name string) string {
	return strings.ToUpper(uuid.NewSHA1(namespace, []byte(name)).String())
}

// about is the text of a profile for people.
type about struct{ name, description string }

var payloads = map[Kind]func(Options) (map[string]any, about, error){
	Settings: settings, BackgroundItems: backgroundItems, SingleSignOn: singleSignOn,
}

// settings is the payload of usher's preference domain. If a payload's type is the domain, its keys become managed
// preferences.
func settings(options Options) (map[string]any, about, error) {
	payload := map[string]any{"PayloadType": config.Domain}
	keys := config.Keys(layout.MacOS.System)
	for i, value := range options.Values {
		text := value.Value
		if value.Layer == config.LayerDefault {
			if !options.All {
				continue
			}
			text = keys[i].Default
		}
		typed, err := typed(keys[i].Type, text)
		if err != nil {
			return nil, about{}, fmt.Errorf("write %s: %w", value.Key, err)
		}
		payload[value.Key] = typed
	}
	return payload, about{"usher: settings", "Settings of usher, which registers this Mac with Microsoft Entra."}, nil
}

// typed returns a value in its property-list type.
func typed(kind, text string) (any, error) {
	switch {
	case kind == "boolean":
		return strconv.ParseBool(text)
	case kind == "uid":
		return strconv.ParseUint(text, 10, 32)
	case strings.HasPrefix(kind, "list"):
		list := []string{}
		for _, one := range strings.Split(text, ",") {
			if one = strings.TrimSpace(one); one != "" {
				list = append(list, one)
			}
		}
		return list, nil
	}
	return text, nil
}

// backgroundItems is the payload that allows usher's two services without a question on macOS 13 and later, and does
// not let the user turn them off [APPLE-DM].
func backgroundItems(options Options) (map[string]any, about, error) {
	rules := []map[string]any{
		{"RuleType": "Label", "RuleValue": layout.HelperLabel, "Comment": "usher's helper"},
		{"RuleType": "Label", "RuleValue": layout.AgentLabel, "Comment": "usher's agent"},
	}
	if options.TeamID != "" {
		if !isTeamID(options.TeamID) {
			return nil, about{}, fmt.Errorf("%q is not a Team ID of ten capital letters and digits",
				options.TeamID)
		}
		for _, rule := range rules {
			rule["TeamIdentifier"] = options.TeamID
		}
	}
	return map[string]any{"PayloadType": "com.apple.servicemanagement", "Rules": rules},
		about{"usher: background items", "Lets usher's services run without asking the user."}, nil
}

func isTeamID(text string) bool {
	return len(text) == 10 && !strings.ContainsFunc(text,
		func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') })
}

// jamfAgentPrefix is the prefix of the bundle identifiers of Jamf's own helper [BW-SSOE].
const jamfAgentPrefix = "com.jamf.management."

// microsoftAddresses are the addresses that the extension answers for, in every cloud.
var microsoftAddresses = slices.Concat(cloud.Public.ExtensionURLs(), cloud.China.ExtensionURLs(),
	cloud.USGovernment.ExtensionURLs())

// singleSignOn is the payload of the extension with Jamf's prefix on its list. A Mac takes one profile of an extension:
// if it already has one, AppPrefixAllowList belongs in that one.
func singleSignOn(Options) (map[string]any, about, error) {
	return map[string]any{
			"PayloadType":         "com.apple.extensiblesso",
			"Type":                "Redirect",
			"ExtensionIdentifier": wpj.MicrosoftExtension,
			"TeamIdentifier":      wpj.MicrosoftTeam,
			"URLs":                microsoftAddresses,
			"ExtensionData":       map[string]any{"AppPrefixAllowList": jamfAgentPrefix},
		}, about{"Microsoft Enterprise SSO, with Jamf",
			"Lets Jamf Conditional Access use Microsoft's single sign-on extension."}, nil
}
