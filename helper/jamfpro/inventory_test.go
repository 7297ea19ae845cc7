package jamfpro_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher.internal/helper/jamfpro"
	sim "usher.internal/sim/jamfpro"
)

// generationsCalled returns the versions of the inventory that were called, in order.
func generationsCalled(server *sim.Server, from int) (called []string) {
	for _, request := range server.Requests()[from:] {
		if generation, _, found := strings.Cut(strings.TrimPrefix(request.Path, "/api/"),
			"/computers-inventory"); found {
			called = append(called, generation)
		}
	}
	return slices.Compact(called)
}

// usher directly uses the generation that the server's version has, whatever its other answers are.
func TestEachGenerationOfTheInventory(t *testing.T) {
	for version, want := range map[string]string{"11.18.0": "v2", "11.22.1": "v2", "11.23.0": "v3", "11.29.3-t1": "v3",
		"11.30.0": "v4", "12.1.0": "v4", "13.0.0": "v4"} {
		for _, html := range []bool{false, true} {
			server, client := simulator(t, sim.Options{Version: version, RetiredInHTML: html})
			for range 2 {
				if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
					t.Fatalf("%s: %v", version, err)
				}
			}
			mustHold(t, server, "Usher A", "jane@example.com")
			if called := generationsCalled(server, 0); !slices.Equal(called, []string{want}) {
				t.Errorf("%s: called %v, want %s", version, called, want)
			}
		}
	}
}

// usher tries a server from the newest generation on if its version is missing or not known. It remembers what works.
func TestGenerationIsFoundByTrying(t *testing.T) {
	for _, html := range []bool{false, true} {
		for name, one := range map[string]struct {
			options sim.Options
			fault   bool
			want    []string
		}{
			"retired early": {sim.Options{Version: "11.22.0", Generations: []string{"v3"}}, false,
				[]string{"v2", "v4", "v3"}},
			"version is not said": {sim.Options{Version: "11.24.0"}, true, []string{"v4", "v3"}},
			"version is not valid": {sim.Options{Version: "cloud", Generations: []string{"v2"}}, false,
				[]string{"v4", "v3", "v2"}},
		} {
			one.options.RetiredInHTML = html
			server, client := simulator(t, one.options)
			if one.fault {
				if err := server.AddFault(sim.Fault{Kind: sim.FaultStatus, Status: http.StatusForbidden,
					PathPrefix: "/api/v1/jamf-pro-version", Count: 100}); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if called := generationsCalled(server, 0); !slices.Equal(called, one.want) {
				t.Errorf("%s: called %v, want %v", name, called, one.want)
			}
		}
	}
}

// The server is upgraded while usher runs. Its version is read again with the next access token, and usher notices at
// once that a generation has gone.
func TestGenerationFollowsAnUpgrade(t *testing.T) {
	server, client := simulator(t, sim.Options{Version: "11.22.0"})
	deliver := func() {
		t.Helper()
		if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
			t.Fatal(err)
		}
	}
	deliver()
	server.SetVersion("11.30.1")
	server.RevokeTokens()
	deliver() // the first call notices that the token has expired
	seen := len(server.Requests())
	deliver()
	if called := generationsCalled(server, seen); !slices.Equal(called, []string{"v4"}) {
		t.Errorf("after the upgrade %v were called", called)
	}
	seen = len(server.Requests())
	server.SetVersion("12.0.0")
	deliver()
	if called := generationsCalled(server, seen); !slices.Equal(called, []string{"v4"}) {
		t.Errorf("after v2 has gone %v were called", called)
	}
}

