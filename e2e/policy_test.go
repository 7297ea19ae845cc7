//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/attribute"
	"usher.internal/sim/mac"
)

// registerScript is the script of the policy from the docs for admins: $3 is the user, $4 and $5 belong to the policy.
const registerScript = `#!/bin/sh
exec "$4" --config "$5" register --user "$3" --wait
`

// script writes a script into the directory of the jamf binary and returns its path.
func (s *story) script(name, content string) string {
	s.t.Helper()
	path := filepath.Join(filepath.Dir(s.JamfBinary()), name)
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.must(os.WriteFile(path, []byte(content), 0o644))
	return path
}

// jamfSettings is the configuration of a jamf binary with usher's extension attributes and one policy.
func (s *story) jamfSettings(policyScript string, more map[string]any) map[string]any {
	s.t.Helper()
	for _, one := range attribute.Table() {
		s.script(filepath.Join("attributes", one.Name+".sh"),
			fmt.Sprintf("#!/bin/sh\nexec '%s' --config '%s' ea %s\n", s.Programs.Control, s.ConfigFile(), one.Key))
	}
	settings := map[string]any{
		"server":                         "http://" + s.jamfPro.address,
		"udid":                           mac.UDID,
		"computer_name":                  mac.ComputerName,
		"log_file":                       s.jamfLog(),
		"extension_attributes_directory": "attributes",
		"policies": []map[string]any{{
			"id": 7, "name": "Register With AAD", "event": "register", "script": s.script("register.sh", policyScript),
			"parameters": []string{s.Programs.Control, s.ConfigFile(), s.JamfBinary()},
		}},
	}
	for key, value := range more {
		settings[key] = value
	}
	return settings
}

// withJamf gives the Mac a Jamf Pro and a jamf binary, and has usherd deliver by recon.
func (s *story) withJamf(policyScript string, more map[string]any) {
	s.t.Helper()
	s.withJamfPro()
	s.must(s.UseJamf(s.jamfSettings(policyScript, more)))
}

func (s *story) jamfLog() string { return filepath.Join(filepath.Dir(s.JamfBinary()), "jamf.log") }

// policy runs the policy as root, as Self Service does, and wants that exit code.
func (s *story) policy(exitCode int, userName string) mac.Result {
	s.t.Helper()
	arguments := []string{"policy", "-event", "register"}
	if userName != "" {
		arguments = append(arguments, "-username", userName)
	}
	result, err := s.Run(s.ctx, s.JamfBinary(), arguments...)
	s.must(err)
	if result.ExitCode != exitCode {
		s.t.Fatalf("jamf policy ended with %d, want %d\n%s%s", result.ExitCode, exitCode, result.Stdout, result.Stderr)
	}
	if want := fmt.Sprintf("Script exit code: %d\n", exitCode); !strings.Contains(result.Stdout, want) {
		s.t.Errorf("the policy's log has no %q:\n%s", want, result.Stdout)
	}
	return result
}

// wantSoundInventory waits until recon has delivered the registration of u to Jamf Pro.
func (s *story) wantSoundInventory(u *mac.User, result string) {
	s.t.Helper()
	newest := s.newest()
	if newest.Identity.DeviceID == "" {
		s.t.Fatal("the registration has no device id")
	}
	s.wantInJamfPro(map[string]string{
		"Usher Registration State":  "REGISTERED",
		"Usher Registration Result": result,
		"Usher Entra Device ID":     newest.Identity.DeviceID,
		"Usher Entra Tenant ID":     mac.TenantID,
		"Usher User Principal Name": u.Name + "@example.com",
	})
	// However late it was delivered.
	var found string
	for _, transition := range newest.Transitions {
		if transition.State == "REGISTRATION_STATE_DELIVERING" {
			found = transition.Time.UTC().Format(time.DateTime)
		}
	}
	s.wantInJamfPro(map[string]string{"Usher Last Registration": found})
}

