package jamfpro_test

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/helper/jamfpro"
	sim "usher.internal/sim/jamfpro"
)

var wanted = []jamfpro.Definition{
	{Name: "Usher A", DataType: "STRING", Description: "about A"},
	{Name: "Usher B", DataType: "STRING", Description: "about B"},
	{Name: "Usher C", DataType: "STRING", Description: "about C"},
}

// outcomes returns the result of each; for a problem, only that there is one.
func outcomes(provisioned []jamfpro.Provisioned) []string {
	var all []string
	for _, one := range provisioned {
		state := one.Name
		if one.Exists {
			state += " exists"
		}
		if one.Created {
			state += " created"
		}
		if one.Problem != "" {
			state += " problem"
		}
		all = append(all, state)
	}
	return all
}

func TestProvisionCreatesWhatIsMissingAndChangesNothing(t *testing.T) {
	server, client := simulator(t, sim.Options{Definitions: []sim.Definition{
		{Name: "Usher B", InputType: sim.InputScript, Description: "the admin's", ScriptContents: "#!/bin/sh"},
		{Name: "Usher C", DataType: sim.DataInteger},
		{Name: "Another"},
	}})
	before := server.Definitions()
	for _, run := range []struct {
		dry  bool
		want string
	}{{true, "Usher A created"}, {false, "Usher A created"}, {false, "Usher A exists"}, {true, "Usher A exists"}} {
		provisioned, err := client.Provision(t.Context(), wanted, jamfpro.Provisioning{DryRun: run.dry})
		if err != nil || !slices.Equal(outcomes(provisioned),
			[]string{run.want, "Usher B exists problem", "Usher C exists problem"}) {
			t.Fatalf("dry run %t: %v, %v; want %s", run.dry, outcomes(provisioned), err, run.want)
		}
		for i, says := range []string{"", "SCRIPT", "INTEGER"} {
			if !strings.Contains(provisioned[i].Problem, says) || provisioned[i].Definition != wanted[i] {
				t.Errorf("%+v", provisioned[i])
			}
		}
		if run.dry && run.want == "Usher A created" && !reflect.DeepEqual(server.Definitions(), before) {
			t.Errorf("a dry run changed %v into %v", before, server.Definitions())
		}
	}
	after := server.Definitions()
	made := slices.IndexFunc(after, func(one sim.Definition) bool { return one.Name == "Usher A" })
	if made < 0 || after[made].InputType != sim.InputText || after[made].DataType != sim.DataString ||
		after[made].Description != "about A" {
		t.Fatalf("definitions: %+v", after)
	}
	if rest := slices.Delete(slices.Clone(after), made, made+1); !reflect.DeepEqual(rest, before) {
		t.Errorf("%+v was changed into %+v", before, rest)
	}
	for _, request := range server.Requests() {
		if request.Method != "GET" && request.Method != "POST" {
			t.Errorf("%s %s was called", request.Method, request.Path)
		}
	}
}

func TestProvisionWithoutThePrivilegeTriesOnce(t *testing.T) {
	server := newServer(t)
	server.definitions = []map[string]any{textAttribute("1", "Usher B", "GENERAL")}
	server.replace(createCall, jamfError(403, "INVALID_PRIVILEGE", "", "Forbidden"))
	provisioned, err := server.client(nil).Provision(t.Context(), wanted, jamfpro.Provisioning{})
	if err != nil || !slices.Equal(outcomes(provisioned),
		[]string{"Usher A problem", "Usher B exists", "Usher C problem"}) {
		t.Fatalf("%v, %v", outcomes(provisioned), err)
	}
	for _, i := range []int{0, 2} {
		if !strings.Contains(provisioned[i].Problem, `"Create Computer Extension Attributes"`) {
			t.Errorf("%+v", provisioned[i])
		}
	}
	if calls := server.calls(); !slices.Equal(calls, []string{tokenCall, lookUpCall, createCall}) {
		t.Errorf("calls: %v", calls)
	}
}

func TestProvisionReportsTheProblemOfOne(t *testing.T) {
	server := newServer(t)
	server.replace(createCall, jamfError(400, "INVALID_FIELD", "name", "not this one"),
		jamfError(400, "DUPLICATE_FIELD", "name", "duplicate name"))
	provisioned, err := server.client(nil).Provision(t.Context(), wanted, jamfpro.Provisioning{})
	if err != nil || !slices.Equal(outcomes(provisioned),
		[]string{"Usher A problem", "Usher B problem", "Usher C created"}) {
		t.Fatalf("%v, %v", outcomes(provisioned), err)
	}
	if !strings.Contains(provisioned[0].Problem, "not this one") || !strings.Contains(provisioned[1].Problem, "case") {
		t.Errorf("%+v", provisioned)
	}
}

func TestProvisionFindsWhatAnotherMacCreated(t *testing.T) {
	server := newServer(t)
	server.replace(createCall, func(w http.ResponseWriter, r *http.Request) {
		server.mutex.Lock()
		server.definitions = []map[string]any{textAttribute("9", "Usher A", "GENERAL")}
		server.mutex.Unlock()
		jamfError(400, "DUPLICATE_FIELD", "name", "name must be unique")(w, r)
	})
	provisioned, err := server.client(nil).Provision(t.Context(), wanted[:1], jamfpro.Provisioning{})
	if err != nil || !slices.Equal(outcomes(provisioned), []string{"Usher A exists"}) {
		t.Errorf("%v, %v", outcomes(provisioned), err)
	}
}

