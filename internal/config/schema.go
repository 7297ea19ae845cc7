package config

import (
	"encoding/json"
	"fmt"
	"strings"
)

// form is how a kind of key stands in the JSON schema: its JSON type, and the pattern (ECMA 262) of a text.
type form struct{ jsonType, pattern string }

// forms are by [Key.Type]. A pattern never refuses what [Load] takes; bounds that it cannot say are in the description.
var forms = map[string]form{
	"boolean":           {jsonType: "boolean"},
	"uid":               {jsonType: "integer"},
	"list":              {jsonType: "array"},
	"list of host:port": {jsonType: "array"},
	"list of names":     {jsonType: "array"},
	"list of URLs":      {jsonType: "array"},
	"address":           {"string", `:[0-9]+$`},
	"name":              {"string", `^[0-9A-Za-z_-]{1,64}$`},
	"choice":            {jsonType: "string"},
	"text":              {jsonType: "string"},
	"path":              {"string", `^/`},
	"GUID":              {"string", `^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`},
	"platform ID":       {"string", `^[^\s$]\S*$`},
	"ID":                {"string", `^[1-9][0-9]{0,9}$`},
	"host":              {"string", `^[0-9A-Za-z_.-]+$`},
	"duration":          {"string", `^[+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*$`},
	"version":           {"string", `^[0-9]{1,9}(\.[0-9]{1,9}){0,3}$`},
	"proxy URL":         {"string", `^\s*[hH][tT][tT][pP][sS]?://[^@/?#\s]+:[0-9]+/*\s*$`},
	"URL":               {"string", `^[hH][tT][tT][pP][sS]?://[^@?#\s]+[/#]*$`},
}

// listForms are the pattern of an entry and the most entries of lists of texts.
var listForms = map[string]struct {
	pattern string
	longest int
}{
	"list of host:port": {`:[0-9]+\s*$|^\s*` + Automatic + `\s*$`, maximumEndpoints},
	"list of names":     {`^\s*[^\s*]+\s*$`, maximumNames},
	"list of URLs":      {`^\s*([tT][lL][sS]|[nN][aA][tT][sS])://[^@?#\s]+$`, maximumEndpoints},
}

// Schema returns the JSON schema of the keys in the form that Jamf Pro takes as a custom schema of an application's settings (draft 7;
// title, description, property_order and options are what Jamf Pro makes its form of [JAMF-SCHEMA]). No key is required and none has a
// value to begin with, so that what an admin leaves alone is not in the profile and keeps its default. The defaults are those of a
// platform, "darwin" or "linux".
func Schema(goos string) ([]byte, error) {
	properties := map[string]any{}
	for i, key := range Keys(goos) {
		form, known := forms[key.Type]
		if !known {
			return nil, fmt.Errorf("describe %s: the type %q has no form", key.Name, key.Type)
		}
		shown := key.Default
		if shown == "" {
			shown = "empty"
		}
		property := map[string]any{
			"title":          key.Name,
			"description":    fmt.Sprintf("%s Allowed: %s. Default: %s.", key.Description, key.Allowed, shown),
			"property_order": i + 1,
			"type":           form.jsonType,
			"options":        map[string]any{"inputAttributes": map[string]any{"placeholder": key.Default}},
		}
		switch {
		case key.Type == "choice":
			property["enum"] = strings.Split(key.Allowed, ", ")
		case key.Type == "uid":
			property["minimum"], property["maximum"] = 0, uint32(1<<32-2)
		case key.Type == "list":
			property["items"] = map[string]any{"type": "string", "enum": IdentitySources()}
			property["maxItems"] = len(IdentitySources())
		case form.jsonType == "array":
			entries := listForms[key.Type]
			property["items"] = map[string]any{"type": "string", "pattern": entries.pattern}
			property["maxItems"] = entries.longest
		case form.pattern != "" && strings.HasSuffix(key.Allowed, ", or empty"):
			property["pattern"] = "^$|" + form.pattern
		case form.pattern != "":
			property["pattern"] = form.pattern
		case strings.HasSuffix(key.Allowed, ", not empty"):
			property["pattern"] = `\S`
		}
		if form.jsonType == "string" && key.Type != "choice" {
			property["maxLength"] = maximumText
		}
		properties[key.Name] = property
	}
	schema, err := json.MarshalIndent(map[string]any{
		"title":                "usher (" + Domain + ")",
		"description":          "Brings a Mac through its Microsoft Entra registration and tells Jamf Pro how it went.",
		"type":                 "object",
		"properties":           properties,
		"additionalProperties": false,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(schema, '\n'), nil
}
