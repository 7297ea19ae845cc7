package config_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"usher.internal/internal/config"
)

// compiled is the schema. The compiler has checked it against the meta-schema of draft 7.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := config.Schema("darwin")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	meta, err := compiler.Compile("http://json-schema.org/draft-07/schema#")
	if err != nil {
		t.Fatal(err)
	}
	if err := meta.Validate(document); err != nil {
		t.Fatalf("not a schema: %v", err)
	}
	if err := compiler.AddResource("usher.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("usher.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// examples are values of each kind of key: those that a profile may have and those that it may not. Only loading
// refuses values outside limits that a schema cannot express, and variables that Jamf Pro has not filled in.
var examples = map[string]struct {
	key                  string
	good, bad, loadAlone []any
}{
	"boolean": {"identity.look_automatically", []any{true, false}, []any{"perhaps", 3, "true or so"}, nil},
	"uid":     {"development.helper_uid", []any{0, 501, 4294967294}, []any{-1, 4294967295, "root"}, nil},
	"list": {"identity.sources", []any{[]any{"login_keychain"}, []any{}, []any{"none"}},
		[]any{[]any{"cloud"}}, nil},
	"list of host:port": {"preflight.endpoints",
		[]any{[]any{"example.com:443", "[::1]:8443"}, []any{"automatic", "example.com:443"}, []any{"none"}, []any{}},
		[]any{[]any{"example.com"}, []any{"a:b"}, []any{"automatically"}}, []any{[]any{"example.com:0"}}},
	"list of names": {"listener.allowed_names",
		[]any{[]any{"status.example.org", "spiffe://example.org/monitor", "monitor@example.org"}, []any{}},
		[]any{[]any{"a b"}, []any{"*.example.org"}}, nil},
	"list of URLs": {"fleet.servers", []any{[]any{}},
		[]any{[]any{"https://example.com"}, []any{"nats1:4222"}, []any{"tls://me:secret@example.com"}},
		[]any{[]any{"nats://example.com"}, []any{"tls://example.com/path"}}},
	"address": {"listener.address", []any{""}, []any{"7443", "host"}, []any{"host:0", "a b:443"}},
	"name": {"fleet.mac", []any{"", "0A1B2C3D-0000-4000-8000-00000000BEEF"}, []any{"a.b", "*", "a b"},
		[]any{"all"}},
	"choice": {"delivery.mode", []any{"recon"}, []any{"smoke"}, nil},
	"text":   {"admin_group", []any{"admin", "a b", "", "  "}, nil, []any{"a\nb"}},
	"path":   {"jamf.executable", []any{"/usr/local/bin/jamf", ""}, []any{"jamf", "~/jamf", "none"}, nil},
	"GUID": {"tenant.id", []any{"", "8D6B9A52-2b7e-4f0c-9d6b-0f2f7c1f6a11"}, []any{"8d6b9a52", "common"},
		nil},
	"platform ID": {"delivery.api.environment_id", []any{"", "e-1"}, []any{"$X", "a b"}, nil},
	"ID": {"delivery.api.computer_id", []any{"", "42", " 42 "}, []any{"0", "-1", "4.2", "x", "4 2"},
		[]any{"4294967296", "$JSSID", " $JSSID"}},
	"host": {"tenant.cloud_host", []any{"login.microsoftonline.us", ""},
		[]any{"https://login.microsoftonline.us", "a b"}, []any{"-.-"}},
	"duration": {"registration.sign_in_timeout", []any{"45m", "1h30m", "1.5h", ""}, []any{"30", "soon", "5 m"},
		[]any{"1ms", "9999h"}},
	"version": {"portal.minimum_version", []any{"", "5", "5.2504.0"}, []any{"5.", "v5", "1.2.3.4.5"}, nil},
	"proxy URL": {"proxy.url",
		[]any{"", "http://proxy.example.com:8080", "https://[::1]:3128/", "HTTP://proxy:1"},
		[]any{"proxy.example.com:8080", "socks5://proxy.example.com:1080", "http://proxy.example.com",
			"http://me:secret@proxy.example.com:8080", "http://proxy.example.com:8080/x", "http://"},
		[]any{"http://proxy.example.com:0", "http://proxy.example.com:99999", "http://a*b:80"}},
	"URL": {"delivery.api.url",
		[]any{"", "https://example.jamfcloud.com", "https://example.com:8443/jamf/"},
		[]any{"example.com", "ftp://example.com", "https://user@example.com", "https://example.com/?a=b"},
		[]any{"http://example.com"}},
}

// The form accepts what usher accepts: values that the schema allows load, and values that usher accepts are allowed by
// the schema.
func TestSchemaAgreesWithWhatIsLoaded(t *testing.T) {
	schema := compiled(t)
	allows := func(key string, value any) error { return schema.Validate(nested(key, number(value))) }
	loads := func(key string, value any) error {
		text, err := json.Marshal(nested(key, value)) // a JSON text is a YAML text
		if err != nil {
			t.Fatal(err)
		}
		_, err = config.Places{Managed: write(t, "config.yaml", string(text))}.Load()
		return err
	}
	for _, key := range config.Keys("darwin") {
		if _, there := examples[key.Type]; !there {
			t.Errorf("no example of a %s, the type of %s", key.Type, key.Name)
		}
	}
	for kind, example := range examples {
		for _, value := range append(example.good, nil) {
			if err := allows(example.key, value); err != nil {
				t.Errorf("%s: the schema refuses %v: %v", kind, value, err)
			}
			if err := loads(example.key, value); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		for _, value := range example.bad {
			if err := allows(example.key, value); err == nil {
				t.Errorf("%s: the schema accepts %v", kind, value)
			}
			if err := loads(example.key, value); err == nil {
				t.Errorf("%s: %v is loaded", kind, value)
			}
		}
		for _, value := range example.loadAlone {
			if err := allows(example.key, value); err != nil {
				t.Errorf("%s: the schema refuses %v: %v", kind, value, err)
			}
			if err := loads(example.key, value); err == nil {
				t.Errorf("%s: %v is loaded", kind, value)
			}
		}
	}
	if err := schema.Validate(map[string]any{"no.such.key": "x"}); err == nil {
		t.Error("the schema accepts an unknown key")
	}
	// The defaults of macOS are valid unchanged.
	for _, key := range config.Keys("darwin") {
		var value any = key.Default
		switch key.Type {
		case "boolean":
			value = key.Default == "true"
		case "uid":
			value = json.Number(key.Default)
		case "list", "list of host:port", "list of names", "list of URLs":
			list := []any{}
			for _, one := range strings.FieldsFunc(key.Default, func(r rune) bool { return r == ',' || r == ' ' }) {
				list = append(list, one)
			}
			value = list
		}
		if err := allows(key.Name, value); err != nil {
			t.Errorf("the schema refuses the default of %s: %v", key.Name, err)
		}
	}
}

// nested is a value at the place of its key.
func nested(key string, value any) map[string]any {
	section, rest, more := strings.Cut(key, ".")
	if more {
		return map[string]any{section: nested(rest, value)}
	}
	return map[string]any{section: value}
}

// number is a value as a JSON reader returns it.
func number(value any) any {
	if whole, ok := value.(int); ok {
		text, _ := json.Marshal(whole)
		return json.Number(text)
	}
	return value
}

// needed are the keys that another key requires.
var needed = map[string][]string{
	"delivery.mode": {"delivery.api.url", "delivery.api.client_id", "delivery.api.client_secret_file"},
	"listener.address": {"listener.certificate_file", "listener.key_file", "listener.client_ca_file",
		"listener.allowed_names"},
	"fleet.servers":          {"fleet.credentials_file"},
	"fleet.certificate_file": {"fleet.key_file"},
}

// Every field of the structure has one key, and every key has one field. Usher reads nothing that cannot be set, and
// sets nothing that it does not read.
func TestEveryFieldIsOneKey(t *testing.T) {
	fields := map[string]string{} // the key by the name of the field
	for _, key := range config.Keys("linux") {
		document := map[string]string{key.Name: other[key.Name]}
		for _, name := range needed[key.Name] {
			document[name] = other[name]
		}
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		without := config.Default()
		if needs := needed[key.Name]; len(needs) > 0 { // the needed keys change their own fields
			delete(document, key.Name)
			text, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			without = load(t, config.Places{Local: write(t, "config.yaml", string(text))}).Config
		}
		changed := differences("", reflect.ValueOf(without),
			reflect.ValueOf(load(t, config.Places{Local: write(t, "config.yaml", string(text))}).Config))
		for i, field := range changed {
			if i > 0 {
				t.Errorf("%s changes %v", key.Name, changed)
			}
			if other, twice := fields[field]; twice {
				t.Errorf("%s and %s are both %s", key.Name, other, field)
			}
			fields[field] = key.Name
		}
		if len(changed) == 0 {
			t.Errorf("%s changes nothing", key.Name)
		}
	}
	for _, field := range leaves("", reflect.TypeFor[config.Config]()) {
		if fields[field] == "" {
			t.Errorf("no key sets %s", field)
		}
	}
}

// leaves are the fields that are not structures themselves.
func leaves(prefix string, structure reflect.Type) (names []string) {
	for field := range structure.Fields() {
		if field.Type.Kind() == reflect.Struct {
			names = append(names, leaves(prefix+"."+field.Name, field.Type)...)
		} else {
			names = append(names, prefix+"."+field.Name)
		}
	}
	return names
}

func differences(prefix string, a, b reflect.Value) (names []string) {
	for i := range a.NumField() {
		name := prefix + "." + a.Type().Field(i).Name
		switch {
		case a.Field(i).Kind() == reflect.Struct:
			names = append(names, differences(name, a.Field(i), b.Field(i))...)
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			names = append(names, name)
		}
	}
	return names
}
