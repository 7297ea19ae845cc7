//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher.internal/sim/jamfpro"
)

// hidden is the text in the place of a planted secret.
const hidden = "hunter2-pasted-secret"

// An ordinary user learns from doctor neither the fault in the configuration nor the rights of the API secret, and
// cannot make root ask Jamf Pro. Nobody at all sees a secret that somebody has pasted into the configuration.
func TestDoctorKeepsFromUsersWhatStatusKeeps(t *testing.T) {
	s := newStory(t, nil)
	var asked atomic.Int32
	jamfPro := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"httpStatus":401,"errors":[]}`)
	}))
	defer jamfPro.Close()
	s.must(s.UseJamfPro(jamfPro.URL, "client", "wrong"))
	s.start()
	jane := s.user("s-jane")
	s.must(s.Set(map[string]any{"delivery.api.client_secret_file": hidden, "delivery.api.client_secret": hidden}))
	s.waitHelperLog("the configuration cannot be used")

	for range 3 {
		result, err := jane.Control(s.ctx, "doctor", "--json")
		s.must(err)
		withheld := 0
		for line := range strings.Lines(result.Stdout) {
			check := decode[struct {
				Data struct{ Name, Result, Evidence, Fix string }
			}](t, line).Data
			switch {
			case check.Evidence == "Only root and admins see this.":
				withheld++
			case check.Name == "configuration", strings.HasPrefix(check.Name, "jamf-pro"), check.Name == "jamf-binary":
				t.Errorf("a user is shown %+v", check)
			}
		}
		for _, text := range []string{hidden, "client_secret", strings.TrimPrefix(jamfPro.URL, "http://"), "401"} {
			// The name of the Mac's directory is a random number.
			if strings.Contains(strings.ReplaceAll(result.Stdout, s.Directory, ""), text) {
				t.Errorf("a user is shown %q:\n%s", text, result.Stdout)
			}
		}
		if withheld == 0 {
			t.Errorf("nothing is hidden from a user:\n%s%s", result.Stdout, result.Stderr)
		}
	}
	if times := asked.Load(); times != 0 {
		t.Errorf("a user had root call Jamf Pro %d times", times)
	}

	// Admins who ask at the same time cause one request; the secret is shown to nobody.
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			result, err := s.Control(s.ctx, "doctor")
			if err != nil || !strings.Contains(result.Stdout, "delivery.api.client_secret_file: (not shown)") ||
				strings.Contains(result.Stdout+result.Stderr, hidden) {
				t.Errorf("root is shown %v\n%s%s", err, result.Stdout, result.Stderr)
			}
		})
	}
	all.Wait()
	if times := asked.Load(); times == 0 {
		t.Error("root's doctor did not ask Jamf Pro")
	}
	for _, arguments := range [][]string{{"status", "--json"}, {"config", "validate"}, {"config", "show"}} {
		result, err := s.Control(s.ctx, arguments...)
		s.must(err)
		if strings.Contains(result.Stdout+result.Stderr, hidden) {
			t.Errorf("%v shows the secret: %s%s", arguments, result.Stdout, result.Stderr)
		}
	}
	if log := s.Helper.Log(); strings.Contains(log, hidden) {
		t.Errorf("usherd's log has the secret:\n%s", log)
	}
	s.must(s.StopHelper())
	s.must(s.Set(map[string]any{"state_directory": s.Directory + "/other"})) // where no last good configuration exists
	if code, log, err := s.RunHelper(s.ctx); err != nil || code != 78 || strings.Contains(log, hidden) {
		t.Errorf("usherd ended with %d, %v: %s", code, err, log)
	}
}

// A user whose result Jamf Pro refused learns that, but not Jamf Pro's words about the API client: the outbox is not
// for users.
func TestUserIsNotToldWhatJamfProSays(t *testing.T) {
	s := newStory(t, map[string]any{"identity.look_automatically": true})
	s.withJamfPro()
	s.must(s.UseJamfPro("http://"+s.jamfPro.address, jamfpro.DefaultClientID, "wrong"))
	s.start()
	jane := s.loggedIn("s-jane")
	const said = "Only root and admins see why"
	result := s.controlAs(jane, 11, "register", "--wait")
	tokens := func() (asked int) {
		for _, one := range s.jamfPro.Requests() {
			if strings.HasSuffix(one.Path, "/oauth/token") {
				asked++
			}
		}
		return asked
	}
	s.controlAs(jane, 0, "status", "--look", "--json")
	before := tokens()
	for range 5 {
		s.controlAs(jane, 0, "status", "--look", "--json")
	}
	if asked := tokens() - before; before == 0 || asked > 0 {
		t.Errorf("looks of a user had root ask for %d tokens, after %d before", asked, before)
	}
	outputs := map[string]string{"register": result.Stdout + result.Stderr}
	id := s.idsOf(jane)[0]
	bundle := filepath.Join(jane.Home, "support.zip")
	s.controlAs(jane, 0, "bundle", "--yes", "--no-redact", "--output", bundle)
	for name, content := range unzipped(t, bundle) {
		outputs["bundle: "+name] = content
	}
	for _, arguments := range [][]string{{"registrations", "show", id, "--json"}, {"registrations", "list", "--json"},
		{"status", "--json"}, {"status"}, {"status", "--look", "--json"}} {
		result, err := jane.Control(s.ctx, arguments...)
		s.must(err)
		outputs[strings.Join(arguments, " ")] = result.Stdout + result.Stderr
	}
	secret := regexp.MustCompile(`401 Unauthorized|invalid_client|access token|client_secret_file`)
	if outputs := s.control(0, "status", "--json").Stdout; !secret.MatchString(outputs) {
		t.Errorf("root's status does not say why Jamf Pro could not be asked: %s", outputs)
	}
	for what := range outputs {
		if strings.HasSuffix(what, "configuration.json") {
			delete(outputs, what) // it has the names of all keys
		}
	}
	for what, text := range outputs {
		if found := secret.FindString(text); found != "" {
			t.Errorf("%s shows Jane %q:\n%s", what, found, text)
		}
	}
	for _, what := range []string{"register", "status", "registrations list --json"} {
		if !strings.Contains(outputs[what], said) {
			t.Errorf("%s does not say that something is left out:\n%s", what, outputs[what])
		}
	}
	if outputs := s.control(0, "registrations", "show", id, "--json").Stdout; !secret.MatchString(outputs) ||
		strings.Contains(outputs, said) {
		t.Errorf("root is shown %s", outputs)
	}
}

// A Jamf Pro that does not answer delays nobody's look.
func TestLookEndsWithoutJamfPro(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("s-jane")
	s.fault(jamfpro.Fault{Kind: jamfpro.FaultSlow, Delay: time.Hour})
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	result, err := jane.Control(ctx, "status", "--look", "--json")
	s.must(err)
	if !strings.Contains(result.Stdout, "Jamf Pro could not be asked. Only root and admins see why.") {
		t.Errorf("%d: %s%s", result.ExitCode, result.Stdout, result.Stderr)
	}
}

// A user's bundle and timeline hold their own registrations and nothing of another user: neither name nor uid nor
// device. This also holds for sentences about the user, for shared logs, and for the user's own logs that name the
// other.
func TestBundleOfAUserHasNothingOfOthers(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane, john := s.loggedIn("s-jane"), s.loggedIn("s-john")
	s.controlAs(john, 0, "register", "--wait")
	s.controlAs(jane, 0, "register", "--wait")
	var deviceID string
	for _, one := range decode[struct {
		Data struct {
			Users []struct {
				User     struct{ Name string }
				Identity struct {
					DeviceID string `json:"device_id"`
				}
			}
		}
	}](t, s.control(0, "status", "--json").Stdout).Data.Users {
		if one.User.Name == john.Name {
			deviceID = one.Identity.DeviceID
		}
	}
	if deviceID == "" {
		t.Fatal("John has no device")
	}
	uid := strconv.FormatUint(uint64(john.UID), 10)
	log := filepath.Join(jane.Home, "Library/Logs/JAMF", "extra.log")
	s.must(os.MkdirAll(filepath.Dir(log), 0o755))
	now := time.Now().UTC().Format("2006-01-02 15:04:05")
	s.must(os.WriteFile(log, fmt.Appendf(nil, "%s a line of hers\n%s hello %s\n%s uid %s\n", now, now, john.Name, now,
		uid), 0o644))
	s.must(os.WriteFile(filepath.Join(filepath.Dir(log), "of-"+john.Name+".log"), []byte(now+" x\n"), 0o644))

	path := filepath.Join(jane.Home, "support.zip")
	s.controlAs(jane, 0, "bundle", "--yes", "--no-redact", "--output", path)
	files := unzipped(t, path)
	for name, content := range files {
		for _, text := range []string{john.Name, deviceID, "uid " + uid, `"uid":` + uid, "=" + uid} {
			if strings.Contains(strings.ToLower(name+"\n"+content), strings.ToLower(text)) {
				t.Errorf("%s shows Jane something of John: %q", name, text)
			}
		}
		if strings.HasPrefix(name, "logs/usher/") {
			t.Errorf("there is %s", name)
		}
	}
	if !strings.Contains(files["registrations.json"], jane.Name) ||
		!json.Valid([]byte(strings.SplitN(files["status.json"], "\n", 2)[0])) {
		t.Errorf("her own is missing: %v", names(files))
	}

	// The timeline has usher's own events without the log of usherd.
	report := decode[timelineShown](t, s.controlAs(jane, 0, "timeline", "--json").Stdout).Data
	if len(report.Attempts) != 1 || report.Attempts[0].User != jane.Name || report.Attempts[0].Registration == "" {
		t.Errorf("her timeline: %+v", report.Attempts)
	}
	ushers := false
	for _, event := range report.Attempts[0].Events {
		ushers = ushers || event.Source == "usher"
	}
	if !ushers {
		t.Error("usher's own events are missing")
	}
}

// usherd's log names users and belongs to root. usherd closes a log that an earlier version made readable for
// everybody.
func TestLogIsClosedToUsers(t *testing.T) {
	s := newStory(t, nil)
	jane := s.user("s-jane")
	folder := filepath.Join(s.Directory, "Logs", "usher")
	log := filepath.Join(folder, "usherd.log")
	s.must(os.MkdirAll(folder, 0o755))
	for _, path := range []string{log, log + ".0.bz2"} {
		s.must(os.WriteFile(path, []byte("agent connected\n"), 0o644))
	}
	read := func() (readable int) {
		for _, path := range []string{folder, log, log + ".0.bz2"} {
			if s.spawn(callerOf(t, jane), jane.Home, "/bin/ls", path).wait() == 0 &&
				s.spawn(callerOf(t, jane), jane.Home, "/usr/bin/head", "-c1", path).wait() == 0 {
				readable++
			}
		}
		return readable
	}
	if read() == 0 {
		t.Fatal("the earlier logs could not be read either")
	}
	helper := s.spawn(root, "/", s.Programs.Helper, "--config", s.ConfigFile(), "--log-file", log)
	s.served(root)
	if readable := read(); readable != 0 {
		t.Errorf("a user reads %d of usherd's logs", readable)
	}
	helper.kill()
}