// The story of a published run [SEED]: Self Service runs the policy, the policy's script registers, and usherd has
// `jamf recon` deliver the result to Jamf Pro.
func TestPolicyRegistersTheUser(t *testing.T) {
	s := newStory(t, nil)
	s.withJamf(registerScript, nil)
	s.start()
	jane := s.loggedIn("p-jane")
	result := s.policy(0, jane.Name)
	for _, want := range []string{"Running script register.sh...", "LAUNCHING_PORTAL", "SUCCEEDED"} {
		if !strings.Contains(result.Stdout, want) {
			t.Errorf("the policy's log has no %q:\n%s", want, result.Stdout)
		}
	}
	s.ranOnce(jane)
	s.wantSoundInventory(jane, "SUCCEEDED")

	log, err := os.ReadFile(s.jamfLog())
	s.must(err)
	line := regexp.MustCompile(`(?m)^[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d ` + mac.ComputerName +
		` jamf\[\d+\]: Executing Policy Register With AAD$`)
	if !line.Match(log) {
		t.Errorf("jamf.log has no line of the policy:\n%s", log)
	}
	if again := s.policy(0, jane.Name); !strings.Contains(again.Stdout, "SUCCEEDED") {
		t.Errorf("running the policy again does not say SUCCEEDED:\n%s", again.Stdout)
	}
	s.ranOnce(jane)
}

// The script in docs/deploy.md for admins: a user who declines does not make the policy fail, but a device cap does.
func TestPolicyScriptOfTheDocumentation(t *testing.T) {
	script, err := os.ReadFile("../docs/examples/register.sh")
	if err != nil {
		t.Fatal(err)
	}
	s := newStory(t, nil)
	s.withJamfPro()
	settings := s.jamfSettings(string(script),
		map[string]any{"environment": map[string]string{"USHER_CONFIG": s.ConfigFile()}})
	settings["policies"].([]map[string]any)[0]["parameters"] = []string{"1m", s.Programs.Control}
	s.must(s.UseJamf(settings))
	s.start()
	jane := s.loggedIn("p-jane")
	for portal, policy := range map[int]int{64: 0, 66: 66, 69: 69} {
		s.must(jane.SetPortal(mac.PortalSettings{"exit_code": portal, "leave": "nothing"}))
		s.policy(policy, jane.Name)
	}
	// Jamf passes these names where it means no person: then usher takes the user on the console, or the only logged-in
	// user.
	s.must(jane.SetPortal(mac.PortalSettings{"exit_code": 66, "leave": "nothing"}))
	for _, named := range []string{"", "root", "loginwindow", "_mbsetupuser", "no-such-account"} {
		s.onConsole(nil)
		s.policy(66, named)
		s.onConsole(jane)
		s.policy(66, named)
	}
	s.must(jane.SetPortal(nil))
	s.policy(0, "root")
	s.wantSoundInventory(jane, "SUCCEEDED")
	s.must(s.StopHelper())
	s.policy(3, jane.Name)
}

// A waiting policy delays the others of its trigger. So it ends before the user has signed in, and usherd reports the
// rest.
func TestPolicyDoesNotWaitForTheUser(t *testing.T) {
	script, err := os.ReadFile("../docs/examples/register.sh")
	if err != nil {
		t.Fatal(err)
	}
	s := newStory(t, nil)
	s.withJamfPro()
	settings := s.jamfSettings(string(script),
		map[string]any{"environment": map[string]string{"USHER_CONFIG": s.ConfigFile()}})
	settings["policies"].([]map[string]any)[0]["parameters"] = []string{"1s", s.Programs.Control}
	s.must(s.UseJamf(settings))
	s.start()
	jane := s.loggedIn("p-jane")
	s.must(jane.SetPortal(mac.PortalSettings{"wait": "4s"}))
	result := s.policy(0, jane.Name)
	if !strings.Contains(result.Stdout, "the registration continues without this policy") {
		t.Errorf("the policy's log says %s", result.Stdout)
	}
	if state := s.newest().State; state == "REGISTRATION_STATE_SUCCEEDED" {
		t.Errorf("it has waited until the registration was %s", state)
	}
	s.waitHelper(deliveredLine)
	s.ranOnce(jane)
	s.wantSoundInventory(jane, "SUCCEEDED")
}

// Jamf shows the exit code in the policy's log, and admins act on it.
func TestPolicyHandsOnTheExitCode(t *testing.T) {
	s := newStory(t, map[string]any{"registration.session_timeout": "1s"})
	s.withJamf(registerScript, nil)
	s.start()
	s.policy(5, "") // nobody is logged in, and nobody is named
	john := s.user("p-john")
	s.policy(5, john.Name) // the user does not log in
	jane := s.loggedIn("p-jane")
	s.must(jane.SetPortal(mac.PortalSettings{"exit_code": 66, "leave": "nothing"}))
	result := s.policy(66, jane.Name)
	for _, want := range []string{"registrationDeviceCapError", "Error running script: return code was 66."} {
		if !strings.Contains(result.Stdout, want) {
			t.Errorf("the policy's log has no %q:\n%s", want, result.Stdout)
		}
	}
	s.ranOnce(jane)
	s.wantInJamfPro(map[string]string{
		"Usher User": jane.Name, "Usher Registration Result": "FAILED: registrationDeviceCapError (66)",
		"Usher Other Users": john.Name + ": not known",
	})
}

