package jamfpro_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/helper/jamfpro"
)

func TestURLIsValidated(t *testing.T) {
	for text, good := range map[string]bool{
		"https://example.jamfcloud.com":        true,
		"https://example.com:8443/jamf/":       true,
		"http://127.0.0.1:8080":                true,
		"http://[::1]:8080":                    true,
		"http://localhost":                     true,
		"http://example.com":                   false,
		"http://127.0.0.1.example.com":         false,
		"https://user:hunter2@example.com":     false,
		"https://example.com/?token=hunter2":   false,
		"https://":                             false,
		"ftp://example.com":                    false,
		"":                                     false,
		"https://example.com:bad hunter2 port": false,
	} {
		_, err := jamfpro.New(jamfpro.Config{URL: text, ClientID: "x", ClientSecretFile: "/x"})
		if (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: shown in %v", text, err)
		}
	}
}

func TestTokenIsUsedUntilShortlyBeforeItsEnd(t *testing.T) {
	now := parseTime(t, "2026-11-23T10:00:00Z")
	server := newServer(t)
	server.lifetime = 60
	client := server.client(func(c *jamfpro.Config) { c.Now = func() time.Time { return now } })
	find := func() {
		t.Helper()
		if _, err := client.FindComputer(t.Context(), this); err != nil {
			t.Fatal(err)
		}
	}
	find()
	now = now.Add(40 * time.Second)
	find()
	if server.tokens != 1 {
		t.Errorf("after 40 s of 60 s: %d tokens", server.tokens)
	}
	now = now.Add(10 * time.Second)
	find()
	if server.tokens != 2 {
		t.Errorf("after 50 s of 60 s: %d tokens", server.tokens)
	}
}

func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	unauthorized := jamfError(401, "INVALID_TOKEN", "", "Unauthorized")
	server := newServer(t)
	server.replace(findCall, unauthorized)
	client := server.client(nil)
	if _, err := client.FindComputer(t.Context(), this); err != nil {
		t.Fatal(err)
	}
	if calls := server.calls(); !slices.Equal(calls, []string{tokenCall, findCall, tokenCall, findCall}) {
		t.Errorf("calls: %v", calls)
	}
	server.replace(findCall, unauthorized, unauthorized)
	_, err := client.FindComputer(t.Context(), this)
	answer, ok := errors.AsType[*jamfpro.APIError](err)
	// usher tries again when a server refuses a token that it has just given: it is one of a cluster, or restarts.
	if !ok || answer.Status != 401 || answer.Permanent() {
		t.Errorf("got %v", err)
	}
	if calls := server.calls(); !slices.Equal(calls, []string{findCall, tokenCall, findCall}) {
		t.Errorf("calls: %v", calls)
	}
}

func TestSecretIsReadForEachToken(t *testing.T) {
	path := secretFile(t, "first", 0o400)
	server := newServer(t)
	server.lifetime = 0
	client := server.client(func(c *jamfpro.Config) { c.ClientSecretFile = path })
	for _, secret := range []string{"first", "second"} {
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := client.FindComputer(t.Context(), this); err != nil {
			t.Fatal(err)
		}
		form, err := url.ParseQuery(string(server.bodies[tokenCall]))
		want := url.Values{"grant_type": {"client_credentials"}, "client_id": {"planted-client"},
			"client_secret": {secret}}
		if err != nil || !reflect.DeepEqual(form, want) {
			t.Errorf("asked for a token with %v, %v", form, err)
		}
	}
}

func TestOlderServersTokenPath(t *testing.T) {
	server := newServer(t)
	server.replace(tokenCall, html(404))
	if _, err := server.client(nil).FindComputer(t.Context(), this); err != nil {
		t.Fatal(err)
	}
	if calls := server.calls(); !slices.Equal(calls, []string{tokenCall, "POST /api/oauth/token", findCall}) {
		t.Errorf("calls: %v", calls)
	}
}

func TestSecretFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	foreign := secretFile(t, "x", 0o600)
	if err := os.Chown(foreign, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct{ name, path, says string }{
		{"missing", "/nonexistent/secret", "no such file"},
		{"readable by the group", secretFile(t, plantedSecret, 0o640), "chmod 600"},
		{"readable by all", secretFile(t, plantedSecret, 0o604), "mode is 0604"},
		{"somebody else's", foreign, "belongs to uid 65534"},
		{"directory", t.TempDir(), "not a regular file"},
		{"named pipe", fifo, "not a regular file"},
		{"empty", secretFile(t, " \n", 0o600), "empty"},
		{"too large", secretFile(t, strings.Repeat("x", 5000), 0o600), "larger than 4096"},
	} {
		_, err := jamfpro.ReadClientSecret(one.path)
		if !errors.Is(err, jamfpro.ErrSecretFile) || !strings.Contains(err.Error(), one.says) ||
			!strings.Contains(err.Error(), one.path) {
			t.Errorf("%s: %v", one.name, err)
		}
		if err != nil {
			mustNotShow(t, err.Error())
		}
	}
}

func TestSecretRedactsItself(t *testing.T) {
	secret, err := jamfpro.ReadClientSecret(secretFile(t, plantedSecret, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	type outer struct {
		Shown  jamfpro.ClientSecret
		hidden jamfpro.ClientSecret
	}
	value := outer{secret, secret}
	var text strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&text, verb+" "+verb+" "+verb+"\n", secret, value, &value)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	text.Write(encoded)
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "secret", secret, "outer", value)
	slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "secret", secret, "outer", value)
	mustNotShow(t, text.String())
	if !strings.Contains(text.String(), "[redacted]") ||
		strings.Contains(text.String(), fmt.Sprintf("%x", plantedSecret)) {
		t.Error(text.String())
	}
	_ = value.hidden
}

