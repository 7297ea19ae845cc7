package jamfpro_test

import (
	"net/url"
	"strings"
	"testing"

	"usher.internal/sim/jamfpro"
)

func TestDefinitionIsCreatedAndFound(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	got := a.want(201, "POST", definitionsPath,
		`{"name": "Usher \"State\"", "description": "d", "dataType": "STRING", "enabled": true,
		"inputType": "TEXT", "inventoryDisplayType": "EXTENSION_ATTRIBUTES", "scriptContents": null,
		"popupMenuChoices": []}`)
	created := decode[map[string]string](t, got.body)
	if created["id"] == "" || !strings.HasSuffix(created["href"], definitionsPath+"/"+created["id"]) {
		t.Errorf("created %s", got.body)
	}
	for filter, count := range map[string]int{
		`name=="Usher \"State\""`:            1,
		`name=in=("Usher \"State\"", "Not")`: 1,
		`id==` + created["id"]:               1,
		`name=="State"`:                      0,
		``:                                   1,
	} {
		page := decode[struct {
			TotalCount int
			Results    []jamfpro.Definition
		}](t, a.want(200, "GET", definitionsPath+"?"+url.Values{"filter": {filter}}.Encode(), "").body)
		if page.TotalCount != count || len(page.Results) != count {
			t.Errorf("%s: %+v, want %d", filter, page, count)
		}
		if count == 1 && (page.Results[0].InputType != "TEXT" || page.Results[0].Description != "d" ||
			!page.Results[0].Enabled) {
			t.Errorf("found %+v", page.Results[0])
		}
	}
	a.refused(400, "INVALID_FILTER", "filter", "GET", definitionsPath+"?filter=inputType==TEXT", "")
	a.want(204, "PATCH", detailPath+a.computer,
		`{"extensionAttributes": [{"definitionId": "`+created["id"]+`", "values": ["x"]}]}`)
	if !a.RemoveDefinition(`Usher "State"`) || a.RemoveDefinition(`Usher "State"`) {
		t.Error("a definition can be removed once")
	}
	if value := a.value(`Usher "State"`); value != "" {
		t.Errorf("the value outlived its definition: %q", value)
	}
}

func TestDefinitionIsRefused(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	a.define(jamfpro.Definition{Name: "Taken"})
	with := func(fields string) string {
		return `{"name": "N", "inputType": "TEXT", "inventoryDisplayType": "GENERAL"` + fields + `}`
	}
	for _, one := range []struct{ body, code, field string }{
		{`{`, "INVALID_JSON", ""},
		{`"N"`, "INVALID_TYPE", "request"},
		{`{"inputType": "TEXT", "inventoryDisplayType": "GENERAL"}`, "REQUIRED_FIELD", "name"},
		{`{"name": " ", "inputType": "TEXT", "inventoryDisplayType": "GENERAL"}`, "REQUIRED_FIELD", "name"},
		{`{"name": "N", "inventoryDisplayType": "GENERAL"}`, "REQUIRED_FIELD", "inputType"},
		{`{"name": "N", "inputType": "TEXT"}`, "REQUIRED_FIELD", "inventoryDisplayType"},
		{`{"name": "N", "inputType": "text", "inventoryDisplayType": "GENERAL"}`, "INVALID_VALUE", "inputType"},
		{`{"name": "N", "inputType": "TEXT", "inventoryDisplayType": "ATTIC"}`, "INVALID_VALUE",
			"inventoryDisplayType"},
		{`{"name": "taken", "inputType": "TEXT", "inventoryDisplayType": "GENERAL"}`, "DUPLICATE_FIELD", "name"},
		{`{"name": "N", "inputType": "DIRECTORY_SERVICE_ATTRIBUTE_MAPPING", "inventoryDisplayType": "GENERAL", ` +
			`"ldapAttributeMapping": "mail"}`, "INVALID_VALUE", "inputType"},
		{with(`, "dataType": "TEXT"`), "INVALID_VALUE", "dataType"},
		{with(`, "scriptContents": "#!/bin/sh"`), "INVALID_FIELD", "scriptContents"},
		{with(`, "popupMenuChoices": ["a"]`), "INVALID_FIELD", "popupMenuChoices"},
		{with(`, "ldapAttributeMapping": "mail"`), "INVALID_FIELD", "ldapAttributeMapping"},
		{with(`, "enabled": false`), "INVALID_FIELD", "enabled"},
		{with(`, "enabled": "true"`), "INVALID_TYPE", "enabled"},
		{with(`, "id": "7"`), "READ_ONLY_FIELD", "id"},
		{with(`, "displayName": "N"`), "UNKNOWN_FIELD", "displayName"},
	} {
		t.Run(one.body, func(t *testing.T) { a.refused(400, one.code, one.field, "POST", definitionsPath, one.body) })
	}
	if count := len(a.Definitions()); count != 1 {
		t.Errorf("there are %d definitions", count)
	}
	a.want(201, "POST", definitionsPath,
		`{"name": "S", "inputType": "SCRIPT", "inventoryDisplayType": "GENERAL", "scriptContents": "#!/bin/sh", `+
			`"enabled": false}`)
	a.want(201, "POST", definitionsPath,
		`{"name": "P", "inputType": "POPUP", "inventoryDisplayType": "GENERAL", "popupMenuChoices": ["a"]}`)
}

func TestAddDefinitionRefusesDuplicates(t *testing.T) {
	a := start(t, jamfpro.Options{Definitions: []jamfpro.Definition{{Name: "One"}}})
	if _, err := a.AddDefinition(jamfpro.Definition{Name: "One"}); err == nil {
		t.Error("a duplicate was added")
	}
	if _, err := jamfpro.New(jamfpro.Options{Definitions: []jamfpro.Definition{{Name: "One"}, {Name: "One"}}}); err ==
		nil {
		t.Error("a server was made with duplicates")
	}
}
