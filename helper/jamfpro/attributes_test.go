package jamfpro_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"usher.internal/helper/jamfpro"
	sim "usher.internal/sim/jamfpro"
)

func TestValuesGoIntoTheSectionOfTheirDefinition(t *testing.T) {
	server := newServer(t)
	var want = map[string]any{}
	var names []string
	for i, section := range []struct{ display, key string }{
		{"GENERAL", "general"}, {"HARDWARE", "hardware"}, {"OPERATING_SYSTEM", "operatingSystem"},
		{"USER_AND_LOCATION", "userAndLocation"}, {"PURCHASING", "purchasing"}, {"EXTENSION_ATTRIBUTES", ""},
	} {
		id, name := string(rune('1'+i)), "Usher "+section.display
		server.definitions = append(server.definitions, textAttribute(id, name, section.display))
		names = append(names, name)
		list := []any{map[string]any{"definitionId": id, "values": []any{"jane@example.com"}}}
		if want[section.key] = any(map[string]any{"extensionAttributes": list}); section.key == "" {
			delete(want, "")
			want["extensionAttributes"] = list
		}
	}
	client := server.client(nil)
	if err := client.SetExtensionAttributes(t.Context(), this, attributes(names...)); err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(server.bodies[patchCall], &body); err != nil || !reflect.DeepEqual(body, want) {
		t.Errorf("body %s, %v", server.bodies[patchCall], err)
	}
	// The second time, the definitions are known and the computer is looked up again.
	server.calls()
	if err := client.SetExtensionAttributes(t.Context(), this, attributes(names...)); err != nil {
		t.Fatal(err)
	}
	if calls := server.calls(); !slices.Equal(calls, []string{findCall, patchCall}) {
		t.Errorf("calls: %v", calls)
	}
}

func TestMissingAttributeIsCreated(t *testing.T) {
	server := newServer(t)
	// A server may answer with more than was asked for.
	server.definitions = []map[string]any{textAttribute("1", "Usher A and more", "GENERAL")}
	if err := server.client(nil).SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
		t.Fatal(err)
	}
	var created map[string]any
	if err := json.Unmarshal(server.bodies[createCall], &created); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"name": "Usher A", "description": "about Usher A", "dataType": "STRING", "inputType": "TEXT",
		"enabled": true, "inventoryDisplayType": "EXTENSION_ATTRIBUTES"}
	if !reflect.DeepEqual(created, want) {
		t.Errorf("created %v", created)
	}
	if body := string(server.bodies[patchCall]); !strings.Contains(body, `"definitionId":"101"`) {
		t.Errorf("body %s", body)
	}
}

