package jamfpro_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher.internal/helper/jamfpro"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	plantedSecret = "planted-s3cret/with+signs"
	plantedToken  = "planted-token-"
	udid          = "0A1B2C3D-0000-4000-8000-00000000BEEF"
)

// server is a Jamf Pro of one computer. A test may replace single answers.
type server struct {
	*httptest.Server
	t *testing.T

	mutex       sync.Mutex
	replaced    map[string][]http.HandlerFunc // by "METHOD path"; used one after another
	seen        []string                      // "METHOD path"
	bodies      map[string][]byte             // last body by "METHOD path"
	queries     []string
	tokens      int
	lifetime    float64
	computers   []map[string]any
	definitions []map[string]any
	opened      atomic.Int32
	closed      chan struct{}
	log         bytes.Buffer
}

const (
	tokenCall   = "POST /api/v1/oauth/token"
	findCall    = "GET /api/v4/computers-inventory"
	patchCall   = "PATCH /api/v4/computers-inventory-detail/7"
	lookUpCall  = "GET /api/v1/computer-extension-attributes"
	versionCall = "GET /api/v1/jamf-pro-version"
	createCall  = "POST /api/v1/computer-extension-attributes"
)

func newServer(t *testing.T) *server {
	s := &server{t: t, replaced: map[string][]http.HandlerFunc{}, bodies: map[string][]byte{}, lifetime: 1200,
		closed: make(chan struct{}, 100)}
	s.computers = []map[string]any{computer("7", udid, "C02SERIAL", "2026-11-20T08:00:00.123Z")}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.opened.Add(1)
		case http.StateClosed:
			s.closed <- struct{}{}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func computer(id, udid, serial, contact string) map[string]any {
	return map[string]any{"id": id, "udid": udid, "general": map[string]any{"name": "Mac", "lastContact": contact},
		"hardware": map[string]any{"serialNumber": serial}}
}

func textAttribute(id, name, section string) map[string]any {
	return map[string]any{"id": id, "name": name, "dataType": "STRING", "inputType": "TEXT",
		"inventoryDisplayType": section}
}

// replace sets the answers of the next calls, one each.
func (s *server) replace(call string, answers ...http.HandlerFunc) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.replaced[call] = append(s.replaced[call], answers...)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + r.URL.Path
	body, _ := io.ReadAll(r.Body)
	s.mutex.Lock()
	if call != versionCall { // it comes with every token
		s.seen, s.queries = append(s.seen, call), append(s.queries, r.URL.RawQuery)
	}
	s.bodies[call] = body
	if answers := s.replaced[call]; len(answers) > 0 {
		s.replaced[call] = answers[1:]
		s.mutex.Unlock()
		answers[0](w, r)
		return
	}
	defer s.mutex.Unlock()
	if call == tokenCall || call == "POST /api/oauth/token" {
		s.tokens++
		answer(w, 200, map[string]any{"access_token": fmt.Sprint(plantedToken, s.tokens), "token_type": "Bearer",
			"expires_in": s.lifetime})
		return
	}
	if r.Header.Get("Authorization") != fmt.Sprint("Bearer ", plantedToken, s.tokens) {
		jamfError(401, "INVALID_TOKEN", "", "Unauthorized")(w, r)
		return
	}
	switch {
	case call == findCall:
		answer(w, 200, map[string]any{"totalCount": len(s.computers), "results": s.computers})
	case call == lookUpCall:
		answer(w, 200, map[string]any{"totalCount": len(s.definitions), "results": s.definitions})
	case call == createCall:
		var wanted map[string]any
		if err := json.Unmarshal(body, &wanted); err != nil {
			s.t.Error(err)
		}
		wanted["id"] = fmt.Sprint(100 + len(s.definitions))
		s.definitions = append(s.definitions, wanted)
		answer(w, 201, map[string]any{"id": wanted["id"], "href": "somewhere"})
	case call == patchCall:
		w.WriteHeader(204)
	case call == versionCall:
		answer(w, 200, map[string]any{"version": "11.30.1-t1783900000000"})
	default:
		jamfError(404, "INVALID_ID", "id", "not found")(w, r)
	}
}

// calls returns the calls since it was last called.
func (s *server) calls() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func jamfError(status int, code, field, description string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		answer(w, status, map[string]any{"httpStatus": status,
			"errors": []any{map[string]any{"code": code, "field": field, "description": description, "id": "0"}}})
	}
}

func html(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><body>Welcome to the hotel</body></html>")
	}
}

func secretFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// client returns a client of the server. The test fails if the log shows a secret.
func (s *server) client(change func(*jamfpro.Config)) *jamfpro.Client {
	s.t.Helper()
	config := jamfpro.Config{
		URL: s.URL, ClientID: "planted-client", ClientSecretFile: secretFile(s.t, plantedSecret+"\n", 0o600),
		Logger: slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&config)
	}
	client, err := jamfpro.New(config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { mustNotShow(s.t, s.log.String()) })
	return client
}

func mustNotShow(t *testing.T, text string) {
	t.Helper()
	for _, hidden := range []string{plantedSecret, "s3cret", plantedToken, "jane@example.com", udid, "planted-client"} {
		if strings.Contains(text, hidden) {
			t.Errorf("%q is shown in: %s", hidden, text)
		}
	}
}

var this = jamfpro.Selector{UDID: udid}

func attributes(names ...string) []jamfpro.Attribute {
	var all []jamfpro.Attribute
	for _, name := range names {
		all = append(all, jamfpro.Attribute{
			Definition: jamfpro.Definition{Name: name, DataType: "STRING", Description: "about " + name},
			Value:      "jane@example.com"})
	}
	return all
}

func parseTime(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
