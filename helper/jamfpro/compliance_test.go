package jamfpro_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"usher.internal/helper/jamfpro"
	"usher.internal/internal/wpj"
	sim "usher.internal/sim/jamfpro"
)

const entraDevice = "c9f7fcba-c5d8-4994-8d4c-2c2785b993c1"

func TestComplianceOfTheSimulator(t *testing.T) {
	for _, asArray := range []bool{false, true} {
		server, client := simulator(t, sim.Options{})
		if _, err := client.Compliance(t.Context(), this); !errors.Is(err, jamfpro.ErrNoCompliance) {
			t.Errorf("before anything is known: %v", err)
		}
		if evidence := client.ComplianceEvidence(t.Context(), this); evidence.Finding != wpj.NotThere ||
			evidence.Obstacle != "" {
			t.Errorf("before anything is known: %+v", evidence)
		}
		computer, _ := server.Computer(udid)
		err := server.SetCompliance(computer.ID, []sim.Compliance{
			{Vendor: "Vendor B", State: "NON_COMPLIANT"},
			{Applicable: true, State: "COMPLIANT", Vendor: "Intune", DeviceIDs: []string{strings.ToUpper(entraDevice)},
				AsArray: asArray},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := wpj.Compliance{Applicable: true, State: "COMPLIANT", DeviceIDs: []wpj.DeviceID{entraDevice}}
		known, err := client.Compliance(t.Context(), this)
		if err != nil || !reflect.DeepEqual(known, want) {
			t.Errorf("%+v, %v", known, err)
		}
		evidence := client.ComplianceEvidence(t.Context(), this)
		if evidence.Source != wpj.SourceJamfPro || evidence.Finding != wpj.Found || evidence.ObservedAt.IsZero() ||
			!reflect.DeepEqual(evidence.Compliance, &want) {
			t.Errorf("%+v", evidence)
		}
		if strings.Contains(evidence.Detail, entraDevice) {
			t.Errorf("the detail is %q", evidence.Detail)
		}
		if other := client.ComplianceEvidence(t.Context(),
			jamfpro.Selector{UDID: "AAAAAAAA-0000-4000-8000-000000000000"}); other.Finding != wpj.NotThere ||
			other.Compliance != nil {
			t.Errorf("of a computer without a record: %+v", other)
		}
		// usher cannot look if either privilege is missing.
		for _, missing := range []string{sim.ReadComputers, sim.ReadDeviceCompliance} {
			granted := map[string]string{sim.ReadComputers: sim.ReadDeviceCompliance,
				sim.ReadDeviceCompliance: sim.ReadComputers}[missing]
			server.SetPrivileges(sim.DefaultClientID, []string{granted})
			evidence = client.ComplianceEvidence(t.Context(), this)
			if evidence.Finding != wpj.CouldNotLook || evidence.Obstacle != wpj.ObstacleAccessDenied ||
				!strings.Contains(evidence.Detail, fmt.Sprintf("%q", missing)) {
				t.Errorf("without %s: %+v", missing, evidence)
			}
		}
	}
}

func TestComplianceThatCannotBeRead(t *testing.T) {
	const complianceCall = "GET /api/v1/conditional-access/device-compliance-information/computer/7"
	for name, test := range map[string]struct {
		call     string
		answer   http.HandlerFunc
		finding  wpj.Finding
		obstacle wpj.Obstacle
	}{
		"no such computer": {complianceCall,
			jamfError(404, "INVALID_ID", "deviceId", "no device "+entraDevice), wpj.NotThere, ""},
		"a call that is not known": {complianceCall, html(404), wpj.CouldNotLook, wpj.ObstacleUnavailable},
		"404 that says nothing": {complianceCall, jsonAnswer(404, `{"httpStatus":404,"errors":[]}`),
			wpj.CouldNotLook, wpj.ObstacleUnavailable},
		"privilege missing": {complianceCall,
			jamfError(403, "INVALID_PRIVILEGE", "", "Forbidden for "+entraDevice), wpj.CouldNotLook,
			wpj.ObstacleAccessDenied},
		"a firewall's 403": {complianceCall, html(403), wpj.CouldNotLook, wpj.ObstacleUnavailable},
		"captive portal":   {complianceCall, html(200), wpj.CouldNotLook, wpj.ObstacleUnavailable},
		"busy": {complianceCall, jamfError(503, "BUSY", "", "with "+entraDevice),
			wpj.CouldNotLook, wpj.ObstacleUnavailable},
		"something else": {complianceCall, jsonAnswer(200, `{"deviceIds":["`+entraDevice+`"]}`),
			wpj.CouldNotLook, wpj.ObstacleUnavailable},
		"device ids that are not valid": {complianceCall,
			jsonAnswer(200, `[{"applicable":true,"complianceVendorDeviceInformation":{"deviceIds":["x`+entraDevice+
				`"]}}]`), wpj.CouldNotLook, wpj.ObstacleUnavailable},
		"malformed": {complianceCall, jsonAnswer(200, `[{"deviceIds":["`+entraDevice),
			wpj.CouldNotLook, wpj.ObstacleUnavailable},
		"a secret that is refused": {tokenCall, jsonAnswer(401, `{"error":"invalid_client"}`), wpj.CouldNotLook,
			wpj.ObstacleUnavailable},
		"a search that is not found": {findCall, html(404), wpj.CouldNotLook, wpj.ObstacleUnavailable},
	} {
		server := newServer(t)
		server.replace(test.call, test.answer)
		evidence := server.client(nil).ComplianceEvidence(t.Context(), this)
		if evidence.Finding != test.finding || evidence.Obstacle != test.obstacle || evidence.Compliance != nil {
			t.Errorf("%s: %+v", name, evidence)
		}
		mustNotShow(t, evidence.Detail)
		if evidence.Detail == "" || strings.Contains(evidence.Detail, entraDevice) {
			t.Errorf("%s: the detail is %q", name, evidence.Detail)
		}
	}
	server := newServer(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if evidence := server.client(nil).ComplianceEvidence(ended, this); evidence.Finding != wpj.CouldNotLook {
		t.Errorf("%+v", evidence)
	}
	without := server.client(func(c *jamfpro.Config) { os.Remove(c.ClientSecretFile) })
	if evidence := without.ComplianceEvidence(t.Context(), this); evidence.Finding != wpj.CouldNotLook ||
		evidence.Obstacle != wpj.ObstacleUnavailable {
		t.Errorf("without a secret: %+v", evidence)
	}
}
