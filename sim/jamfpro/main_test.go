package jamfpro_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"usher.internal/sim/jamfpro"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	udid   = "4C4C4544-0042-3510-8052-B4C04F4E5032"
	serial = "C02XK1ZZJGH5"
	name   = "Jane’s MacBook Pro"

	listPath        = "/api/v4/computers-inventory"
	detailPath      = "/api/v4/computers-inventory-detail/"
	definitionsPath = "/api/v1/computer-extension-attributes"
	versionPath     = "/api/v1/jamf-pro-version"
	tokenPath       = "/api/v1/oauth/token"
)

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(duration time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(duration)
}

// api is a running server with one computer, and a client of it.
type api struct {
	*jamfpro.Server
	t        *testing.T
	clock    *clock
	computer string // its id
	url      string
	client   *http.Client
	token    string
}

func start(t *testing.T, options jamfpro.Options) *api {
	t.Helper()
	a := &api{t: t, clock: newClock()}
	if options.Now == nil {
		options.Now = a.clock.Now
	}
	if options.Computers == nil {
		options.Computers = []jamfpro.Computer{{UDID: udid, SerialNumber: serial, Name: name}}
	}
	var err error
	if a.Server, err = jamfpro.New(options); err != nil {
		t.Fatal(err)
	}
	if found, ok := a.Computer(udid); ok {
		a.computer = found.ID
	}
	served := httptest.NewServer(a.Server)
	a.url = served.URL
	transport := &http.Transport{}
	a.client = &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		a.Close()
		transport.CloseIdleConnections()
		served.Close()
	})
	return a
}

// signedIn is start with a token.
func signedIn(t *testing.T, options jamfpro.Options) *api {
	t.Helper()
	a := start(t, options)
	a.signIn()
	return a
}

// answer is the server's answer.
type answer struct {
	status int
	header http.Header
	body   string
}

// code returns the code and the field of the first error.
func (a answer) code(t *testing.T) (code, field string) {
	t.Helper()
	var said struct {
		HTTPStatus int `json:"httpStatus"`
		Errors     []struct{ Code, Field, Description, ID string }
	}
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || len(said.Errors) == 0 {
		t.Fatalf("%d %s is not an ApiError: %v", a.status, a.body, err)
	}
	if said.HTTPStatus != a.status || said.Errors[0].Description == "" || said.Errors[0].ID == "" {
		t.Errorf("%d %s is not a complete ApiError", a.status, a.body)
	}
	return said.Errors[0].Code, said.Errors[0].Field
}

// send makes a call with the token, if there is one.
func (a *api) send(method, path, contentType, body string) (answer, error) {
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(content)}, err
}

// call makes a call that must be answered; body is JSON, if any.
func (a *api) call(method, path, body string) answer {
	a.t.Helper()
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	got, err := a.send(method, path, contentType, body)
	if err != nil {
		a.t.Fatal(err)
	}
	return got
}

// want makes a call and wants that status.
func (a *api) want(status int, method, path, body string) answer {
	a.t.Helper()
	got := a.call(method, path, body)
	if got.status != status {
		a.t.Fatalf("%s %s %s: %d %s, want status %d", method, path, body, got.status, got.body, status)
	}
	return got
}

// refused makes a call and wants that error.
func (a *api) refused(status int, code, field, method, path, body string) {
	a.t.Helper()
	gotCode, gotField := a.want(status, method, path, body).code(a.t)
	if gotCode != code || gotField != field {
		a.t.Errorf("%s %s %s: code %s, field %q; want %s, %q", method, path, body, gotCode, gotField, code, field)
	}
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return value
}

func credentials(id, secret string) string {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}.Encode()
}

func (a *api) getToken(id, secret string) answer {
	a.t.Helper()
	got, err := a.send(http.MethodPost, tokenPath, "application/x-www-form-urlencoded", credentials(id, secret))
	if err != nil {
		a.t.Fatal(err)
	}
	return got
}

// signIn gets a token as the default client.
func (a *api) signIn() {
	a.t.Helper()
	got := a.getToken(jamfpro.DefaultClientID, jamfpro.DefaultClientSecret)
	if got.status != http.StatusOK {
		a.t.Fatalf("get a token: %d %s", got.status, got.body)
	}
	a.token = decode[struct {
		AccessToken string `json:"access_token"`
	}](a.t, got.body).AccessToken
}

// define adds an extension attribute and returns its id.
func (a *api) define(definition jamfpro.Definition) string {
	a.t.Helper()
	added, err := a.AddDefinition(definition)
	if err != nil {
		a.t.Fatal(err)
	}
	return added.ID
}

// value returns Jamf Pro's value.
func (a *api) value(attribute string) string {
	a.t.Helper()
	found, ok := a.Computer(udid)
	if !ok {
		a.t.Fatal("the computer is not there")
	}
	return found.Value(attribute)
}
