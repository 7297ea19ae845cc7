package jamfpro_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher.internal/sim/jamfpro"
)

func TestControlOverHTTP(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	a.want(204, "POST", "/sim/faults",
		`{"kind": "status", "status": 429, "path_prefix": "/api/", "method": "GET", "count": 2, "retry_after": "1m", `+
			`"retry_after_as_date": true, "delay": "1ms"}`)
	want := []jamfpro.Fault{{
		Kind: jamfpro.FaultStatus, Status: 429, PathPrefix: "/api/", Method: "GET", Count: 2, RetryAfter: time.Minute,
		RetryAfterAsDate: true, Delay: time.Millisecond,
	}}
	if got := decode[[]jamfpro.Fault](t, a.want(200, "GET", "/sim/faults", "").body); !reflect.DeepEqual(got, want) ||
		!reflect.DeepEqual(a.Faults(), want) {
		t.Errorf("faults are %+v", got)
	}
	a.want(429, "GET", versionPath, "")
	a.want(204, "DELETE", "/sim/faults", "")
	a.want(200, "GET", versionPath, "")

	id := decode[map[string]string](t,
		a.want(201, "POST", "/sim/computers", `{"udid": "U-2", "serial_number": "S-2", "name": "Two"}`).body)["id"]
	a.want(204, "PUT", "/sim/computers/"+id+"/compliance",
		`[{"state": "COMPLIANT", "applicable": true, "vendor": "Intune", "device_ids": ["d"]}]`)
	if body := a.want(200, "GET", "/api/v1/conditional-access/device-compliance-information/computer/"+id,
		"").body; !strings.Contains(body, `"deviceIds":["d"]`) {
		t.Errorf("compliance %s", body)
	}
	a.want(201, "POST", "/sim/definitions", `{"name": "Made", "inputType": "SCRIPT"}`)
	if definitions := decode[[]jamfpro.Definition](t,
		a.want(200, "GET", "/sim/definitions", "").body); len(definitions) != 1 ||
		definitions[0].InputType != jamfpro.InputScript {
		t.Errorf("definitions %+v", definitions)
	}
	a.want(200, "POST", inventoryPath, `{"udid": "U-2", "extension_attributes": [{"name": "Made", "value": "v"}]}`)
	computers := decode[[]jamfpro.ComputerState](t, a.want(200, "GET", "/sim/computers", "").body)
	if len(computers) != 2 || computers[1].SerialNumber != "S-2" || computers[1].Value("Made") != "v" ||
		computers[1].Inventories != 1 {
		t.Errorf("computers %+v", computers)
	}
	a.want(204, "DELETE", "/sim/computers/"+id, "")
	a.want(404, "DELETE", "/sim/computers/"+id, "")
	a.want(204, "POST", "/sim/revoke-tokens", "")
	a.want(401, "GET", versionPath, "")

	for path, body := range map[string]string{
		"/sim/faults":      `{"kind": "status", "status": 429, "retry_after": "soon"}`,
		"/sim/computers":   `{"id": "7"}`,
		"/sim/definitions": `{"name": "Made"}`,
	} {
		a.want(400, "POST", path, body)
	}
	a.want(400, "POST", "/sim/faults", `{"kind": "explode"}`)
	a.want(400, "POST", "/sim/faults", `{"kind": "slow", "delay": "1s", "colour": "red"}`)
	a.want(400, "PUT", "/sim/computers/4711/compliance", `[]`)
}

// The list of requests has no secrets, and no control requests.
func TestRequestsAreShownWithoutSecrets(t *testing.T) {
	a := start(t, jamfpro.Options{})
	a.signIn()
	a.fault(jamfpro.Fault{Kind: jamfpro.FaultReset, Count: 1})
	// A PATCH, since Go's client sends a GET again by itself when a kept connection breaks.
	if _, err := a.send("PATCH", listPath, "", ""); err == nil {
		t.Error("the connection was not reset")
	}
	a.want(200, "GET", listPath+"?filter=udid=="+udid, "")
	a.await(func() bool {
		return !slices.ContainsFunc(a.Requests(), func(one jamfpro.Request) bool { return !one.Ended })
	})
	body := a.want(200, "GET", "/sim/requests", "").body
	for _, secret := range []string{a.token, jamfpro.DefaultClientSecret, udid} {
		if strings.Contains(body, secret) {
			t.Errorf("%q is in %s", secret, body)
		}
	}
	at := a.clock.Now()
	want := []jamfpro.Request{
		{At: at, Method: "POST", Path: tokenPath, Status: 200, Ended: true},
		{At: at, Method: "PATCH", Path: listPath, Fault: jamfpro.FaultReset, Ended: true},
		{At: at, Method: "GET", Path: listPath, Status: 200, Ended: true},
	}
	if got := decode[[]jamfpro.Request](t, body); !reflect.DeepEqual(got, want) {
		t.Errorf("requests are %+v", got)
	}
	a.want(204, "DELETE", "/sim/requests", "")
	if left := a.Requests(); len(left) != 0 {
		t.Errorf("left are %+v", left)
	}
}

