package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"

	"usher.internal/sim/jamfpro"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs the command. It returns its URL, and a function that ends it and returns its error.
func serve(t *testing.T, arguments ...string) (address string, end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, arguments, write, io.Discard)
		write.CloseWithError(err)
		ended <- err
	}()
	line := make([]byte, 256)
	n, err := read.Read(line)
	if err != nil {
		cancel()
		t.Fatalf("run %q: %v", arguments, err)
	}
	return strings.TrimSpace(string(line[:n])), func() error {
		cancel()
		return <-ended
	}
}

func do(t *testing.T, method, address, contentType, token, body string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func TestServesWhatItIsTold(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state.json")
	arguments := []string{
		"--client-id", "id-1", "--client-secret", "s-1", "--token-lifetime", "90s", "--privilege",
		jamfpro.ReadComputers, "--state", state,
		"--computer", "udid=U-1,serial=S-1,name=Jane’s Mac, the second", "--computer", "udid=U-2",
	}
	address, end := serve(t, arguments...)
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"id-1"}, "client_secret": {"s-1"}}
	status, body := do(t, "POST", address+"/api/v1/oauth/token", "application/x-www-form-urlencoded", "", form.Encode())
	var token struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(body), &token); err != nil || status != 200 || token.ExpiresIn != 90 {
		t.Fatalf("token: %d %s", status, body)
	}
	status, body = do(t, "GET", address+"/api/v4/computers-inventory?section=GENERAL&section=HARDWARE", "",
		token.AccessToken, "")
	for _, part := range []string{`"totalCount":2`, `"udid":"U-1"`, `"serialNumber":"S-1"`,
		`"name":"Jane’s Mac, the second"`} {
		if status != 200 || !strings.Contains(body, part) {
			t.Errorf("%d %s has no %s", status, body, part)
		}
	}
	if status, body = do(t, "GET", address+"/api/v1/computer-extension-attributes", "", token.AccessToken,
		""); status != 403 {
		t.Errorf("without the privilege: %d %s", status, body)
	}
	if status, body = do(t, "POST", address+"/sim/inventory", "application/json", "",
		`{"udid": "U-2", "name": "Renamed", "extension_attributes": []}`); status != 200 {
		t.Errorf("inventory: %d %s", status, body)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	address, end = serve(t, arguments...)
	if _, body = do(t, "GET", address+"/sim/computers", "", "", ""); !strings.Contains(body, "Renamed") {
		t.Errorf("after a restart: %s", body)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

// A request that a fault delays does not delay the end.
func TestEndsWhileARequestIsHeldBack(t *testing.T) {
	address, end := serve(t)
	do(t, "POST", address+"/sim/faults", "application/json", "", `{"kind": "slow", "delay": "1h"}`)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answered := make(chan error, 1)
	go func() {
		response, err := client.Get(address + "/api/v1/jamf-pro-version")
		if err == nil {
			response.Body.Close()
		}
		answered <- err
	}()
	if _, underWay := do(t, "GET", address+"/sim/requests?await=1", "", "", ""); !strings.Contains(underWay,
		`"ended":false`) {
		t.Fatalf("requests are %s", underWay)
	}
	began := time.Now()
	if err := end(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(began); took > stopWithin {
		t.Errorf("the end took %v", took)
	}
	if err := <-answered; err == nil {
		t.Error("the request was answered")
	}
}

func TestReadyFile(t *testing.T) {
	directory := t.TempDir()
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	if err := watcher.Add(directory); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "url")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout bytes.Buffer
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"--ready-file", path}, &stdout, io.Discard) }()
	for there := false; !there; {
		select {
		case event := <-watcher.Events:
			there = event.Name == path
		case err := <-ended:
			t.Fatalf("ended with %v before the file was there", err)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(string(content), "\n") {
		t.Fatalf("file %q: %v", content, err)
	}
	if status, body := do(t, "GET", strings.TrimSpace(string(content))+"/sim/computers", "", "", ""); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	cancel()
	if err := <-ended; err != nil || stdout.Len() != 0 {
		t.Errorf("ended with %v, said %q", err, &stdout)
	}
	if files, err := os.ReadDir(directory); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v %v", files, err)
	}

	missing := filepath.Join(directory, "missing", "url")
	if err := run(t.Context(), []string{"--ready-file", missing}, io.Discard, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "write ready file") {
		t.Errorf("into a missing directory: %v", err)
	}
}

func TestWrongArguments(t *testing.T) {
	for _, arguments := range [][]string{
		{"--colour", "red"}, {"serve"}, {"--computer", "serial=S"}, {"--computer", "udid"},
		{"--computer", "colour=red"}, {"--token-lifetime", "long"},
	} {
		var stderr bytes.Buffer
		if err := run(t.Context(), arguments, io.Discard, &stderr); !errors.Is(err, errUsage) || stderr.Len() == 0 {
			t.Errorf("%q: %v, said %q", arguments, err, &stderr)
		}
	}
	if err := run(t.Context(), []string{"--help"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "localhost:0", "127.0.0.1"} {
		if err := run(t.Context(), []string{"--listen", address}, io.Discard, io.Discard); err == nil ||
			!strings.Contains(err.Error(), "listen on") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