func TestFindComputer(t *testing.T) {
	const other = "FFFFFFFF-0000-4000-8000-00000000BEEF"
	for _, one := range []struct {
		name      string
		computers []map[string]any
		which     jamfpro.Selector
		want      string
	}{
		{"one", []map[string]any{computer("7", udid, "S", "2026-11-20T08:00:00Z")}, this, "7"},
		{"other case", []map[string]any{computer("7", strings.ToLower(udid), "S", "")}, this, "7"},
		{"latest contact of several",
			[]map[string]any{computer("7", udid, "S", "2026-11-20T08:00:00Z"),
				computer("8", udid, "S", "2026-11-22T08:00:00.5Z"), computer("9", udid, "S", "")}, this, "8"},
		{"filter that was ignored", []map[string]any{computer("6", other, "S", "2026-11-22T08:00:00Z"),
			computer("7", udid, "S", "")}, this, "7"},
		{"none", nil, this, ""},
		{"only others", []map[string]any{computer("6", other, "S", "")}, this, ""},
		{"by serial number after a new logic board", []map[string]any{computer("6", other, "C02", "")},
			jamfpro.Selector{UDID: udid, SerialNumber: "C02"}, "6"},
		{"serial number of another", []map[string]any{computer("6", other, "C03", "")},
			jamfpro.Selector{UDID: udid, SerialNumber: "C02"}, ""},
	} {
		t.Run(one.name, func(t *testing.T) {
			server := newServer(t)
			server.computers = one.computers
			found, err := server.client(nil).FindComputer(t.Context(), one.which)
			if found.ID != one.want || (err != nil) != (one.want == "") ||
				err != nil && !errors.Is(err, jamfpro.ErrComputerNotFound) {
				t.Errorf("got %+v, %v", found, err)
			}
			if several := strings.Contains(server.log.String(), "several records"); several !=
				(one.name == "latest contact of several") {
				t.Errorf("log: %s", server.log.String())
			}
		})
	}
}

// An ID from a lying Jamf Pro is put into no path.
func TestComputerIDIsANumber(t *testing.T) {
	for _, id := range []any{"../../v1/users", "", "-1", "0", "07", "1e3", "0x7", " 7", "7 ", "7/../8", "7?x=1",
		"7%2F8", "٧", "1" + strings.Repeat("0", 30), "99999999999", "seven\x1b[2J", 7, nil, true} {
		server := newServer(t)
		server.computers = []map[string]any{computer("", udid, "C02", "")}
		server.computers[0]["id"] = id
		client := server.client(nil)
		found, err := client.FindComputer(t.Context(), this)
		if _, is := id.(string); found.ID != "" || err == nil || errors.Is(err, jamfpro.ErrComputerNotFound) ||
			is && !errors.Is(err, jamfpro.ErrNotAnID) {
			t.Errorf("%q: %+v, %v", id, found, err)
		}
		if err := client.SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err == nil ||
			strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%q was written to: %v", id, err)
		}
		if _, err := client.Compliance(t.Context(), this); err == nil {
			t.Errorf("%q was asked about", id)
		}
		for _, call := range server.calls() {
			if call != tokenCall && call != findCall && call != lookUpCall && call != createCall {
				t.Errorf("%q: called %s", id, call)
			}
		}
	}
}

func TestFilterIsQuoted(t *testing.T) {
	server := newServer(t)
	_, _ = server.client(nil).FindComputer(t.Context(), jamfpro.Selector{UDID: `a"b\c,d`})
	query, err := url.ParseQuery(server.queries[1])
	want := url.Values{"section": {"GENERAL", "HARDWARE"}, "filter": {`udid=="a\"b\\c,d"`}, "page": {"0"},
		"page-size": {"50"}}
	if err != nil || !reflect.DeepEqual(query, want) {
		t.Errorf("query %v, %v", query, err)
	}
}

func TestOneConnectionServesADeliveryAndIsClosedAfterIt(t *testing.T) {
	server := newServer(t)
	server.definitions = []map[string]any{textAttribute("1", "Usher A", "GENERAL")}
	if err := server.client(nil).SetExtensionAttributes(t.Context(), this, attributes("Usher A")); err != nil {
		t.Fatal(err)
	}
	<-server.closed
	if opened := server.opened.Load(); opened != 1 {
		t.Errorf("%d connections", opened)
	}
}

// The proxy is looked up at each call, so that a change needs no new client.
func TestCallsGoThroughTheProxyOfTheirTime(t *testing.T) {
	server := newServer(t)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	asked := []string{}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.Transport = &http.Transport{DisableKeepAlives: true}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Host)
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	through, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	var use *url.URL
	client := server.client(func(
		c *jamfpro.Config) {
		c.Proxy = func(*http.Request) (*url.URL, error) { return use, nil }
	})
	if _, err := client.FindComputer(t.Context(), this); err != nil || len(asked) != 0 {
		t.Errorf("directly: %d calls of the proxy, %v", len(asked), err)
	}
	use = through
	if _, err := client.FindComputer(t.Context(), this); err != nil || len(asked) == 0 || asked[0] != target.Host {
		t.Errorf("through the proxy: %q, %v", asked, err)
	}
	use = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	if _, err := client.FindComputer(t.Context(), this); !errors.Is(err, jamfpro.ErrUnreachable) {
		t.Errorf("a proxy that is not there: %v", err)
	}
}