func TestPeakOfRequestsAtOnce(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	a.ClearRequests()
	a.fault(jamfpro.Fault{Kind: jamfpro.FaultSlow, Delay: time.Hour})
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() { _, _ = a.send("GET", versionPath, "", "") })
	}
	a.await(func() bool { return a.PeakRequests() == 3 })
	a.Close()
	clients.Wait()
	if peak := a.PeakRequests(); peak != 3 {
		t.Errorf("peak %d", peak)
	}
}

// Other processes wait for events, and their calls return when the server is closed.
func TestWaitingOverHTTP(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	a.ClearRequests()
	updated, requested := make(chan answer, 1), make(chan answer, 1)
	get := func(path string, got chan<- answer) {
		body, err := a.send("GET", path, "", "")
		if err != nil {
			body.body = err.Error()
		}
		got <- body
	}
	go get("/sim/updated/"+udid, updated)
	go get("/sim/requests?await=2", requested)
	a.want(200, "GET", versionPath, "")
	a.want(204, "PATCH", detailPath+a.computer, `{"general": {"name": "Renamed"}}`)
	if got := decode[jamfpro.ComputerState](t, (<-updated).body); got.Name != "Renamed" || got.Patches != 1 {
		t.Errorf("updated %+v", got)
	}
	if got := decode[[]jamfpro.Request](t, (<-requested).body); len(got) != 2 || got[1].Method != "PATCH" {
		t.Errorf("requests %+v", got)
	}
	// The same for the value of an extension attribute; an update of something else is not enough.
	id := a.define(jamfpro.Definition{Name: "Usher Registration State"})
	go get("/sim/updated/"+udid+"?attribute=Usher+Registration+State", updated)
	a.want(204, "PATCH", detailPath+a.computer, `{"general": {"name": "Renamed again"}}`)
	a.want(204, "PATCH", detailPath+a.computer,
		`{"extensionAttributes": [{"definitionId": "`+id+`", "values": ["REGISTERED"]}]}`)
	if got := decode[jamfpro.ComputerState](t, (<-updated).body); got.Value("Usher Registration State") !=
		"REGISTERED" {
		t.Errorf("updated %+v", got)
	}
	a.want(400, "GET", "/sim/requests?await=many", "")
	go get("/sim/requests?await=9", requested)
	a.Close()
	if got := <-requested; got.status != 0 {
		t.Errorf("after the end: %+v", got)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	a := start(t, jamfpro.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Await(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := a.Await(ctx, func() bool { return true }); err != nil {
		t.Errorf("a condition that is true: %v", err)
	}
	a.Close()
	if err := a.Await(t.Context(), func() bool { return false }); !errors.Is(err, jamfpro.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestStateOutlivesTheServer(t *testing.T) {
	options := jamfpro.Options{StateFile: filepath.Join(t.TempDir(), "state.json")}
	first := signedIn(t, options)
	id := first.define(jamfpro.Definition{Name: "Kept"})
	first.want(204, "PATCH", detailPath+first.computer,
		`{"general": {"assetTag": "T"}, "extensionAttributes": [{"definitionId": "`+id+`", "values": ["v"]}]}`)
	if err := first.SetCompliance(first.computer, []jamfpro.Compliance{{State: "COMPLIANT", Vendor: "Intune"}}); err !=
		nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(options.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{first.token, jamfpro.DefaultClientSecret} {
		if strings.Contains(string(content), secret) {
			t.Errorf("%q is in the state file", secret)
		}
	}
	second := signedIn(t, options)
	if !reflect.DeepEqual(second.Computers(), first.Computers()) ||
		!reflect.DeepEqual(second.Definitions(), first.Definitions()) {
		t.Errorf("first held  %+v\nsecond holds %+v", first.Computers(), second.Computers())
	}
	detail := "/api/v4/computers-inventory-detail/" + second.computer
	if got, want := second.want(200, "GET", detail, "").body, first.want(200, "GET", detail, "").body; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if next := second.AddComputer(jamfpro.Computer{UDID: "U-2"}); next != "3" {
		t.Errorf("the next id is %s: ids must not be given twice", next)
	}
	if err := os.WriteFile(options.StateFile, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := jamfpro.New(options); err == nil {
		t.Error("a broken state file was read")
	}
}