// A server that usher cannot use is not reported as a wrong URL.
func TestServerThatIsTooOldOrTooNew(t *testing.T) {
	for version, want := range map[string]string{
		"11.10.1": "is too old; usher needs 11.18 or later",
		"14.0.0":  "is newer than what this usher knows (v4, v3, v2",
	} {
		for _, html := range []bool{false, true} {
			_, client := simulator(t, sim.Options{Version: version, Generations: []string{}, RetiredInHTML: html})
			_, err := client.FindComputer(t.Context(), this)
			if !errors.Is(err, jamfpro.ErrVersion) || !strings.Contains(err.Error(), want) ||
				!strings.Contains(err.Error(), version) {
				t.Errorf("%s: %v", version, err)
			}
			checked, err := client.CheckPrivileges(t.Context())
			if err != nil || checked.Version != version || !strings.Contains(checked.Privileges[0].Problem, want) ||
				checked.Privileges[2].Granted == nil {
				t.Errorf("%s is checked: %+v, %v", version, checked, err)
			}
		}
	}
}

// A server of a known version does not have what that version has: a proxy is in the way, or the server is under
// maintenance.
func TestServerWithoutItsInventory(t *testing.T) {
	for _, html := range []bool{false, true} {
		_, client := simulator(t, sim.Options{Version: "11.30.1", Generations: []string{}, RetiredInHTML: html})
		_, err := client.FindComputer(t.Context(), this)
		if answer, ok := errors.AsType[*jamfpro.APIError](err); !ok || errors.Is(err, jamfpro.ErrVersion) ||
			answer.Permanent() == html {
			t.Errorf("HTML %v: %v", html, err)
		}
	}
}

func TestRecordOfEachGeneration(t *testing.T) {
	for _, generation := range []string{"v2", "v3", "v4"} {
		page, err := os.ReadFile(filepath.Join("testdata/inventory", generation+".json"))
		if err != nil {
			t.Fatal(err)
		}
		server := newServer(t)
		for _, one := range []string{"v2", "v3", "v4"} {
			if one != generation {
				server.replace("GET /api/"+one+"/computers-inventory", html(404), html(404))
			} else {
				server.replace("GET /api/"+one+"/computers-inventory", jsonAnswer(200, string(page)))
			}
		}
		found, err := server.client(nil).FindComputer(t.Context(), this)
		want := jamfpro.Computer{ID: "7", UDID: udid, SerialNumber: "C02SERIAL",
			LastContactTime: parseTime(t, "2026-11-22T08:00:00Z")}
		if err != nil || found.ID != want.ID || found.UDID != want.UDID || found.SerialNumber != want.SerialNumber ||
			!found.LastContactTime.Equal(want.LastContactTime) {
			t.Errorf("%s: %+v, %v", generation, found, err)
		}
	}
}

// throughGateway returns a client of a Jamf Pro behind the gateway of Jamf's Platform API.
func throughGateway(t *testing.T, gateway sim.Gateway, change func(*jamfpro.Config)) (*sim.Server, *jamfpro.Client,
	error) {
	t.Helper()
	server, err := sim.New(sim.Options{Gateway: &gateway, Computers: []sim.Computer{{UDID: udid, Name: "newer"}}})
	if err != nil {
		t.Fatal(err)
	}
	serving := httptest.NewServer(server)
	t.Cleanup(func() { server.Close(); serving.Close() })
	config := jamfpro.Config{URL: serving.URL, ClientID: sim.DefaultClientID,
		ClientSecretFile: secretFile(t, sim.DefaultClientSecret, 0o600)}
	change(&config)
	client, err := jamfpro.New(config)
	return server, client, err
}

