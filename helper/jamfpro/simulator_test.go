package jamfpro_test

import (
	"errors"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"usher.internal/helper/jamfpro"
	sim "usher.internal/sim/jamfpro"
)

// simulator serves sim/jamfpro, which knows the API by itself and refuses requests that do not fit its schema.
func simulator(t *testing.T, options sim.Options) (*sim.Server, *jamfpro.Client) {
	t.Helper()
	options.Computers = append(options.Computers,
		sim.Computer{UDID: udid, SerialNumber: "C02NEW", Name: "newer",
			LastContact: parseTime(t, "2026-11-22T08:00:00Z")},
		sim.Computer{UDID: udid, SerialNumber: "C02OLD", Name: "older",
			LastContact: parseTime(t, "2026-11-20T08:00:00Z")},
		sim.Computer{UDID: "FFFFFFFF-0000-4000-8000-000000000000", Name: "another",
			LastContact: parseTime(t, "2026-11-23T08:00:00Z")},
	)
	server, err := sim.New(options)
	if err != nil {
		t.Fatal(err)
	}
	serving := httptest.NewServer(server)
	t.Cleanup(func() { server.Close(); serving.Close() })
	client, err := jamfpro.New(jamfpro.Config{
		URL: serving.URL, ClientID: sim.DefaultClientID,
		ClientSecretFile: secretFile(t, sim.DefaultClientSecret, 0o600), Now: options.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

func mustHold(t *testing.T, server *sim.Server, name, want string) {
	t.Helper()
	held, ok := server.Computer(udid)
	if !ok || held.Name != "newer" || held.Value(name) != want {
		t.Errorf("%s is %q on %q, want %q", name, held.Value(name), held.Name, want)
	}
}

func TestSimulatorTakesValuesAndDefinitions(t *testing.T) {
	server, client := simulator(t, sim.Options{OlderTokenPath: true, Definitions: []sim.Definition{
		{Name: `Usher "quoted"`, DataType: sim.DataString, InputType: sim.InputText,
			InventoryDisplayType: sim.DisplayGeneral, Enabled: true},
	}})
	for range 2 {
		if err := client.SetExtensionAttributes(t.Context(), this,
			attributes(`Usher "quoted"`, "Usher A", "Usher B")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{`Usher "quoted"`, "Usher A", "Usher B"} {
		mustHold(t, server, name, "jane@example.com")
	}
	if made := len(server.Definitions()); made != 3 {
		t.Errorf("%d definitions", made)
	}
	if peak := server.PeakRequests(); peak != 1 {
		t.Errorf("%d requests at once", peak)
	}
}

func TestSimulatorOfAClusterThatLagsBehind(t *testing.T) {
	var clock atomic.Int64
	clock.Store(parseTime(t, "2026-11-23T10:00:00Z").UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()).UTC() }
	server, client := simulator(t, sim.Options{ClusterLag: time.Minute, Now: now})
	for range 2 {
		if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); !errors.Is(err,
			jamfpro.ErrUnknownDefinition) {
			t.Errorf("got %v", err)
		}
		clock.Add(int64(20 * time.Second))
	}
	clock.Add(int64(jamfpro.ClusterRefresh))
	if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
		t.Fatal(err)
	}
	mustHold(t, server, "Usher A", "jane@example.com")
	if made := len(server.Definitions()); made != 1 {
		t.Errorf("%d definitions", made)
	}
}

func TestSimulatorThatMisbehaves(t *testing.T) {
	for name, one := range map[string]struct {
		fault sim.Fault
		// heals says that the client recovers by itself.
		heals bool
		after time.Duration
	}{
		"token revoked":    {sim.Fault{Kind: sim.FaultRevokeToken, Method: "PATCH"}, true, 0},
		"answer lost":      {sim.Fault{Kind: sim.FaultLostAnswer, Method: "PATCH"}, false, 0},
		"answer truncated": {sim.Fault{Kind: sim.FaultTruncated, PathPrefix: "/api/v4/computers-inventory"}, false, 0},
		"maintenance":      {sim.Fault{Kind: sim.FaultHTML}, false, 0},
		"captive portal":   {sim.Fault{Kind: sim.FaultCaptivePortal}, false, 0},
		"too many requests": {sim.Fault{Kind: sim.FaultStatus, Status: 429, RetryAfter: 90 * time.Second}, false,
			90 * time.Second},
		"busy": {sim.Fault{Kind: sim.FaultStatus, Status: 503, RetryAfter: 90 * time.Second,
			RetryAfterAsDate: true}, false, 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := simulator(t, sim.Options{})
			one.fault.Count = 1
			if err := server.AddFault(one.fault); err != nil {
				t.Fatal(err)
			}
			err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A"))
			answer, ok := errors.AsType[*jamfpro.APIError](err)
			if one.heals && err != nil || !one.heals && (!ok || answer.Permanent()) {
				t.Fatalf("got %v", err)
			}
			// A date has full seconds.
			if ok && (answer.RetryAfter > one.after || answer.RetryAfter < one.after-3*time.Second) {
				t.Errorf("asked to wait %v", answer.RetryAfter)
			}
			if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
				t.Fatal(err)
			}
			mustHold(t, server, "Usher A", "jane@example.com")
		})
	}
}
