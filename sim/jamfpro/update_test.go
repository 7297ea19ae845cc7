package jamfpro_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"usher.internal/sim/jamfpro"
)

// withAttributes has one extension attribute of each kind; their ids are by name.
func withAttributes(t *testing.T) (*api, map[string]string) {
	a := signedIn(t, jamfpro.Options{})
	ids := map[string]string{}
	for _, one := range []jamfpro.Definition{
		{Name: "text"},
		{Name: "number", DataType: jamfpro.DataInteger},
		{Name: "date", DataType: jamfpro.DataDateTime},
		{Name: "popup", InputType: jamfpro.InputPopup, PopupMenuChoices: []string{"yes", "no"}},
		{Name: "script", InputType: jamfpro.InputScript},
		{Name: "general", InventoryDisplayType: jamfpro.DisplayGeneral},
		{Name: "user", InventoryDisplayType: jamfpro.DisplayUserAndLocation},
	} {
		ids[one.Name] = a.define(one)
	}
	return a, ids
}

// fill replaces {name} by ids.
func fill(text string, ids map[string]string) string {
	for name, id := range ids {
		text = strings.ReplaceAll(text, "{"+name+"}", id)
	}
	return text
}

func TestUpdateIsTaken(t *testing.T) {
	a, ids := withAttributes(t)
	got := a.want(204, "PATCH", detailPath+a.computer, fill(`{
		"extensionAttributes": [
			{"definitionId": "{text}", "values": ["line\none"]}, {"definitionId": "{number}", "values": ["-7"]},
			{"definitionId": "{date}", "values": ["2026-11-23 12:00:00"]},
			{"definitionId": "{popup}", "values": ["no"]}],
		"general": {"assetTag": "T-1", "extensionAttributes": [{"definitionId": "{general}", "values": ["up"]}]},
		"userAndLocation": {"username": "jane",
			"extensionAttributes": [{"definitionId": "{user}", "values": ["there"]}]},
		"purchasing": {"lifeExpectancy": 5, "poDate": "2026-01-31", "leased": false}}`, ids))
	if got.body != "" || got.header.Get("Content-Type") != "" {
		t.Errorf("204 with %q of %q", got.body, got.header.Get("Content-Type"))
	}
	for name, value := range map[string]string{
		"text": "line\none", "number": "-7", "date": "2026-11-23 12:00:00", "popup": "no", "general": "up",
		"user": "there", "script": "",
	} {
		if got := a.value(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	detail := a.want(200, "GET", detailPath+a.computer, "").body
	for _, part := range []string{`"assetTag":"T-1"`, `"username":"jane"`, `"lifeExpectancy":5`, `"values":["there"]`,
		"Jane’s"} {
		if !strings.Contains(detail, part) {
			t.Errorf("%s is not in %s", part, detail)
		}
	}
	a.want(204, "PATCH", detailPath+a.computer,
		fill(`{"extensionAttributes": [{"definitionId": "{number}", "values": [""]}, {"definitionId": "{text}", `+
			`"values": null}]}`, ids))
	a.want(204, "PATCH", detailPath+a.computer, `{"udid": "NEW", "general": {"name": "Renamed"}}`)
	renamed, ok := a.Computer("NEW")
	if !ok || renamed.Name != "Renamed" || renamed.Patches != 3 || renamed.Value("number") != "" ||
		renamed.Value("text") != "" {
		t.Errorf("got %+v", renamed)
	}
	if last := renamed.History[len(renamed.History)-1]; len(renamed.History) != 8 || last.By != "api" ||
		!last.At.Equal(a.clock.Now()) {
		t.Errorf("history is %+v", renamed.History)
	}
}

func TestUpdateIsRefused(t *testing.T) {
	a, ids := withAttributes(t)
	attribute := func(entry string) string { return `{"extensionAttributes": [` + entry + `]}` }
	for _, one := range []struct{ body, code, field string }{
		{`{`, "INVALID_JSON", ""},
		{`{} {}`, "INVALID_JSON", ""},
		{`[]`, "INVALID_TYPE", "request"},
		{`{"colour": "red"}`, "UNKNOWN_FIELD", "colour"},
		{`{"Udid": "x"}`, "UNKNOWN_FIELD", "Udid"},
		{`{"udid": 5}`, "INVALID_TYPE", "udid"},
		{`{"general": []}`, "INVALID_TYPE", "general"},
		{`{"general": {"platform": "Mac"}}`, "UNKNOWN_FIELD", "general.platform"},
		{`{"general": {"managed": "true"}}`, "INVALID_TYPE", "general.managed"},
		{`{"hardware": {"serialNumber": "X"}}`, "UNKNOWN_FIELD", "hardware.serialNumber"},
		{`{"purchasing": {"lifeExpectancy": 1.5}}`, "INVALID_TYPE", "purchasing.lifeExpectancy"},
		{`{"purchasing": {"lifeExpectancy": "1"}}`, "INVALID_TYPE", "purchasing.lifeExpectancy"},
		{`{"purchasing": {"poDate": "31.1.2026"}}`, "INVALID_TYPE", "purchasing.poDate"},
		{`{"extensionAttributes": {}}`, "INVALID_TYPE", "extensionAttributes"},
		{attribute(`"{text}"`), "INVALID_TYPE", "extensionAttributes[0]"},
		{attribute(`{"definitionId": {text}, "values": ["x"]}`), "INVALID_TYPE", "extensionAttributes[0].definitionId"},
		{attribute(`{"values": ["x"]}`), "REQUIRED_FIELD", "extensionAttributes[0].definitionId"},
		{attribute(`{"definitionId": "{text}"}`), "REQUIRED_FIELD", "extensionAttributes[0].values"},
		{attribute(`{"definitionId": "{text}", "values": "x"}`), "INVALID_TYPE", "extensionAttributes[0].values"},
		{attribute(`{"definitionId": "{text}", "values": ["x", 1]}`), "INVALID_TYPE",
			"extensionAttributes[0].values[1]"},
		{attribute(`{"definitionId": "{text}", "values": ["x", "y"]}`), "INVALID_VALUE",
			"extensionAttributes[0].values"},
		{attribute(`{"definitionId": "{text}", "value": "x"}`), "UNKNOWN_FIELD", "extensionAttributes[0].value"},
		{attribute(`{"definitionId": "{text}", "values": ["x"], "name": "text"}`), "READ_ONLY_FIELD",
			"extensionAttributes[0].name"},
		{attribute(`{"definitionId": "{text}", "values": ["x"], "inputType": "TEXT"}`), "READ_ONLY_FIELD",
			"extensionAttributes[0].inputType"},
		{attribute(`{"definitionId": "4711", "values": ["x"]}`), "INVALID_ID", "extensionAttributes[0].definitionId"},
		{attribute(`{"definitionId": "{script}", "values": ["x"]}`), "INVALID_VALUE", "extensionAttributes[0].values"},
		{attribute(`{"definitionId": "{popup}", "values": ["maybe"]}`), "INVALID_VALUE",
			"extensionAttributes[0].values"},
		{attribute(`{"definitionId": "{number}", "values": ["many"]}`), "INVALID_VALUE",
			"extensionAttributes[0].values"},
		{attribute(`{"definitionId": "{date}", "values": ["2026-11-23T12:00:00Z"]}`), "INVALID_VALUE",
			"extensionAttributes[0].values"},
		{attribute(`{"definitionId": "{general}", "values": ["x"]}`), "INVALID_FIELD", "extensionAttributes[0]"},
		{`{"general": ` + attribute(`{"definitionId": "{text}", "values": ["x"]}`) + `}`, "INVALID_FIELD",
			"general.extensionAttributes[0]"},
		{attribute(`{"definitionId": "{text}", "values": ["x"]}, {"definitionId": "{text}", "values": ["y"]}`),
			"DUPLICATE_FIELD", "extensionAttributes"},
		// Valid values beside invalid ones are not accepted either.
		{attribute(`{"definitionId": "{text}", "values": ["x"]}, {"definitionId": "{script}", "values": ["y"]}`),
			"INVALID_VALUE", "extensionAttributes[1].values"},
	} {
		t.Run(one.body, func(t *testing.T) {
			a.refused(400, one.code, one.field, "PATCH", detailPath+a.computer, fill(one.body, ids))
		})
	}
	a.refused(404, "INVALID_ID", "id", "PATCH", detailPath+"4711", "{}")
	if now, _ := a.Computer(udid); now.Patches != 0 || len(now.History) != 0 || now.Value("text") != "" {
		t.Errorf("something was accepted: %+v", now)
	}
}

func TestRequestsOfTheWrongKindAreRefused(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
		got, err := a.send("PATCH", detailPath+a.computer, contentType, "{}")
		if err != nil || got.status != 415 {
			t.Errorf("%q: %d %v", contentType, got.status, err)
		}
	}
	if got, err := a.send("PATCH", detailPath+a.computer, "application/json;charset=UTF-8", "{}"); err != nil ||
		got.status != 204 {
		t.Errorf("with a charset: %d %v", got.status, err)
	}
	large := fmt.Sprintf(`{"udid": %q}`, strings.Repeat("x", jamfpro.MaximumBody))
	a.refused(413, "REQUEST_TOO_LARGE", "", "PATCH", detailPath+a.computer, large)
	a.refused(404, "NOT_FOUND", "", "PUT", detailPath+a.computer, "{}")
	a.refused(404, "NOT_FOUND", "", "GET", "/JSSResource/computers", "")
}

// A node of the cluster learns of a new definition within a minute.
func TestClusterLag(t *testing.T) {
	a := signedIn(t, jamfpro.Options{ClusterLag: time.Minute})
	created := a.want(201, "POST", definitionsPath,
		`{"name": "New", "inputType": "TEXT", "inventoryDisplayType": "EXTENSION_ATTRIBUTES"}`)
	id := decode[map[string]string](t, created.body)["id"]
	update := `{"extensionAttributes": [{"definitionId": "` + id + `", "values": ["x"]}]}`
	a.clock.pass(59 * time.Second)
	a.refused(400, "INVALID_ID", "extensionAttributes[0].definitionId", "PATCH", detailPath+a.computer, update)
	if count := decode[found](t, a.want(200, "GET", definitionsPath, "").body).TotalCount; count != 0 {
		t.Errorf("%d definitions are known", count)
	}
	a.refused(400, "DUPLICATE_FIELD", "name", "POST", definitionsPath,
		`{"name": "New", "inputType": "TEXT", "inventoryDisplayType": "GENERAL"}`)
	a.clock.pass(time.Second)
	a.want(204, "PATCH", detailPath+a.computer, update)
}