func TestGatewayOfThePlatform(t *testing.T) {
	for name, one := range map[string]struct {
		gateway sim.Gateway
		change  func(*jamfpro.Config)
	}{
		"environment": {sim.Gateway{EnvironmentID: "e-1"}, func(c *jamfpro.Config) { c.EnvironmentID = "e-1" }},
		"tenant":      {sim.Gateway{TenantID: "t-1"}, func(c *jamfpro.Config) { c.TenantID = "t-1" }},
	} {
		server, client, err := throughGateway(t, one.gateway, one.change)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		mustHold(t, server, "Usher A", "jane@example.com")
		for _, request := range server.Requests() {
			if request.Path != "/auth/token" && !strings.HasPrefix(request.Path, "/pro/v") {
				t.Errorf("%s: %s was called", name, request.Path)
			}
		}
		server.SetPrivileges(sim.DefaultClientID, []string{sim.ReadComputers})
		if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher B")); err == nil ||
			!strings.Contains(err.Error(), "API integration in Jamf Account") {
			t.Errorf("%s: without the permission: %v", name, err)
		}
	}
	// The gateway asks for a pause in a header of its own.
	server, client, err := throughGateway(t, sim.Gateway{TenantID: "t-1"},
		func(c *jamfpro.Config) { c.TenantID = "t-1" })
	if err != nil {
		t.Fatal(err)
	}
	if err := server.AddFault(sim.Fault{Kind: sim.FaultStatus, Status: 429, RetryAfter: 90 * time.Second,
		PathPrefix: "/pro/v4/", Count: 1}); err != nil {
		t.Fatal(err)
	}
	_, err = client.FindComputer(t.Context(), this)
	if answer, ok := errors.AsType[*jamfpro.APIError](err); !ok || answer.RetryAfter != 90*time.Second {
		t.Errorf("got %v", err)
	}
	// The gateway reports a call that it does not publish as a missing permission. Then an older version is tried.
	server, client, err = throughGateway(t, sim.Gateway{TenantID: "t-1"},
		func(c *jamfpro.Config) { c.TenantID = "t-1" })
	if err != nil {
		t.Fatal(err)
	}
	server.SetVersion("11.25.0")
	if _, err := client.FindComputer(t.Context(), this); err != nil {
		t.Error(err)
	}
	// The ID is of the other level, or of another customer.
	_, client, err = throughGateway(t, sim.Gateway{EnvironmentID: "e-1"},
		func(c *jamfpro.Config) { c.TenantID = "e-1" })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.FindComputer(t.Context(), this); !errors.Is(err, jamfpro.ErrRefused) ||
		!strings.Contains(err.Error(), "delivery.api.environment_id") {
		t.Errorf("got %v", err)
	}
}

