package delivery_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/jamfpro"
	"usher.internal/internal/attribute"
	"usher.internal/internal/attribute/attributetest"
	"usher.internal/internal/wpj"
)

const computerUDID = "0A1B2C3D-0000-4000-8000-00000000BEEF"

// jamfPro is a server that has every extension attribute and records the values; update may answer instead.
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
		for i, one := range delivery.Definitions() {
			id, inputType := strconv.Itoa(i), "TEXT"
			names[id] = one.Name
			if one.Name == server.script {
				inputType = "SCRIPT"
			}
			results = append(results, map[string]any{"id": id, "name": one.Name, "dataType": "STRING",
				"inputType": inputType, "inventoryDisplayType": "EXTENSION_ATTRIBUTES"})
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

func (s *jamfPro) deliverer(t *testing.T, says attribute.Report) delivery.Deliverer {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	client, err := jamfpro.New(jamfpro.Config{URL: s.URL, ClientID: "id", ClientSecretFile: secret})
	if err != nil {
		t.Fatal(err)
	}
	return delivery.API(client, delivery.ConfiguredComputer(computerUDID),
		func() (attribute.Report, error) { return says, nil })
}

// Every attribute is written, with the value that `usherctl ea` prints, whatever the report is about.
func TestWhatIsWrittenToJamfPro(t *testing.T) {
	for name, status := range attributetest.States() {
		t.Run(name, func(t *testing.T) {
			server := newJamfPro(t)
			report := attribute.Of(status)
			if err := server.deliverer(t, report).Deliver(t.Context(),
				delivery.Report{UID: 999, Outcome: "FAILED"}); err != nil {
				t.Fatal(err)
			}
			for _, one := range attribute.Table() {
				written, is := server.values[one.Name]
				if !is || written != one.Value(report) {
					t.Errorf("%s: %q was written (%t), want %q", one.Name, written, is, one.Value(report))
				}
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
		{"too many requests", func(s *jamfPro) { s.update = answer(429, "{}", "Retry-After", "120") }, false,
			2 * time.Minute},
		{"cluster behind", func(s *jamfPro) { s.update = answer(400, `{"errors":[{"field":"definitionId"}]}`) }, false,
			time.Minute},
		{"bad request", func(s *jamfPro) { s.update = answer(400, `{"errors":[{"field":"other"}]}`) }, true, 0},
		{"script attribute", func(s *jamfPro) { s.script = "Usher Entra Device ID" }, true, 0},
		{"computer not enrolled", func(s *jamfPro) { s.absent = true }, false, 10 * time.Minute},
		{"server away", func(s *jamfPro) { s.Close() }, false, 0},
	} {
		t.Run(one.name, func(t *testing.T) {
			server := newJamfPro(t)
			one.spoil(server)
			err := server.deliverer(t, attribute.Report{}).Deliver(t.Context(), delivery.Report{Outcome: "SUCCEEDED"})
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

func TestSummaryHoldsNoIdentity(t *testing.T) {
	identity := wpj.Identity{State: wpj.StateRegistered, DeviceID: "device", UserPrincipalName: "jane@example.com"}
	summary := delivery.Report{UserName: "jane", Outcome: "SUCCEEDED", Identity: &identity}.Summary()
	if summary != "jane: SUCCEEDED, identity REGISTERED" {
		t.Error(summary)
	}
	change := &delivery.DeviceIDChange{Old: "old", New: "new"}
	if summary := (delivery.Report{UserName: "jane", Identity: &identity, DeviceIDChange: change}).Summary(); summary !=
		"jane: identity REGISTERED, another device id" {
		t.Error(summary)
	}
}
