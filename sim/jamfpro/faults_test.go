package jamfpro_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher.internal/sim/jamfpro"
)

func (a *api) fault(fault jamfpro.Fault) {
	a.t.Helper()
	if err := a.AddFault(fault); err != nil {
		a.t.Fatal(err)
	}
}

func TestStatusFaults(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	for _, one := range []struct {
		fault      jamfpro.Fault
		retryAfter string
	}{
		{jamfpro.Fault{Status: 429, RetryAfter: 30 * time.Second}, "30"},
		{jamfpro.Fault{Status: 429, RetryAfter: 90 * time.Second, RetryAfterAsDate: true},
			"Mon, 23 Nov 2026 12:01:30 GMT"},
		{jamfpro.Fault{Status: 503}, ""},
		{jamfpro.Fault{Status: 503, RetryAfter: time.Second}, "1"},
		{jamfpro.Fault{Status: 500}, ""},
		{jamfpro.Fault{Status: 401}, ""},
	} {
		one.fault.Kind, one.fault.Count = jamfpro.FaultStatus, 1
		a.fault(one.fault)
		got := a.want(one.fault.Status, "GET", versionPath, "")
		if got.header.Get("Retry-After") != one.retryAfter {
			t.Errorf("%+v: Retry-After %q", one.fault, got.header.Get("Retry-After"))
		}
		if code, _ := got.code(t); code != "SIMULATED_FAULT" {
			t.Errorf("code %s", code)
		}
		a.want(200, "GET", versionPath, "")
	}
}

func TestFaultsMatchMethodAndPathForACount(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	a.fault(jamfpro.Fault{Kind: jamfpro.FaultStatus, Status: 500, Method: "PATCH", Count: 2})
	a.fault(jamfpro.Fault{Kind: jamfpro.FaultStatus, Status: 503, PathPrefix: "/api/v4/"})
	a.want(200, "GET", versionPath, "")
	a.want(503, "GET", listPath, "")
	a.want(500, "PATCH", detailPath+a.computer, "{}")
	if left := a.Faults(); len(left) != 2 || left[0].Count != 1 || left[1].Count != 0 {
		t.Errorf("left are %+v", left)
	}
	a.want(500, "PATCH", detailPath+a.computer, "{}")
	a.want(503, "PATCH", detailPath+a.computer, "{}") // the second one continues
	a.ClearFaults()
	a.want(204, "PATCH", detailPath+a.computer, "{}")
}

func TestTokenIsRevokedMidFlight(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	a.fault(jamfpro.Fault{Kind: jamfpro.FaultRevokeToken, PathPrefix: detailPath, Count: 1})
	a.want(200, "GET", versionPath, "")
	a.refused(401, "INVALID_TOKEN", "token", "PATCH", detailPath+a.computer, "{}")
	a.refused(401, "INVALID_TOKEN", "token", "PATCH", detailPath+a.computer, "{}")
	a.signIn()
	a.want(204, "PATCH", detailPath+a.computer, "{}")
}

func TestReset(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	update := `{"general": {"name": "Changed"}}`
	for kind, name := range map[jamfpro.FaultKind]string{jamfpro.FaultReset: name, jamfpro.FaultLostAnswer: "Changed"} {
		a.fault(jamfpro.Fault{Kind: kind, Method: "PATCH", Count: 1})
		_, err := a.send("PATCH", detailPath+a.computer, "application/json", update)
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v", kind, err)
		}
		if now, _ := a.Computer(udid); now.Name != name {
			t.Errorf("%s: the name is %q, want %q", kind, now.Name, name)
		}
		a.want(204, "PATCH", detailPath+a.computer, `{"general": {"name": "`+"Jane’s MacBook Pro"+`"}}`)
	}
}

