package config_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"howett.net/plist"

	"usher.internal/internal/config"
	"usher.internal/sim/browser"
)

// formMakers are json-editor before 1.0 and the current one, by their names at npm. It is not published which one
// builds Jamf Pro's form.
var formMakers = []string{"json-editor", "@json-editor/json-editor"}

// saved is the result of saving a form: a value and the form's complaints.
type saved struct {
	Value  map[string]any
	Errors []any
}

// field is a key that a person fills in.
type field struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	IsList bool   `json:"isList"`
}

// filledIn is one case of fields: filled in, and cleared again.
type filledIn struct{ Filled, TakenBack saved }

// Jamf Pro's form of the schema, saved unchanged, changes nothing. A field that the admin adds begins with its default.
// A field with a new value changes its key, and a field that the admin clears again changes nothing.
func TestFormForJamfPro(t *testing.T) {
	b := browser.Open(t, `<!doctype html><html lang="en"><title>form</title><body id="form">`, "form")
	driver, err := os.ReadFile("testdata/form.js")
	if err != nil {
		t.Fatal(err)
	}
	text, err := config.Schema("darwin")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	b.Run(chromedp.Evaluate("window.form = "+string(driver), nil))
	for _, maker := range formMakers {
		b.Run(chromedp.Evaluate(browser.Script(t, maker), nil), chromedp.Evaluate(script("keep", maker), nil))
	}
	for _, maker := range formMakers {
		t.Run(maker, func(t *testing.T) {
			changesNothing(t, "untouched", read[saved](t, b, script("untouched", maker, schema)))
			isDefault(t, "in a form that does not know Not Configured",
				read[saved](t, b, script("untouched", maker, withoutChoice(schema))))
			var keys []string
			for _, key := range config.Keys("darwin") {
				keys = append(keys, key.Name)
			}
			isDefault(t, "chosen to be configured", read[saved](t, b, script("configured", maker, schema, keys)))
			cases := fieldsToFill()
			for i, result := range read[[]filledIn](t, b, script("each", maker, schema, cases)) {
				changes(t, cases[i][0].Key+", filled in", result.Filled, cases[i])
				changesNothing(t, cases[i][0].Key+", taken back", result.TakenBack)
			}
		})
	}
	b.Quiet()
}

// script is a call of form.js.
func script(function string, arguments ...any) string {
	texts := make([]string, len(arguments))
	for i, argument := range arguments {
		text, err := json.Marshal(argument)
		if err != nil {
			panic(err)
		}
		texts[i] = string(text)
	}
	return "form." + function + "(" + strings.Join(texts, ", ") + ")"
}

// read returns the result of a call of form.js. Numbers keep their text.
func read[T any](t *testing.T, b *browser.Browser, script string) (result T) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(
		browser.Value[string](b, "Promise.resolve("+script+").then((r) => JSON.stringify(r))")))
	decoder.UseNumber()
	if err := decoder.Decode(&result); err != nil {
		t.Fatal(err)
	}
	return result
}

// withoutChoice is the schema as a form sees it that ignores Not Configured.
func withoutChoice(schema map[string]any) map[string]any {
	plain := map[string]any{}
	for name, property := range schema["properties"].(map[string]any) {
		property := property.(map[string]any)
		if choice, ok := property["anyOf"].([]any); ok {
			plain[name] = choice[1]
		} else {
			plain[name] = withoutChoice(property)
		}
	}
	return map[string]any{"type": "object", "title": schema["title"], "properties": plain,
		"additionalProperties": false}
}

// fieldsToFill are cases that fill in each key once, with the keys that it needs.
func fieldsToFill() (cases [][]field) {
	kinds := map[string]string{}
	for _, key := range config.Keys("darwin") {
		kinds[key.Name] = key.Type
	}
	for _, key := range config.Keys("darwin") {
		var fields []field
		for _, name := range append([]string{key.Name}, needed[key.Name]...) {
			value, isList := other[name], strings.HasPrefix(kinds[name], "list")
			if isList {
				value, _, _ = strings.Cut(value, ", ")
			}
			fields = append(fields, field{name, value, isList})
		}
		cases = append(cases, fields)
	}
	return cases
}

// managedPreferences is what Jamf Pro builds from a form's value: a property list without null values, because it has
// none.
func managedPreferences(t *testing.T, form saved) config.Places {
	t.Helper()
	content, err := plist.Marshal(withoutNull(form.Value), plist.XMLFormat)
	if err != nil {
		t.Fatal(err)
	}
	return config.Places{Managed: write(t, "org.usher.plist", string(content))}
}

func withoutNull(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, one := range value {
			if one != nil {
				kept[name] = withoutNull(one)
			}
		}
		return kept
	case json.Number:
		whole, err := value.Int64()
		if err != nil {
			panic(err)
		}
		return whole
	}
	return value
}

// changesNothing checks that a form sets no key.
func changesNothing(t *testing.T, what string, form saved) {
	t.Helper()
	changes(t, what, form, nil)
	if loaded := load(t, managedPreferences(t, form)); !reflect.DeepEqual(loaded.Config, config.Default()) {
		t.Errorf("%s: it is %+v", what, loaded.Config)
	}
}

// changes checks that a form sets these keys and no others.
func changes(t *testing.T, what string, form saved, fields []field) {
	t.Helper()
	if len(form.Errors) > 0 {
		t.Errorf("%s: the form complains: %v", what, form.Errors)
	}
	loaded, err := managedPreferences(t, form).Load()
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	keys := config.Keys("darwin")
	for i, value := range loaded.Values() {
		want, layer := value.Default, config.LayerDefault
		if at := slices.IndexFunc(fields, func(f field) bool { return f.Key == value.Key }); at >= 0 {
			want, layer = fields[at].Value, config.LayerManaged
			if fields[at].IsList { // its first entry was filled in
				if _, more, ok := strings.Cut(keys[i].Default, ", "); ok {
					want += ", " + more
				}
			}
		}
		if value.Value != want || value.Layer != layer {
			t.Errorf("%s: %s: %q, %s; want %q, %s", what, value.Key, value.Value, value.Layer, want, layer)
		}
	}
}

// isDefault checks that a form sets every key to its default on macOS.
func isDefault(t *testing.T, what string, form saved) {
	t.Helper()
	fields := []field{}
	for _, key := range config.Keys("darwin") {
		fields = append(fields, field{Key: key.Name, Value: key.Default})
	}
	changes(t, what, form, fields)
}
