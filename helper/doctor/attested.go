package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"usher.internal/internal/command"
	"usher.internal/internal/oneline"
	"usher.internal/internal/propertylist"
)

// profileTool is macOS's program that shows the profiles of this Mac. It has no path on other systems.
func profileTool() command.Command {
	if runtime.GOOS == "darwin" {
		return command.Profiles
	}
	return command.Command{}
}

// The relevant payloads [APPLE-DM], and the preference domain of Jamf's client for its network services [JLG].
const (
	payloadRelay = "com.apple.relay.managed"
	payloadACME  = "com.apple.security.acme"
	jamfTrust    = "com.jamf.trust.plist"
)

// attestedCompliance looks for traces of Jamf's Attested Device Compliance for Microsoft Entra on a Mac. With it, Entra
// accepts a sign-in because it comes through Jamf's network, which takes only Macs that Apple has attested. No Mac
// registers for that [JAMF-ADC]. Jamf's network relay is a profile with a relay, and with an identity from an ACME
// server that Apple attests [JAMF-RELAY]. It is inferred that the profile of this feature has that form: nobody has
// seen it. Entra's decision cannot be seen from here.
type attestedCompliance struct {
	profiles command.Command
	// managed is the folder where macOS keeps the settings of profiles; an empty path is skipped.
	managed string
	// signIn is the host of Entra's sign-in.
	signIn string
}

// recognised warns if sign-ins go through a relay.
func (a attestedCompliance) recognised(ctx context.Context) (Outcome, error) {
	if a.profiles.Path == "" {
		return notApplicable("Profiles are examined only on macOS."), nil
	}
	ran, err := a.profiles.Run(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if ran.ExitCode != 0 {
		return Outcome{}, fmt.Errorf("%w, exit code %d: %s", errProfiles, ran.ExitCode, said(string(ran.Stderr)))
	}
	payloads, err := installedPayloads(ran.Stdout)
	if err != nil {
		return Outcome{}, err
	}
	var relay string
	attested := "no identity that Apple attests is configured beside it"
	for _, one := range payloads {
		switch {
		case one.kind == payloadRelay && relay == "" && one.relays(a.signIn):
			relay = one.profile
		case one.kind == payloadACME && isTrue(one.content["Attest"]):
			attested = "an identity that Apple attests is configured too"
		}
	}
	if relay != "" {
		return warning("The profile %q sends sign-ins (%s) through a network relay, and %s: this may be Jamf's "+
			"Attested Device Compliance, which needs no registration.", relay, a.signIn, attested), nil
	}
	const notSeen = "Relays of declarations (macOS 27) are not seen."
	if a.managed != "" {
		switch _, err := os.Stat(filepath.Join(a.managed, jamfTrust)); {
		case err == nil:
			return notApplicable("No profile sends sign-ins (%s) through a network relay. Jamf Trust is configured; "+
				"whether Entra lets this Mac in because of it is not seen from here. %s", a.signIn, notSeen), nil
		case !errors.Is(err, fs.ErrNotExist):
			return Outcome{}, fmt.Errorf("look for the settings of Jamf Trust: %w", err)
		}
	}
	return notApplicable("No profile sends sign-ins (%s) through a network relay, and Jamf Trust is not configured. %s",
		a.signIn, notSeen), nil
}

var errProfiles = errors.New("profiles did not show the profiles of this Mac")

// installedPayload is one payload of an installed profile.
type installedPayload struct {
	profile, kind string
	content       map[string]any
}

// installedPayloads reads the output of `profiles show -output stdout-xml`: profiles with their items, for the computer
// (_computerlevel) and for users [FL-GO]. None of it was taken from a Mac.
func installedPayloads(output []byte) ([]installedPayload, error) {
	if strings.HasPrefix(strings.TrimSpace(string(output)), "There are no configuration profiles") {
		return nil, nil
	}
	scopes, err := propertylist.Parse(output)
	// profiles may hold secrets, so nothing is quoted
	if wrong, ok := errors.AsType[*propertylist.SyntaxError](err); ok {
		err = wrong.Cause
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProfiles, err)
	}
	var payloads []installedPayload
	for _, scope := range slices.Sorted(maps.Keys(scopes)) {
		profiles, isList := scopes[scope].([]any)
		if !isList {
			return nil, fmt.Errorf("%w: its entry for %s is not a list", errProfiles, oneline.Of(scope, longestSaid))
		}
		for _, one := range profiles {
			profile, _ := one.(map[string]any)
			items, isList := profile["ProfileItems"].([]any)
			if !isList {
				return nil, fmt.Errorf("%w: a profile has no items", errProfiles)
			}
			name, _ := profile["ProfileDisplayName"].(string)
			if name == "" {
				name, _ = profile["ProfileIdentifier"].(string)
			}
			for _, one := range items {
				item, _ := one.(map[string]any)
				kind, _ := item["PayloadType"].(string)
				content, inContent := item["PayloadContent"].(map[string]any)
				if !inContent {
					content = item
				}
				payloads = append(payloads, installedPayload{oneline.Of(name, longestSaid), kind, content})
			}
		}
	}
	return payloads, nil
}

// relays reports whether the relay takes connections to a host. Without domains and names it takes all of them except
// the excluded ones [APPLE-DM].
func (p installedPayload) relays(host string) bool {
	domains, names := texts(p.content["MatchDomains"]), texts(p.content["MatchFQDNs"])
	all := len(domains) == 0 && len(names) == 0
	return (all || within(host, domains) || equal(host, names)) &&
		!within(host, texts(p.content["ExcludedDomains"])) && !equal(host, texts(p.content["ExcludedFQDNs"]))
}

func texts(value any) []string {
	var texts []string
	list, _ := value.([]any)
	for _, one := range list {
		if text, isText := one.(string); isText {
			texts = append(texts, strings.ToLower(strings.Trim(strings.TrimSpace(text), ".")))
		}
	}
	return texts
}

func within(host string, domains []string) bool {
	return slices.ContainsFunc(domains,
		func(domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) })
}

func equal(host string, names []string) bool { return slices.Contains(names, host) }

// isTrue reads a boolean of a profile. A tool may show it as a number.
func isTrue(value any) bool {
	switch value := value.(type) {
	case bool:
		return value
	case uint64:
		return value == 1
	case int64:
		return value == 1
	}
	return false
}