func TestPages(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	for _, one := range []struct {
		fault    jamfpro.Fault
		status   int
		location string
	}{
		{jamfpro.Fault{Kind: jamfpro.FaultHTML}, 503, ""},
		{jamfpro.Fault{Kind: jamfpro.FaultHTML, Status: 200}, 200, ""},
		{jamfpro.Fault{Kind: jamfpro.FaultHTML, Status: 403}, 403, ""},
		{jamfpro.Fault{Kind: jamfpro.FaultCaptivePortal}, 302, "http://portal.example.net/login"},
		{jamfpro.Fault{Kind: jamfpro.FaultCaptivePortal, Status: 307}, 307, "http://portal.example.net/login"},
	} {
		one.fault.Count = 1
		a.fault(one.fault)
		got := a.want(one.status, "GET", versionPath, "")
		if got.header.Get("Content-Type") != "text/html; charset=utf-8" ||
			!strings.HasPrefix(got.body, "<!DOCTYPE html>") || got.header.Get("Location") != one.location {
			t.Errorf("%+v: %v %s", one.fault, got.header, got.body)
		}
	}
	a.fault(jamfpro.Fault{Kind: jamfpro.FaultHTML, RetryAfter: time.Minute, Count: 1})
	if got := a.want(503, "GET", versionPath, ""); got.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
}

func TestTruncatedAnswer(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	whole := a.want(200, "GET", versionPath, "").body
	a.fault(jamfpro.Fault{Kind: jamfpro.FaultTruncated, Count: 1})
	got := a.want(200, "GET", versionPath, "")
	if got.body != whole[:len(whole)/2] || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		t.Errorf("got %q of %q", got.body, whole)
	}
}

func TestWrongID(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	for _, id := range []string{"../../v1/users", "", "-1"} {
		a.fault(jamfpro.Fault{Kind: jamfpro.FaultWrongID, ID: id, PathPrefix: listPath, Count: 1})
		var answer struct {
			TotalCount int
			Results    []struct{ ID, UDID string }
		}
		if err := json.Unmarshal([]byte(a.want(200, "GET", listPath, "").body), &answer); err != nil ||
			len(answer.Results) == 0 {
			t.Fatalf("%+v, %v", answer, err)
		}
		if one := answer.Results[0]; one.ID != id || one.UDID == "" || answer.TotalCount == 0 {
			t.Errorf("%q: %+v", id, answer)
		}
	}
}

// A slow request is answered after its delay, and dropped when its client or the server goes away.
func TestSlow(t *testing.T) {
	a := signedIn(t, jamfpro.Options{})
	a.fault(jamfpro.Fault{Kind: jamfpro.FaultSlow, Delay: 50 * time.Millisecond, Count: 1})
	began := time.Now()
	a.want(200, "GET", versionPath, "")
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("took %v", took)
	}

	a.fault(jamfpro.Fault{Kind: jamfpro.FaultSlow, Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", a.url+versionPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.ClearRequests()
	ended := make(chan error, 1)
	go func() {
		response, err := a.client.Do(request)
		if err == nil {
			response.Body.Close()
		}
		ended <- err
	}()
	a.await(func() bool {
		requests := a.Requests()
		return len(requests) == 1 && requests[0].Fault == jamfpro.FaultSlow
	})
	if now := a.Requests()[0]; now.Ended || now.Status != 0 {
		t.Errorf("under way: %+v", now)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the client got %v", err)
	}
	a.await(func() bool { return a.Requests()[0].Ended })

	go func() {
		_, err := a.send("GET", versionPath, "", "")
		ended <- err
	}()
	a.await(func() bool { return len(a.Requests()) == 2 })
	a.Close()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("after the server was closed the client got %v", err)
	}
	if status := a.Requests()[1].Status; status != 0 {
		t.Errorf("status %d", status)
	}
}

func (a *api) await(condition func() bool) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 10*time.Second)
	defer cancel()
	if err := a.Await(ctx, condition); err != nil {
		a.t.Fatalf("await: %v; requests are %+v", err, a.Requests())
	}
}

func TestInvalidFaults(t *testing.T) {
	a := start(t, jamfpro.Options{})
	for _, fault := range []jamfpro.Fault{
		{}, {Kind: "explode"}, {Kind: jamfpro.FaultStatus}, {Kind: jamfpro.FaultStatus, Status: 200},
		{Kind: jamfpro.FaultSlow},
		{Kind: jamfpro.FaultHTML, Status: 204}, {Kind: jamfpro.FaultCaptivePortal, Status: 200},
		{Kind: jamfpro.FaultReset, Count: -1},
		{Kind: jamfpro.FaultReset, ID: "1"},
	} {
		if err := a.AddFault(fault); !errors.Is(err, jamfpro.ErrInvalidFault) {
			t.Errorf("%+v: %v", fault, err)
		}
	}
	if len(a.Faults()) != 0 {
		t.Error("an invalid fault was added")
	}
}
