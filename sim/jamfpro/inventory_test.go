package jamfpro_test

import (
	"testing"
	"time"

	"usher.internal/sim/jamfpro"
)

const inventoryPath = "/sim/inventory"

func TestInventoryOverwritesScriptAttributes(t *testing.T) {
	a := start(t, jamfpro.Options{})
	a.define(jamfpro.Definition{Name: "Known", InputType: jamfpro.InputScript,
		InventoryDisplayType: jamfpro.DisplayGeneral})
	a.define(jamfpro.Definition{Name: "By hand"})
	body := `{"udid": "` + udid + `", "name": "Renamed", "extension_attributes": [
		{"name": "Known", "value": "two\nlines"}, {"name": "New", "value": ""}, {"name": "By hand", "value": "x"}]}`
	a.clock.pass(time.Hour)
	got := decode[jamfpro.InventoryAnswer](t, a.want(200, "POST", inventoryPath, body).body)
	if got.ID != a.computer || len(got.Ignored) != 1 || got.Ignored[0] != "By hand" {
		t.Errorf("answered %+v", got)
	}
	now, _ := a.Computer(udid)
	if now.Value("Known") != "two\nlines" || now.Value("By hand") != "" || now.Name != "Renamed" ||
		now.Inventories != 1 || now.Patches != 0 {
		t.Errorf("holds %+v", now)
	}
	if values, there := now.ExtensionAttributes["New"]; !there || values[0] != "" {
		t.Errorf("an empty result is %v", values)
	}
	if !now.LastContact.Equal(a.clock.Now()) {
		t.Errorf("last contact %v", now.LastContact)
	}
	if now.History[0].By != "recon" {
		t.Errorf("history %+v", now.History)
	}
	a.want(200, "POST", inventoryPath,
		`{"udid": "`+udid+`", "extension_attributes": [{"name": "Known", "value": "later"}]}`)
	if value := a.value("Known"); value != "later" {
		t.Errorf("value %q", value)
	}
}

func TestInventoryIsRefused(t *testing.T) {
	a := start(t, jamfpro.Options{})
	a.refused(404, "INVALID_ID", "udid", "POST", inventoryPath, `{"udid": "unknown"}`)
	a.refused(400, "INVALID_JSON", "", "POST", inventoryPath, `{"udid": "`+udid+`", "more": 1}`)
	if got, err := a.send("POST", inventoryPath, "text/plain", "{}"); err != nil || got.status != 415 {
		t.Errorf("%d %v", got.status, err)
	}
}

func TestCompliance(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	path := "/api/v1/conditional-access/device-compliance-information/computer/"
	if body := a.want(200, "GET", path+a.computer, "").body; body != "[]\n" {
		t.Errorf("nothing known: %s", body)
	}
	known := []jamfpro.Compliance{
		{Applicable: true, State: "COMPLIANT", Vendor: "Intune", DeviceIDs: []string{"d-1"}},
		{State: "UNKNOWN", Vendor: "B", AsArray: true},
	}
	if err := a.SetCompliance(a.computer, known); err != nil {
		t.Fatal(err)
	}
	want := `[{"applicable":true,"complianceState":"COMPLIANT","complianceVendor":"Intune",` +
		`"complianceVendorDeviceInformation":{"deviceIds":["d-1"]},"deviceId":"1"},` +
		`{"applicable":false,"complianceState":"UNKNOWN","complianceVendor":"B",` +
		`"complianceVendorDeviceInformation":[{"deviceIds":[]}],"deviceId":"1"}]` + "\n"
	if body := a.want(200, "GET", path+a.computer, "").body; body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	a.refused(404, "INVALID_ID", "id", "GET", path+"4711", "")
	if body := a.want(200, "GET", "/api/v1/conditional-access/device-compliance/feature-toggle", "").body; body !=
		"{\"sharedDeviceFeatureEnabled\":false}\n" {
		t.Errorf("toggle %s", body)
	}
	if a.SetCompliance("4711", nil) == nil ||
		a.SetCompliance(a.computer, []jamfpro.Compliance{{State: "GOOD"}}) == nil {
		t.Error("impossible compliance was taken")
	}
}
