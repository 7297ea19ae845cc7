package config

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// form is how the JSON schema describes a kind of key: its JSON type, and the pattern (ECMA 262) of a text.
type form struct{ jsonType, pattern string }

// forms are by [Key.Type]. A text may also be empty, which means the default. A pattern never refuses a value that a
// profile may have before Jamf Pro fills in its variables. The description has the limits that a pattern cannot
// express.
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
	"ID":                {"string", `^ *[1-9][0-9]{0,9} *$|^ *\$JSSID *$`},
	"host":              {"string", `^[0-9A-Za-z_.-]+$`},
	"duration": {"string",
		`^[+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)` +
			`(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*$`},
	"version":   {"string", `^[0-9]{1,9}(\.[0-9]{1,9}){0,3}$`},
	"proxy URL": {"string", `^\s*[hH][tT][tT][pP][sS]?://[^@/?#\s]+:[0-9]+/*\s*$`},
	"URL":       {"string", `^[hH][tT][tT][pP][sS]?://[^@?#\s]+[/#]*$`},
}

// listForms are the pattern of an entry and the maximum number of entries of lists of texts.
var listForms = map[string]struct {
	pattern string
	longest int
}{
	"list of host:port": {`:[0-9]+\s*$|^\s*` + Automatic + `\s*$`, maximumEndpoints},
	"list of names":     {`^\s*[^\s*]+\s*$`, maximumNames},
	"list of URLs":      {`^\s*([tT][lL][sS]|[nN][aA][tT][sS])://[^@?#\s]+$`, maximumEndpoints},
}

// Schema returns the JSON schema of the keys. It has the form that Jamf Pro accepts as a custom schema of an
// application's settings. This is draft 7; Jamf Pro builds its form from title, description, property_order and options
// [JAMF-SCHEMA]. The defaults are those of a platform, "darwin" or "linux".
//
// Jamf Pro's form resembles json-editor: it writes every key that it shows, even an empty one, except null. Each key
// therefore begins as null, "Not Configured". Manifests for Jamf Pro leave out a key like this [JAMF-NULL]. In a form
// without this choice each key begins with its default, and an empty key has its default too ([LayerManaged]). A form
// that is saved unchanged changes nothing either way.
//
// Sections are objects, because json-editor before 1.0 takes a dot in a key for a path. The option
// remove_empty_properties is not set, because it makes that version leave out false.
func Schema(goos string) ([]byte, error) {
	root := schemaSection("usher (" + Domain + ")")
	root["description"] = "Takes a Mac through its Microsoft Entra registration and reports the result to Jamf Pro. " +
		"Keys that are not configured or empty have their defaults."
	for i, key := range Keys(goos) {
		value, err := key.schema()
		if err != nil {
			return nil, err
		}
		shown := key.Default
		if shown == "" {
			shown = "empty"
		}
		in, name := schemaPlace(root, key.Name, i+1)
		in[name] = map[string]any{
			"title":          key.Name,
			"description":    fmt.Sprintf("%s Allowed: %s. Default: %s.", key.Description, key.Allowed, shown),
			"property_order": i + 1,
			// Without it, json-editor gives a newly configured key its value for null, which is not the default.
			"options": map[string]any{"keep_oneof_values": false},
			"anyOf":   []any{map[string]any{"type": "null", "title": "Not Configured"}, value},
		}
	}
	schema, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(schema, '\n'), nil
}

// schemaSection is an object whose keys are in its properties.
func schemaSection(title string) map[string]any {
	return map[string]any{"title": title, "type": "object", "properties": map[string]any{},
		"additionalProperties": false}
}

// schemaPlace returns the properties of a key's section, which it creates if needed, and the key's name there.
func schemaPlace(section map[string]any, key string, order int) (in map[string]any, name string) {
	parts := strings.Split(key, ".")
	for i, part := range parts[:len(parts)-1] {
		properties := section["properties"].(map[string]any)
		inner, made := properties[part].(map[string]any)
		if !made {
			inner = schemaSection(strings.Join(parts[:i+1], "."))
			inner["property_order"] = order
			properties[part] = inner
		}
		section = inner
	}
	return section["properties"].(map[string]any), parts[len(parts)-1]
}

// schema is the schema of the key's values.
func (k Key) schema() (map[string]any, error) {
	form, known := forms[k.Type]
	if !known {
		return nil, fmt.Errorf("describe %s: the type %q has no form", k.Name, k.Type)
	}
	value := map[string]any{
		"title":   "Configured",
		"type":    form.jsonType,
		"options": map[string]any{"inputAttributes": map[string]any{"placeholder": k.Default}},
	}
	orNone := strings.HasSuffix(k.Allowed, orNoneAllowed)
	switch {
	case form.jsonType == "boolean":
		value["default"] = k.Default == "true"
	case k.Type == "uid":
		fallback, err := strconv.ParseUint(k.Default, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", k.Name, err)
		}
		value["minimum"], value["maximum"], value["default"] = 0, uint32(1<<32-2), fallback
	case form.jsonType == "array":
		entry, longest := map[string]any{"type": "string"}, len(IdentitySources())
		if entries, patterned := listForms[k.Type]; patterned {
			longest = entries.longest
			entry["pattern"] = entries.pattern
			if orNone {
				entry["pattern"] = entries.pattern + `|^\s*` + none + `\s*$`
			}
		} else {
			entry["enum"] = IdentitySources()
			if orNone {
				entry["enum"] = append(IdentitySources(), none)
			}
		}
		value["items"], value["maxItems"] = entry, longest
		if k.Default != "" {
			value["default"] = strings.Split(k.Default, ", ")
		}
	case k.Type == "choice":
		value["enum"], value["default"] = strings.Split(k.Allowed, ", "), k.Default
	default:
		value["default"], value["maxLength"] = k.Default, maximumText
		if form.pattern != "" {
			value["pattern"] = `^\s*$|` + form.pattern
			if orNone {
				value["pattern"] = `^\s*$|^` + none + `$|` + form.pattern
			}
		}
	}
	return value, nil
}
