package jamfpro_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"usher.internal/helper/jamfpro"
)

// The table of classification, over real connections: the meaning of each answer to each kind of call.
func TestAnswersAreClassified(t *testing.T) {
	in90s := func(w http.ResponseWriter, status int) {
		w.Header().Set("Retry-After", "90")
		jamfError(status, "", "", "")(w, nil)
	}
	cases := []struct {
		name      string
		call      string
		answer    http.HandlerFunc
		permanent bool
		says      []string
	}{
		{"bad client", tokenCall, jsonAnswer(401, `{"error":"invalid_client"}`), true,
			[]string{"get an access token", "401 Unauthorized", "invalid_client", "delivery.api.client_secret_file"}},
		{"bad client as 400", tokenCall,
			jsonAnswer(400, `{"error":"invalid_client","error_description":"Client authentication failed"}`), true,
			[]string{"invalid_client: Client authentication failed", "delivery.api.client_secret_file"}},
		{"no privilege to read", findCall, jamfError(403, "INVALID_PRIVILEGE", "", "Forbidden"), true,
			[]string{"403 Forbidden", "INVALID_PRIVILEGE", `"Read Computers"`}},
		{"no privilege to update", patchCall, jamfError(403, "INVALID_PRIVILEGE", "", "Forbidden"), true,
			[]string{`"Update Computers"`}},
		{"no privilege for attributes", lookUpCall, jamfError(403, "INVALID_PRIVILEGE", "", ""), true,
			[]string{`"Read Computer Extension Attributes"`}},
		{"bad request", patchCall, jamfError(400, "INVALID_FIELD", "general.x", "no such field"), true,
			[]string{"400 Bad Request", "INVALID_FIELD", "no such field", "general.x"}},
		{"call unknown to the server", findCall, jamfError(404, "NOT_FOUND", "", ""), true,
			[]string{"404 Not Found", "too old"}},
		{"other client error", findCall, jamfError(415, "", "", ""), true, []string{"415"}},
		{"too many requests", findCall, func(w http.ResponseWriter, _ *http.Request) { in90s(w, 429) }, false,
			[]string{"429 Too Many Requests"}},
		{"conflict", patchCall, jamfError(409, "", "", ""), false, []string{"409"}},
		{"internal error", findCall, jamfError(500, "", "", ""), false, []string{"500"}},
		{"bad gateway in HTML", findCall, html(502), false,
			[]string{"502", "answered in HTML: maintenance page or captive portal?"}},
		{"maintenance in HTML", tokenCall, html(503), false,
			[]string{"503", "answered in HTML: maintenance page or captive portal?"}},
		{"maintenance in JSON", findCall, func(w http.ResponseWriter, _ *http.Request) { in90s(w, 503) }, false,
			[]string{"503"}},
		{"captive portal with 200", findCall, html(200), false,
			[]string{"200 OK", "answered in HTML: maintenance page or captive portal?"}},
		{"captive portal to the token call", tokenCall, html(200), false,
			[]string{"answered in HTML: maintenance page or captive portal?"}},
		{"captive portal to the update", patchCall, html(200), false,
			[]string{"answered in HTML: maintenance page or captive portal?"}},
		{"captive portal with 403", findCall, html(403), false,
			[]string{"answered in HTML: maintenance page or captive portal?"}},
		{"redirect", findCall, redirect("https://portal.example/login?x=1"), false,
			[]string{"302 Found", "portal.example", "captive portal"}},
		{"redirect without a body", patchCall, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://portal.example/")
			w.WriteHeader(307)
		}, false, []string{"307", "portal.example"}},
		{"malformed JSON", findCall, jsonAnswer(200, `{"results": [`), false, []string{"malformed JSON"}},
		{"empty answer", findCall, func(http.ResponseWriter, *http.Request) {}, false, []string{"200 OK"}},
		{"token without a token", tokenCall, jsonAnswer(200, `{"token_type":"Bearer"}`), false,
			[]string{"without a usable bearer token"}},
		{"token that breaks a header", tokenCall, jsonAnswer(200, `{"access_token":"a\r\nb"}`), false,
			[]string{"without a usable bearer token"}},
		{"endless answer", findCall, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.Copy(w, io.LimitReader(endless{}, 3<<20))
		}, false, []string{"more than 1048576 bytes"}},
		{"reset connection", patchCall, reset, false, []string{"no answer"}},
		{"connection ends within the answer", findCall, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "{")
		}, false, []string{"read the answer"}},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			server := newServer(t)
			server.definitions = []map[string]any{textAttribute("1", "Usher A", "GENERAL")}
			server.replace(one.call, one.answer)
			err := server.client(nil).SetExtensionAttributes(t.Context(), this, attributes("Usher A"))
			answer, ok := errors.AsType[*jamfpro.APIError](err)
			if !ok {
				t.Fatalf("got %v, want an APIError", err)
			}
			if answer.Permanent() != one.permanent {
				t.Errorf("permanent = %v: %v", answer.Permanent(), err)
			}
			for _, part := range append(one.says, answer.Method+" "+answer.Path) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			mustNotShow(t, err.Error())
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func jsonAnswer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

