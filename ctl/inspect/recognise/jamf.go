package recognise

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"usher.internal/ctl/inspect/pasted"
	"usher.internal/internal/jamfstate"
	"usher.internal/internal/lazyregexp"
)

const noteJamf = "Jamf's files say what Jamf has made of a registration, not whether there is one now."

// anyKey matches a key of Jamf's preferences that inspect knows.
const anyKey = "(" + jamfstate.KeyHaveAzureID + "|" + jamfstate.KeyLastToken + "|" +
	jamfstate.KeyConditionalAccess + "|" + jamfstate.KeyClientID + ")"

// clientMeanings are the client ids with which Jamf signs in [BW-MIG].
var clientMeanings = map[string]string{
	"b03c10a8-71c7-45f9-b44a-3335ab76e970": "the app \"User registration app for Device Compliance\"",
	"dcf07df3-346f-4f0e-b803-c1f0ea0fb5ae": "the app for Device Compliance in GCC High",
}

// has reports whether a list, or a dictionary in it, has one of the keys, and returns that dictionary.
func has(values map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		if _, there := values[key]; there {
			return values
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if inner, isDictionary := values[key].(map[string]any); isDictionary {
			if found := has(inner, keys...); found != nil {
				return found
			}
		}
	}
	return nil
}

func findAgentState(from pasted.Source) []pasted.Thing {
	var things []pasted.Thing
	for _, one := range missingKeys(from, jamfstate.KeyHaveAzureID, jamfstate.KeyLastToken) {
		thing := pasted.Thing{Format: "jamf-agent-state", Name: "com.jamf.management.jamfAAD.plist of a user",
			Note: noteJamf,
			At:   one.At}
		thing.Add(slices.Sorted(maps.Keys(one.Values))[0], "missing",
			"`defaults` did not find it; the user may have no such file, or it was asked as another user")
		things = append(things, thing)
	}
	for _, one := range withKeyRead(from, jamfstate.KeyHaveAzureID, jamfstate.KeyLastToken) {
		values := has(one.Values, jamfstate.KeyHaveAzureID, jamfstate.KeyLastToken)
		if values == nil {
			continue
		}
		thing := pasted.Thing{Format: "jamf-agent-state", Name: "com.jamf.management.jamfAAD.plist of a user",
			Note: noteJamf,
			At:   one.At, Unsure: one.Doubt()}
		state, err := jamfstate.AgentStateOf(values)
		if err != nil {
			things = append(things, damaged(thing, err))
			continue
		}
		switch {
		case state.HaveAzureID != nil:
			thing.Add(jamfstate.KeyHaveAzureID, fmt.Sprint(*state.HaveAzureID), meaningAcquired(*state.HaveAzureID))
		case one.Cut:
			thing.Add(jamfstate.KeyHaveAzureID, "not shown", "the text is cut short, or only a part of the list")
		default:
			thing.Add(jamfstate.KeyHaveAzureID, "missing", "Jamf has not got a device id of this user yet")
		}
		if _, there := values[jamfstate.KeyLastToken]; there {
			thing.Add("last token", cmp.Or(moment(state.LastTokenAt), "never"),
				"when Jamf last signed in to Microsoft for this user")
		}
		things = append(things, thing)
	}
	return things
}

func findSettings(from pasted.Source) []pasted.Thing {
	var things []pasted.Thing
	for _, one := range missingKeys(from, jamfstate.KeyConditionalAccess, jamfstate.KeyClientID) {
		thing := pasted.Thing{Format: "jamf-settings", Name: "com.jamfsoftware.jamf.plist of a Mac", Note: noteJamf,
			At: one.At}
		thing.Add(slices.Sorted(maps.Keys(one.Values))[0], "missing",
			"`defaults` did not find it; "+meaningEnabled(false))
		things = append(things, thing)
	}
	for _, one := range withKeyRead(from, jamfstate.KeyConditionalAccess, jamfstate.KeyClientID) {
		values := has(one.Values, jamfstate.KeyConditionalAccess, jamfstate.KeyClientID)
		if values == nil {
			continue
		}
		thing := pasted.Thing{Format: "jamf-settings", Name: "com.jamfsoftware.jamf.plist of a Mac", Note: noteJamf,
			At: one.At, Unsure: one.Doubt()}
		settings, err := jamfstate.SettingsOf(values)
		if err != nil {
			things = append(things, damaged(thing, err))
			continue
		}
		switch {
		case settings.ConditionalAccess != nil:
			thing.Add(jamfstate.KeyConditionalAccess, fmt.Sprint(*settings.ConditionalAccess),
				meaningEnabled(*settings.ConditionalAccess))
		case one.Cut:
			thing.Add(jamfstate.KeyConditionalAccess, "not shown", "the text is cut short, or only a part of the list")
		default:
			thing.Add(jamfstate.KeyConditionalAccess, "missing", meaningEnabled(false))
		}
		meaning := clientMeanings[strings.ToLower(settings.ClientID)]
		thing.Add("client id", settings.ClientID,
			cmp.Or(meaning, "not one that usher knows; Jamf signs in as this app"))
		things = append(things, thing)
	}
	return things
}

// damaged describes a list that has the keys, but with values that they cannot have.
func damaged(thing pasted.Thing, err error) pasted.Thing {
	thing.Problem, thing.Advice = err.Error(),
		"Have the file itself sent; `plutil -p FILE` on the Mac shows what is in it."
	return thing
}

var keyRead = lazyregexp.New(
	`(?:^|[ %$#>])defaults +read(?:-type)? +.*?['"]?` +
		`\b` + anyKey + `\b['"]?\s*$`)

// withKeyRead returns the lists of a source, and commands that read one key together with the value that they printed.
func withKeyRead(from pasted.Source, keys ...string) []pasted.List {
	all := from.Lists
	at := 0
	for i, line := range from.Lines {
		if command := keyRead.FindStringSubmatch(line); command != nil {
			for _, next := range from.Lines[i+1:] {
				value := strings.TrimSpace(next)
				if value == "" {
					continue
				}
				if len(strings.Fields(value)) == 1 && (command[1] == keys[0] || command[1] == keys[1]) {
					all = append(all, pasted.List{Values: map[string]any{command[1]: strings.Trim(value, `"`)}, At: at,
						Cut: true})
				}
				break
			}
		}
		at += len(line) + 1
	}
	return all
}

var missingKey = lazyregexp.New(
	`domain/default pair of \(([^()\n]*), ` +
		`*` + anyKey + `\) does not exist`)

// missingKeys are the keys that `defaults` reports as missing.
func missingKeys(from pasted.Source, keys ...string) []pasted.List {
	var all []pasted.List
	for _, found := range missingKey.FindAllStringSubmatchIndex(from.Text, -1) {
		if key := from.Text[found[4]:found[5]]; slices.Contains(keys, key) {
			all = append(all, pasted.List{Values: map[string]any{key: nil}, At: found[0]})
		}
	}
	return all
}