// A policy with "Update Inventory" runs its own recon. The extension attributes in it ask usherd, which waits for that
// recon to end.
func TestPolicyThatTakesInventory(t *testing.T) {
	for name, script := range map[string]string{
		"after": `#!/bin/sh
"$4" --config "$5" register --user "$3" --wait; code=$?
"$6" recon || exit 99
exit $code
`,
		"meanwhile": `#!/bin/sh
"$6" recon & recon=$!
"$4" --config "$5" register --user "$3" --wait; code=$?
wait $recon || exit 99
exit $code
`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, nil)
			s.withJamf(script, map[string]any{"recon_delay": "500ms"})
			s.start()
			jane := s.loggedIn("p-jane")
			s.policy(0, jane.Name)
			s.ranOnce(jane)
			s.wantSoundInventory(jane, "SUCCEEDED")
			if computer, _ := s.jamfPro.Computer(mac.UDID); computer.Inventories != 2 {
				t.Errorf("Jamf Pro received %d inventories, want the policy's and usherd's", computer.Inventories)
			}
		})
	}
}

// The management framework is being installed, or is missing: the result waits for it.
func TestJamfBinaryIsMissing(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.must(s.Set(map[string]any{"delivery.mode": "recon"}))
	s.start()
	jane := s.loggedIn("p-jane")
	result := s.control(10, "register", "--user", jane.Name, "--wait", "--delivery-timeout", "1s")
	if want := s.JamfBinary() + " is not there"; !strings.Contains(result.Stderr, want) {
		t.Errorf("the error does not say that %s: %s", want, result.Stderr)
	}
	pending := s.pending()
	if !strings.Contains(pending.LastError, "enrol this computer or set jamf.executable") {
		t.Errorf("the outbox does not name the fix: %+v", pending)
	}
	s.must(s.UseJamf(s.jamfSettings(registerScript, nil)))
	s.control(0, "outbox", "flush")
	s.control(0, "registrations", "watch", pending.RegistrationID)
	s.ranOnce(jane)
	s.wantSoundInventory(jane, "SUCCEEDED")
}

// recon fails, and a later one does not.
func TestReconFails(t *testing.T) {
	s := newStory(t, nil)
	s.withJamf(registerScript, map[string]any{"exit_codes": map[string]int{"recon": 3}})
	s.start()
	jane := s.loggedIn("p-jane")
	result := s.control(10, "register", "--user", jane.Name, "--wait", "--delivery-timeout", "1s")
	if want := "run jamf recon: exit status 3"; !strings.Contains(result.Stderr, want) {
		t.Errorf("the error has no %q: %s", want, result.Stderr)
	}
	pending := s.pending()
	s.must(s.UseJamf(s.jamfSettings(registerScript, nil)))
	s.control(0, "outbox", "flush")
	s.control(0, "registrations", "watch", pending.RegistrationID)
	s.wantSoundInventory(jane, "SUCCEEDED")
	if all := s.deliveries("--all"); len(all) != 1 || all[0].State != "DELIVERY_STATE_DELIVERED" ||
		all[0].Attempts < 2 {
		t.Errorf("outbox: %+v", all)
	}
}

// A jamf binary that anybody could have replaced is not run as root; once only root can change it, the result is
// delivered.
func TestJamfBinaryIsNotTrusted(t *testing.T) {
	s := newStory(t, nil)
	s.withJamf(registerScript, nil)
	s.must(os.Chmod(s.JamfBinary(), 0o777))
	s.start()
	jane := s.loggedIn("p-jane")
	result := s.control(11, "register", "--user", jane.Name, "--wait")
	if want := s.JamfBinary() + " can be written by everybody"; !strings.Contains(result.Stderr, want) {
		t.Errorf("the error does not say that %s: %s", want, result.Stderr)
	}
	s.must(os.Chmod(s.JamfBinary(), 0o755))
	s.control(0, "outbox", "flush")
	s.waitHelper(deliveredLine)
	s.wantSoundInventory(jane, "SUCCEEDED (delivered later)")
	if problems := s.problems(); len(problems) != 0 {
		t.Errorf("status still says %q", problems)
	}
}