// The failure of one call says nothing about the others, and the call can be repeated.
func TestProvisionOfAServerThatIsAwayCanBeDoneAgain(t *testing.T) {
	server, client := simulator(t, sim.Options{})
	fault := sim.Fault{Kind: sim.FaultStatus, Status: 503, RetryAfter: 90 * time.Second, Method: "POST",
		PathPrefix: "/api/v1/computer-extension-attributes", Count: 1}
	if err := server.AddFault(fault); err != nil {
		t.Fatal(err)
	}
	provisioned, err := client.Provision(t.Context(), wanted, jamfpro.Provisioning{})
	if err != nil || len(provisioned) != 3 || !strings.Contains(provisioned[0].Problem, "503") ||
		!provisioned[1].Created || !provisioned[2].Created {
		t.Errorf("%+v, %v", provisioned, err)
	}
	provisioned, err = client.Provision(t.Context(), wanted, jamfpro.Provisioning{})
	if err != nil || !slices.Equal(outcomes(provisioned),
		[]string{"Usher A created", "Usher B exists", "Usher C exists"}) {
		t.Errorf("%v, %v", outcomes(provisioned), err)
	}
	server.SetPrivileges(sim.DefaultClientID, []string{})
	if _, err := client.Provision(t.Context(), wanted, jamfpro.Provisioning{DryRun: true}); !errors.Is(err,
		jamfpro.ErrRefused) || !strings.Contains(err.Error(), "Read Computer Extension Attributes") {
		t.Errorf("got %v", err)
	}
}

func TestProvisionSeesWhatAnAdminDeleted(t *testing.T) {
	server, client := simulator(t, sim.Options{})
	if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
		t.Fatal(err)
	}
	if !server.RemoveDefinition("Usher A") {
		t.Fatal("there was none")
	}
	provisioned, err := client.Provision(t.Context(), wanted[:1], jamfpro.Provisioning{})
	if err != nil || !slices.Equal(outcomes(provisioned), []string{"Usher A created"}) ||
		len(server.Definitions()) != 1 {
		t.Errorf("%v, %v", outcomes(provisioned), err)
	}
}

// An attribute that an older usher created keeps its data type, because smart groups use it. An admin can have it
// changed.
func TestDataTypeIsChangedOnlyWhenAskedTo(t *testing.T) {
	dates := []jamfpro.Definition{{Name: "Usher Date", DataType: "DATE_TIME"},
		{Name: "Usher New", DataType: "DATE_TIME"}, {Name: "Usher Menu", DataType: "DATE_TIME"}}
	server, client := simulator(t, sim.Options{Definitions: []sim.Definition{
		{Name: "Usher Date", Description: "the admin's own words"},
		{Name: "Usher Menu", InputType: sim.InputPopup, PopupMenuChoices: []string{"a"}},
	}})
	of := func(name string) sim.Definition {
		all := server.Definitions()
		return all[slices.IndexFunc(all, func(one sim.Definition) bool { return one.Name == name })]
	}
	for _, step := range []struct {
		how  jamfpro.Provisioning
		want jamfpro.Provisioned
		is   sim.DataType
	}{
		{jamfpro.Provisioning{}, jamfpro.Provisioned{Exists: true, OtherDataType: "STRING"}, sim.DataString},
		{jamfpro.Provisioning{Migrate: true, DryRun: true}, jamfpro.Provisioned{Exists: true, Migrated: true},
			sim.DataString},
		{jamfpro.Provisioning{Migrate: true}, jamfpro.Provisioned{Exists: true, Migrated: true}, sim.DataDateTime},
		{jamfpro.Provisioning{Migrate: true}, jamfpro.Provisioned{Exists: true}, sim.DataDateTime},
	} {
		provisioned, err := client.Provision(t.Context(), dates, step.how)
		step.want.Definition = dates[0]
		if err != nil || provisioned[0] != step.want {
			t.Errorf("%+v: %+v, %v", step.how, provisioned, err)
		}
		if is := of("Usher Date"); is.DataType != step.is || is.Description != "the admin's own words" {
			t.Errorf("%+v: it is %+v", step.how, is)
		}
		if !provisioned[2].Exists || provisioned[2].Migrated || of("Usher Menu").DataType != sim.DataString {
			t.Errorf("%+v: a menu became %+v", step.how, provisioned[2])
		}
		// Both types accept the value.
		if !step.how.DryRun {
			attributes := []jamfpro.Attribute{{Definition: dates[0], Value: "2026-11-23 09:30:00"}}
			if err := client.SetExtensionAttributes(t.Context(), jamfpro.Selector{UDID: udid}, attributes); err != nil {
				t.Errorf("%+v: %v", step.how, err)
			}
		}
	}
	if made := of("Usher New"); made.DataType != sim.DataDateTime {
		t.Errorf("a new one is %+v", made)
	}
	server.SetPrivileges(sim.DefaultClientID, []string{sim.ReadExtensionAttributes})
	text := []jamfpro.Definition{{Name: "Usher New", DataType: "STRING"}}
	if provisioned, err := client.Provision(t.Context(), text, jamfpro.Provisioning{Migrate: true}); err != nil ||
		!strings.Contains(provisioned[0].Problem, sim.UpdateExtensionAttributes) {
		t.Errorf("without the privilege: %+v, %v", provisioned, err)
	}
}