func reset(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_ = connection.(*net.TCPConn).SetLinger(0)
	_ = connection.Close()
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := parseTime(t, "2026-11-23T10:00:00Z")
	for header, want := range map[string]time.Duration{
		"90":                            90 * time.Second,
		"Mon, 23 Nov 2026 10:05:00 GMT": 5 * time.Minute,
		"Mon, 23 Nov 2026 09:00:00 GMT": 0,
		"999999":                        time.Hour,
		"Tue, 24 Nov 2026 10:05:00 GMT": time.Hour,
		"0":                             0,
		"":                              0,
		// A value without meaning is the longest pause.
		"-5":                               time.Hour,
		"soon":                             time.Hour,
		"1.5":                              time.Hour,
		"1e30":                             time.Hour,
		"2147483648":                       time.Hour,
		"9223372036854775808":              time.Hour,
		"-9223372036854775809":             time.Hour,
		"1" + strings.Repeat("0", 30):      time.Hour,
		"Fri, 31 Dec 9999 23:59:59 GMT":    time.Hour,
		"Sun, 01 Jan 10000 00:00:00 GMT":   time.Hour,
		"Thu, 01 Jan 1970 00:00:00 GMT":    time.Hour,
		"Mon, 01 Jan 0001 00:00:00 GMT":    time.Hour,
		"Sunday, 06-Nov-94 08:49:37 GMT":   time.Hour,
		"Wed, 32 Nov 2026 10:00:00 GMT":    time.Hour,
		"Mon, 23 Nov 2026 10:05:00 +02:00": time.Hour,
	} {
		t.Run(header, func(t *testing.T) {
			server := newServer(t)
			server.replace(findCall, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", header)
				jamfError(429, "", "", "")(w, r)
			})
			client := server.client(func(c *jamfpro.Config) { c.Now = func() time.Time { return now } })
			_, err := client.FindComputer(t.Context(), this)
			answer, ok := errors.AsType[*jamfpro.APIError](err)
			if !ok || answer.RetryAfter != want {
				t.Errorf("got %v of %v, want %v", answer.RetryAfter, err, want)
			}
		})
	}
}

func TestServerThatIsAway(t *testing.T) {
	server := newServer(t)
	client := server.client(nil)
	server.Close()
	_, err := client.FindComputer(t.Context(), this)
	answer, ok := errors.AsType[*jamfpro.APIError](err)
	if !ok || answer.Permanent() || answer.Status != 0 || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestSlowServerIsNotWaitedForLongerThanTheTimeout(t *testing.T) {
	server := newServer(t)
	server.replace(findCall, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	client := server.client(func(c *jamfpro.Config) { c.CallTimeout = 50 * time.Millisecond })
	_, err := client.FindComputer(t.Context(), this)
	answer, ok := errors.AsType[*jamfpro.APIError](err)
	if !ok || answer.Permanent() || !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("got %v", err)
	}
	// The abandoned connection does not block the next call.
	if _, err := server.client(nil).FindComputer(t.Context(), this); err != nil {
		t.Error(err)
	}
}

func TestCallerWhoGivesUpIsNotHeld(t *testing.T) {
	server := newServer(t)
	reached, hold := make(chan struct{}), make(chan struct{})
	server.replace(findCall, func(http.ResponseWriter, *http.Request) { close(reached); <-hold })
	client := server.client(nil)
	first := make(chan error, 1)
	go func() { _, err := client.FindComputer(t.Context(), this); first <- err }()
	<-reached
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.FindComputer(ctx, this); !errors.Is(err, context.Canceled) {
		t.Errorf("a second caller got %v while the first was under way", err)
	}
	close(hold)
	<-first
}

func TestUnknownCertificateIsTransient(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	client, err := jamfpro.New(jamfpro.Config{URL: server.URL, ClientID: "x",
		ClientSecretFile: secretFile(t, "x", 0o400)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.FindComputer(t.Context(), this)
	answer, ok := errors.AsType[*jamfpro.APIError](err)
	if !ok || answer.Permanent() || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

// A server that echoes a request must not bring secrets or personal data into an error.
func TestWhatTheServerEchoesIsRedacted(t *testing.T) {
	for _, call := range []string{tokenCall, findCall, lookUpCall, createCall, patchCall} {
		for _, status := range []int{400, 403, 500} {
			server := newServer(t)
			server.replace(call, func(w http.ResponseWriter, r *http.Request) {
				server.mutex.Lock()
				defer server.mutex.Unlock()
				echo := plantedSecret + " " + r.Header.Get("Authorization") + " " + string(server.bodies[call]) + " " +
					r.URL.RawQuery
				jamfError(status, echo, echo, echo)(w, r)
			})
			err := server.client(nil).SetExtensionAttributes(t.Context(), this, attributes("Usher A"))
			if err == nil {
				t.Fatalf("%s with %d: no error", call, status)
			}
			// In the other calls the client does not hold the secret, and nobody else could have sent it.
			if call != tokenCall {
				err = errors.New(strings.ReplaceAll(err.Error(), plantedSecret, ""))
			}
			mustNotShow(t, err.Error())
		}
	}
}
