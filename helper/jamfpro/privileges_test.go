package jamfpro_test

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"usher.internal/helper/jamfpro"
	"usher.internal/internal/documented"
	sim "usher.internal/sim/jamfpro"
)

var update = flag.Bool("update", false, "write the table of privileges into the documentation")

// changing are the privileges that cannot be tried without changing something.
var changing = map[string]bool{sim.UpdateComputers: true, sim.CreateExtensionAttributes: true,
	sim.UpdateExtensionAttributes: true}

func TestPrivilegesAreChecked(t *testing.T) {
	all := []string{sim.ReadComputers, sim.UpdateComputers, sim.ReadExtensionAttributes, sim.CreateExtensionAttributes,
		sim.UpdateExtensionAttributes, sim.ReadDeviceCompliance}
	for _, granted := range [][]string{all, {}, {sim.ReadComputers}, {sim.ReadExtensionAttributes, sim.UpdateComputers},
		{sim.ReadDeviceCompliance}} {
		server, client := simulator(t, sim.Options{Version: "11.21.1"})
		server.SetPrivileges(sim.DefaultClientID, granted)
		checked, err := client.CheckPrivileges(t.Context())
		if err != nil || checked.Version != "11.21.1" || checked.Server != client.Host() {
			t.Fatalf("%+v, %v", checked, err)
		}
		var names []string
		for _, one := range checked.Privileges {
			names = append(names, one.Name)
			changes := changing[one.Name]
			if changes != (one.Granted == nil) || !changes && *one.Granted != slices.Contains(granted, one.Name) {
				t.Errorf("with %v, %s is %v", granted, one.Name, one.Granted)
			}
		}
		if !slices.Equal(names, all) {
			t.Errorf("checked %v", names)
		}
		for _, request := range server.Requests() {
			if request.Method != "GET" && request.Path != "/api/v1/oauth/token" {
				t.Errorf("%s %s was called", request.Method, request.Path)
			}
		}
	}
}

// Every privilege that usher names in an error is in the table, and a role with the whole table can do everything.
func TestARoleOfTheTableCanDoAll(t *testing.T) {
	server, client := simulator(t, sim.Options{})
	var names []string
	for _, one := range jamfpro.Privileges() {
		names = append(names, one.Name)
	}
	server.SetPrivileges(sim.DefaultClientID, names)
	if _, err := client.Provision(t.Context(), wanted, jamfpro.Provisioning{}); err != nil {
		t.Error(err)
	}
	if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
		t.Error(err)
	}
	if _, err := client.Compliance(t.Context(), this); !errors.Is(err, jamfpro.ErrNoCompliance) {
		t.Error(err)
	}
	// Once the attributes exist, the required privileges are enough for a delivery.
	var required []string
	for _, one := range jamfpro.Privileges() {
		if one.Required {
			required = append(required, one.Name)
		}
	}
	server.SetPrivileges(sim.DefaultClientID, required)
	if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A", "Usher B")); err != nil {
		t.Error(err)
	}
	for i := range required {
		server, client := simulator(t, sim.Options{Definitions: []sim.Definition{{Name: "Usher A"}}})
		server.SetPrivileges(sim.DefaultClientID, slices.Delete(slices.Clone(required), i, i+1))
		err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A"))
		if !errors.Is(err, jamfpro.ErrRefused) || !strings.Contains(err.Error(), required[i]) {
			t.Errorf("without %s: %v", required[i], err)
		}
	}
}

func TestCheckOfServersThatAnswerOtherwise(t *testing.T) {
	const complianceCall = "GET /api/v1/conditional-access/device-compliance-information/computer/0"
	server := newServer(t)
	server.replace(versionCall, jamfError(403, "INVALID_PRIVILEGE", "", "Forbidden"))
	server.replace(complianceCall, jsonAnswer(404, `{"httpStatus":404,"errors":[]}`))
	client := server.client(nil)
	checked, err := client.CheckPrivileges(t.Context())
	if err != nil || checked.Version != "" {
		t.Fatalf("%+v, %v", checked, err)
	}
	if last := checked.Privileges[len(checked.Privileges)-1]; last.Name != sim.ReadDeviceCompliance ||
		last.Granted != nil {
		t.Errorf("a server that does not know the call: %+v", last)
	}
	// Each check gets a token: an old one would say nothing about the secret.
	server.calls()
	server.replace(tokenCall, html(503))
	if _, err := client.CheckPrivileges(t.Context()); !errors.Is(err, jamfpro.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	// A call without a proper answer says nothing about the others.
	for away, privilege := range map[string]string{findCall: sim.ReadComputers, lookUpCall: sim.ReadExtensionAttributes,
		versionCall: ""} {
		server := newServer(t)
		client := server.client(nil)
		server.replace(away, html(503))
		checked, err := client.CheckPrivileges(t.Context())
		if err != nil || (checked.Version == "") != (away == versionCall) {
			t.Fatalf("%s is away: %+v, %v", away, checked, err)
		}
		if calls := server.calls(); len(calls) == 0 || calls[0] != tokenCall {
			t.Errorf("%s is away: calls %v", away, calls)
		}
		for _, one := range checked.Privileges {
			changes := changing[one.Name]
			if unknown := changes || one.Name == privilege; unknown != (one.Granted == nil) ||
				(one.Problem != "") != (one.Name == privilege) {
				t.Errorf("%s is away: %+v", away, one)
			}
		}
	}
	server.replace(tokenCall, jsonAnswer(401, `{"error":"invalid_client"}`))
	if _, err := client.CheckPrivileges(t.Context()); !errors.Is(err, jamfpro.ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestTableOfTheDocumentation(t *testing.T) {
	var table strings.Builder
	table.WriteString("| privilege | usher needs it to | required |\n| --- | --- | --- |\n")
	for _, one := range jamfpro.Privileges() {
		fmt.Fprintf(&table, "| %s | %s | %s |\n", one.Name, one.Purpose,
			map[bool]string{true: "yes", false: "no"}[one.Required])
	}
	documented.Part(t, "../../docs/jamf-pro.md", "privileges", "go test ./helper/jamfpro -update", table.String(),
		*update)
}