func TestGatewayNeedsOneID(t *testing.T) {
	for name, config := range map[string]jamfpro.Config{
		"none":             {URL: "https://eu.api.jamfcloud.com"},
		"both":             {URL: "https://us.api.jamfcloud.com", EnvironmentID: "e", TenantID: "t"},
		"no gateway":       {URL: "https://example.jamfcloud.com", EnvironmentID: "e"},
		"none of Jamf's":   {URL: "https://api.jamfcloud.com.example.org", TenantID: "t"},
		"an environment's": {URL: "https://eu.api.jamfcloud.com", EnvironmentID: "e"},
	} {
		config.ClientID, config.ClientSecretFile = "client", "/etc/usher/secret"
		if _, err := jamfpro.New(config); (err == nil) != (name == "an environment's") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// With the ID of its record, usher does not search for a computer, and does not need the privilege to read computers.
func TestComputerIDReplacesTheSearch(t *testing.T) {
	server, err := sim.New(sim.Options{Computers: []sim.Computer{{UDID: udid, Name: "newer"}}})
	if err != nil {
		t.Fatal(err)
	}
	serving := httptest.NewServer(server)
	t.Cleanup(func() { server.Close(); serving.Close() })
	record, _ := server.Computer(udid)
	withID := func(id string) (*jamfpro.Client, error) {
		return jamfpro.New(jamfpro.Config{
			URL: serving.URL, ClientID: sim.DefaultClientID,
			ClientSecretFile: secretFile(t, sim.DefaultClientSecret, 0o600), ComputerID: id,
		})
	}
	client, err := withID(record.ID)
	if err != nil {
		t.Fatal(err)
	}
	server.SetPrivileges(sim.DefaultClientID,
		[]string{sim.UpdateComputers, sim.ReadExtensionAttributes, sim.CreateExtensionAttributes})
	if err := client.SetExtensionAttributes(t.Context(), jamfpro.Selector{}, attributes("Usher A")); err != nil {
		t.Fatal(err)
	}
	mustHold(t, server, "Usher A", "jane@example.com")
	for _, request := range server.Requests() {
		if request.Method == http.MethodGet && strings.HasSuffix(request.Path, "/computers-inventory") {
			t.Errorf("%s was called", request.Path)
		}
	}
	checked, err := client.CheckPrivileges(t.Context())
	if err != nil || checked.Privileges[0].Required || !checked.Privileges[1].Required {
		t.Errorf("checked: %+v, %v", checked, err)
	}
	// The computer was enrolled again, and has another record.
	server.RemoveComputer(record.ID)
	err = client.SetExtensionAttributes(t.Context(), this, attributes("Usher A"))
	if !errors.Is(err, jamfpro.ErrComputerNotFound) || !strings.Contains(err.Error(), "delivery.api.computer_id") {
		t.Errorf("without a record: %v", err)
	}
	// A server that usher cannot use, or another server, does not mean that the computer is gone.
	server.SetVersion("14.0.0")
	server.RevokeTokens()
	if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); !errors.Is(err,
		jamfpro.ErrVersion) {
		t.Errorf("of another version: %v", err)
	}
	for _, id := range []string{"$JSSID", "0", "7/../8"} {
		if _, err := withID(id); err == nil {
			t.Errorf("%q is accepted as an ID", id)
		}
	}
}

func TestVersionsWithAnAuthenticationBypass(t *testing.T) {
	for version, want := range map[string]bool{"11.19.9": false, "11.20.0-t1": true, "11.24.3": true, "11.25.0": false,
		"12.20.0": false, "": false, "x": false} {
		if got := jamfpro.HasAuthenticationBypass(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

// The unit of a gateway's pause is not published: small numbers are seconds from now, large ones are a time.
func TestPauseThatTheGatewayAsksFor(t *testing.T) {
	now := parseTime(t, "2026-12-01T10:00:00Z")
	for header, want := range map[string]time.Duration{
		"90": 90 * time.Second, strconv.FormatInt(now.Add(2*time.Minute).Unix(), 10): 2 * time.Minute,
		strconv.FormatInt(now.Add(-time.Hour).Unix(), 10): 0, "soon": jamfpro.MaximumRetryAfter,
		"7200": jamfpro.MaximumRetryAfter,
	} {
		server := newServer(t)
		server.replace(findCall, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Ratelimit-Reset", header)
			jamfError(429, "", "", "")(w, r)
		})
		_, err := server.client(func(c *jamfpro.Config) { c.Now = func() time.Time { return now } }).
			FindComputer(t.Context(), this)
		if answer, ok := errors.AsType[*jamfpro.APIError](err); !ok || answer.RetryAfter != want {
			t.Errorf("%s: %v", header, err)
		}
	}
}

// Jamf Cloud is a cluster. Within a delivery the cookies lead to one server; the next delivery starts without them.
func TestCookiesAreKeptWithinOneDelivery(t *testing.T) {
	server := newServer(t)
	var sent []string
	server.replace(tokenCall, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "jpro-ingress", Value: "node-7", Path: "/"})
		server.mutex.Lock()
		defer server.mutex.Unlock()
		server.tokens++
		answer(w, 200, map[string]any{"access_token": fmt.Sprint(plantedToken, server.tokens), "token_type": "Bearer",
			"expires_in": 1200})
	})
	note := func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Cookie")+" "+r.UserAgent())
		answer(w, 200, map[string]any{"totalCount": 1, "results": server.computers})
	}
	server.replace(findCall, note, note)
	client := server.client(nil)
	for range 2 {
		if _, err := client.FindComputer(t.Context(), this); err != nil {
			t.Fatal(err)
		}
	}
	if len(sent) != 2 || !strings.HasPrefix(sent[0], "jpro-ingress=node-7 usher/") ||
		!strings.HasPrefix(sent[1], " usher/") {
		t.Errorf("sent %q", sent)
	}
}
