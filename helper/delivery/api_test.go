package delivery_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/jamfpro"
	"usher.internal/internal/wpj"
)

const computerUDID = "0A1B2C3D-0000-4000-8000-00000000BEEF"

// jamfPro is a server that has every extension attribute and takes note of the values; update may answer in its place.
type jamfPro struct {
	*httptest.Server
	values map[string]string
	update http.HandlerFunc
	script string // the name of an attribute with input type SCRIPT
	absent bool   // the computer is not enrolled
}

func newJamfPro(t *testing.T) *jamfPro {
	server := &jamfPro{}
	names := map[string]string{}
	mux := http.NewServeMux()
	say := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(value); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("POST /api/v1/oauth/token", func(w http.ResponseWriter, _ *http.Request) {
		say(w, map[string]any{"access_token": "token", "token_type": "Bearer", "expires_in": 60})
	})
	mux.HandleFunc("GET /api/v4/computers-inventory", func(w http.ResponseWriter, _ *http.Request) {
		found := []any{}
		if !server.absent {
			found = append(found, map[string]any{"id": "7", "udid": computerUDID})
		}
		say(w, map[string]any{"totalCount": len(found), "results": found})
	})
	mux.HandleFunc("GET /api/v1/computer-extension-attributes", func(w http.ResponseWriter, _ *http.Request) {
		var results []any
		for i, one := range delivery.ExtensionAttributes() {
			id, inputType := strconv.Itoa(i), "TEXT"
			names[id] = one.Name
			if one.Name == server.script {
				inputType = "SCRIPT"
			}
			results = append(results, map[string]any{"id": id, "name": one.Name, "dataType": "STRING", "inputType": inputType, "inventoryDisplayType": "EXTENSION_ATTRIBUTES"})
		}
		say(w, map[string]any{"totalCount": len(results), "results": results})
	})
	mux.HandleFunc("PATCH /api/v4/computers-inventory-detail/7", func(w http.ResponseWriter, r *http.Request) {
		if server.update != nil {
			server.update(w, r)
			return
		}
		var body struct {
			ExtensionAttributes []struct {
				DefinitionID string
				Values       []string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		server.values = map[string]string{}
		for _, one := range body.ExtensionAttributes {
			server.values[names[one.DefinitionID]] = strings.Join(one.Values, "|")
		}
		w.WriteHeader(http.StatusNoContent)
	})
	server.Server = httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func (s *jamfPro) deliverer(t *testing.T) delivery.Deliverer {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	client, err := jamfpro.New(jamfpro.Config{URL: s.URL, ClientID: "id", ClientSecretFile: secret})
	if err != nil {
		t.Fatal(err)
	}
	return delivery.API(client, delivery.ConfiguredComputer(computerUDID))
}

func TestWhatIsWrittenToJamfPro(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 30, 0, 0, time.FixedZone("CET", 3600))
	identity := wpj.Identity{State: wpj.StateRegistered, DeviceID: "device", TenantID: "tenant", UserPrincipalName: "jane@example.com"}
	deviceCap := wpj.ExitRegistrationDeviceCapError
	none, unreadable := wpj.Identity{State: wpj.StateNotRegistered}, wpj.Identity{State: wpj.StateUnreadable}
	for _, one := range []struct {
		name   string
		report delivery.Report
		want   map[string]string
	}{
		{"success", delivery.Report{Outcome: "SUCCEEDED", Identity: &identity, At: at}, map[string]string{
			"Usher Registration State": "REGISTERED", "Usher Registration Result": "SUCCEEDED", "Usher Entra Device ID": "device",
			"Usher User Principal Name": "jane@example.com", "Usher Entra Tenant ID": "tenant", "Usher Last Registration": "2026-11-23T09:30:00Z",
		}},
		{"portal failed, identity not read", delivery.Report{Outcome: "FAILED", FailureReason: "PORTAL_FAILED", PortalExitCode: &deviceCap, At: at}, map[string]string{
			"Usher Registration Result": "FAILED: registrationDeviceCapError (66)", "Usher Last Registration": "2026-11-23T09:30:00Z",
		}},
		{"not registered is said", delivery.Report{Outcome: "FAILED", FailureReason: "IDENTITY_NOT_FOUND", Identity: &none, At: at}, map[string]string{
			"Usher Registration State": "NOT_REGISTERED", "Usher Registration Result": "FAILED: IDENTITY_NOT_FOUND", "Usher Entra Device ID": "",
			"Usher User Principal Name": "", "Usher Entra Tenant ID": "", "Usher Last Registration": "2026-11-23T09:30:00Z",
		}},
		{"could not look is not said to be not there", delivery.Report{Outcome: "FAILED", FailureReason: "IDENTITY_UNREADABLE", Identity: &unreadable, At: at}, map[string]string{
			"Usher Registration State": "UNREADABLE", "Usher Registration Result": "FAILED: IDENTITY_UNREADABLE", "Usher Last Registration": "2026-11-23T09:30:00Z",
		}},
		{"a look without a registration", delivery.Report{Identity: &wpj.Identity{State: wpj.StateCompliant, DeviceID: "new", ObservedAt: at}, At: at,
			DeviceIDChange: &delivery.DeviceIDChange{Old: "old", New: "new", At: at}}, map[string]string{
			"Usher Registration State": "COMPLIANT", "Usher Entra Device ID": "new", "Usher State As Of": "2026-11-23T09:30:00Z",
			"Usher Device ID Change": "2026-11-23T09:30:00Z: old became new",
		}},
		{"cancelled", delivery.Report{Outcome: "CANCELLED", At: at}, map[string]string{
			"Usher Registration Result": "CANCELLED", "Usher Last Registration": "2026-11-23T09:30:00Z",
		}},
	} {
		t.Run(one.name, func(t *testing.T) {
			server := newJamfPro(t)
			if err := server.deliverer(t).Deliver(t.Context(), one.report); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(server.values, one.want) {
				t.Errorf("written: %v", server.values)
			}
		})
	}
}

func TestErrorsOfTheAPIAreAdvice(t *testing.T) {
	answer := func(status int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for _, one := range []struct {
		name    string
		spoil   func(*jamfPro)
		refused bool
		after   time.Duration
	}{
		{"privilege missing", func(s *jamfPro) { s.update = answer(403, "{}") }, true, 0},
		{"server in trouble", func(s *jamfPro) { s.update = answer(500, "{}") }, false, 0},
		{"too many requests", func(s *jamfPro) { s.update = answer(429, "{}", "Retry-After", "120") }, false, 2 * time.Minute},
		{"cluster behind", func(s *jamfPro) { s.update = answer(400, `{"errors":[{"field":"definitionId"}]}`) }, false, time.Minute},
		{"bad request", func(s *jamfPro) { s.update = answer(400, `{"errors":[{"field":"other"}]}`) }, true, 0},
		{"script attribute", func(s *jamfPro) { s.script = "Usher Entra Device ID" }, true, 0},
		{"computer not enrolled", func(s *jamfPro) { s.absent = true }, false, 10 * time.Minute},
		{"server away", func(s *jamfPro) { s.Close() }, false, 0},
	} {
		t.Run(one.name, func(t *testing.T) {
			server := newJamfPro(t)
			one.spoil(server)
			err := server.deliverer(t).Deliver(t.Context(), delivery.Report{Outcome: "SUCCEEDED", Identity: &wpj.Identity{State: wpj.StateNotRegistered}})
			if err == nil || isRefused(err) != one.refused {
				t.Errorf("got %v", err)
			}
			retry, ok := errors.AsType[*delivery.RetryError](err)
			if ok != (one.after > 0) || ok && retry.After != one.after {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Admins build smart groups on these names.
func TestAttributeNamesDoNotChange(t *testing.T) {
	var names []string
	for _, one := range delivery.ExtensionAttributes() {
		names = append(names, one.Name)
		if one.Description == "" {
			t.Errorf("%s has no description", one.Name)
		}
	}
	if !slices.Equal(names, []string{
		"Usher Registration State", "Usher Registration Result", "Usher Entra Device ID",
		"Usher User Principal Name", "Usher Entra Tenant ID", "Usher Last Registration", "Usher State As Of", "Usher Device ID Change",
	}) {
		t.Errorf("%v", names)
	}
}

func TestSummaryHoldsNoIdentity(t *testing.T) {
	identity := wpj.Identity{State: wpj.StateRegistered, DeviceID: "device", UserPrincipalName: "jane@example.com"}
	summary := delivery.Report{UserName: "jane", Outcome: "SUCCEEDED", Identity: &identity}.Summary()
	if summary != "jane: SUCCEEDED, identity REGISTERED" {
		t.Error(summary)
	}
	change := &delivery.DeviceIDChange{Old: "old", New: "new"}
	if summary := (delivery.Report{UserName: "jane", Identity: &identity, DeviceIDChange: change}).Summary(); summary != "jane: identity REGISTERED, another device id" {
		t.Error(summary)
	}
}