func TestMissingAttributeWithoutThePrivilege(t *testing.T) {
	server := newServer(t)
	server.replace(createCall, jamfError(403, "INVALID_PRIVILEGE", "", "Forbidden"))
	err := server.client(nil).SetExtensionAttributes(t.Context(), this, attributes("Usher A"))
	answer, ok := errors.AsType[*jamfpro.APIError](err)
	if !errors.Is(err, jamfpro.ErrAttributeMissing) || !ok || !answer.Permanent() {
		t.Errorf("got %v", err)
	}
	for _, part := range []string{`"Usher A"`, `"Create Computer Extension Attributes"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}

func TestAnotherMacCreatesTheAttributeFirst(t *testing.T) {
	server := newServer(t)
	server.replace(createCall, func(w http.ResponseWriter, r *http.Request) {
		server.mutex.Lock()
		server.definitions = []map[string]any{textAttribute("9", "Usher A", "GENERAL")}
		server.mutex.Unlock()
		jamfError(400, "DUPLICATE_FIELD", "name", "name must be unique")(w, r)
	})
	if err := server.client(nil).SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
		t.Fatal(err)
	}
	// The other server of a cluster reports a duplicate, but this one does not know the attribute yet.
	server = newServer(t)
	server.replace(createCall, jamfError(400, "DUPLICATE_FIELD", "name", "duplicate name"))
	if err := server.client(nil).SetExtensionAttributes(t.Context(), this, attributes("Usher A")); !errors.Is(err,
		jamfpro.ErrUnknownDefinition) {
		t.Errorf("got %v", err)
	}
}

func TestAttributesThatTheAPICannotWrite(t *testing.T) {
	for key, value := range map[string]string{"inputType": "SCRIPT", "dataType": "INTEGER"} {
		server := newServer(t)
		definition := textAttribute("1", "Usher A", "GENERAL")
		definition[key] = value
		server.definitions = []map[string]any{definition}
		client := server.client(nil)
		err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A"))
		if !errors.Is(err, jamfpro.ErrAttributeNotWritable) || !strings.Contains(err.Error(), "Usher A") ||
			!strings.Contains(err.Error(), value) {
			t.Errorf("%s %s: %v", key, value, err)
		}
		if slices.Contains(server.calls(), patchCall) {
			t.Errorf("%s %s was written", key, value)
		}
		// An admin who fixes it does not have to wait for a restart.
		server.definitions = []map[string]any{textAttribute("1", "Usher A", "GENERAL")}
		if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
			t.Error(err)
		}
	}
}

func TestDefinitionThatTheClusterDoesNotKnowYet(t *testing.T) {
	for name, refusal := range map[string]http.HandlerFunc{
		"created by us":          jamfError(400, "INVALID_FIELD", "", ""),
		"created by somebody":    jamfError(400, "INVALID_ID", "extensionAttributes.definitionId", "does not exist"),
		"named only in the text": jamfError(400, "INVALID", "", "Unknown extension attribute Definition"),
	} {
		server := newServer(t)
		if name != "created by us" {
			server.definitions = []map[string]any{textAttribute("1", "Usher A", "GENERAL")}
		}
		server.replace(patchCall, refusal)
		client := server.client(nil)
		if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); !errors.Is(err,
			jamfpro.ErrUnknownDefinition) {
			t.Errorf("%s: %v", name, err)
		}
		server.calls()
		if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
			t.Errorf("%s, afterwards: %v", name, err)
		}
		if calls := server.calls(); !slices.Contains(calls, lookUpCall) {
			t.Errorf("%s: definitions were not looked up again: %v", name, calls)
		}
	}
}

func TestRecordThatIsGoneIsLookedUpOnceMore(t *testing.T) {
	server := newServer(t)
	server.definitions = []map[string]any{textAttribute("1", "Usher A", "GENERAL")}
	gone := "PATCH /api/v4/computers-inventory-detail/6"
	server.computers = []map[string]any{computer("6", udid, "S", "")}
	server.replace(gone, func(w http.ResponseWriter, r *http.Request) {
		server.mutex.Lock()
		server.computers = []map[string]any{computer("7", udid, "S", "")}
		server.mutex.Unlock()
		jamfError(404, "INVALID_ID", "id", "gone")(w, r)
	})
	client := server.client(nil)
	if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
		t.Fatal(err)
	}
	if calls := server.calls(); !slices.Equal(calls,
		[]string{tokenCall, findCall, lookUpCall, gone, findCall, patchCall}) {
		t.Errorf("calls: %v", calls)
	}
	// A record that is listed but cannot be written is not requested again and again.
	server.replace(patchCall, jamfError(404, "INVALID_ID", "id", "gone"), jamfError(404, "INVALID_ID", "id", "gone"))
	err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A"))
	if answer, ok := errors.AsType[*jamfpro.APIError](err); !ok || answer.Status != 404 || !answer.Permanent() {
		t.Errorf("got %v", err)
	}
}

// An admin moves the attribute to another section, or deletes and recreates it, while we remember the old one.
func TestDefinitionThatHasChangedIsLookedUpAtOnce(t *testing.T) {
	server := newServer(t)
	server.definitions = []map[string]any{textAttribute("1", "Usher A", "GENERAL")}
	client := server.client(nil)
	if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
		t.Fatal(err)
	}
	server.definitions = []map[string]any{textAttribute("2", "Usher A", "HARDWARE")}
	server.replace(patchCall, jamfError(400, "INVALID_FIELD", "general.extensionAttributes[0]",
		"must be updated elsewhere"))
	server.calls()
	if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
		t.Fatal(err)
	}
	if calls := server.calls(); !slices.Equal(calls, []string{findCall, patchCall, lookUpCall, patchCall}) {
		t.Errorf("calls: %v", calls)
	}
	if body := string(server.bodies[patchCall]); body !=
		`{"hardware":{"extensionAttributes":[{"definitionId":"2","values":["jane@example.com"]}]}}` {
		t.Errorf("body %s", body)
	}
}

// usher writes the attributes that it can, although others are missing and may not be created, or are scripts. The
// error names one of those.
func TestWhatCanBeWrittenIs(t *testing.T) {
	server, client := simulator(t,
		sim.Options{Definitions: []sim.Definition{{Name: "Usher A"},
			{Name: "Usher B", InputType: sim.InputScript, ScriptContents: "#!/bin/sh"}}})
	server.SetPrivileges(sim.DefaultClientID,
		[]string{sim.ReadComputers, sim.UpdateComputers, sim.ReadExtensionAttributes})
	err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher C", "Usher B", "Usher A"))
	if !errors.Is(err, jamfpro.ErrAttributeMissing) || !strings.Contains(err.Error(), "Usher C") {
		t.Errorf("the error is %v", err)
	}
	if computer, _ := server.Computer(this.UDID); computer.Value("Usher A") == "" || computer.Patches != 1 {
		t.Errorf("Jamf Pro has %+v", computer)
	}
	if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher B")); !errors.Is(err,
		jamfpro.ErrAttributeNotWritable) {
		t.Errorf("with only the script the error is %v", err)
	}
}
