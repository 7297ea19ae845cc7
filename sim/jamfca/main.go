// Command jamfca stands in for Jamf Conditional Access (formerly jamfAAD), as far as usher uses it: getPSSOStatus and
// gatherAADInfo. The settings of the user who runs it control the answers (sim/session). The dump of getPSSOStatus has
// the form that community scripts expect [BW-EA2]. It never ships.
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"howett.net/plist"

	"usher.internal/sim/session"
)

// usage is that of the real one [MB-AAD].
const usage = "Usage: JamfAAD [-verbose] <command>\n"

const (
	exitUsage         = 1
	exitMisconfigured = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout)) }

func run(arguments []string, stdout io.Writer) int {
	verb := ""
	if len(arguments) > 0 {
		verb = arguments[0]
	}
	home, err := os.UserHomeDir()
	var settings session.JamfAgent
	if err == nil {
		settings, err = session.Load[session.JamfAgent](home)
	}
	if err == nil {
		err = settings.Check()
	}
	switch {
	case err != nil:
		return misconfigured(err)
	case settings.Hang:
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM)
		<-ended
		return exitMisconfigured
	case verb == "version":
		fmt.Fprintln(stdout, "version=11.21.1")
		return 0
	case verb == "getPSSOStatus" && settings.Garbage != "":
		fmt.Fprint(stdout, settings.Garbage)
		return settings.ExitCode
	case verb == "getPSSOStatus" && !settings.Old:
		fmt.Fprintf(stdout, "%d\n%s\n", settings.Status, dump(settings))
		return settings.ExitCode
	case verb == "gatherAADInfo":
		if err := gather(home, settings.Gather); err != nil {
			return misconfigured(err)
		}
		return settings.ExitCode
	}
	fmt.Fprint(stdout, usage)
	return exitUsage
}

func misconfigured(err error) int {
	fmt.Fprintln(os.Stderr, "jamf conditional access stand-in:", err)
	return exitMisconfigured
}

// dump is a Swift dictionary as it is printed.
func dump(settings session.JamfAgent) string {
	if settings.DeviceID == "" {
		return "[:]"
	}
	var entries []string
	for _, entry := range [][2]string{
		{"primary_registration_metadata_device_id", settings.DeviceID},
		{"primary_registration_metadata_upn", settings.UPN},
		{"primary_registration_metadata_tenant_id", settings.TenantID},
		{"primary_registration_metadata_cloud_host", "login.microsoftonline.com"},
		{"isSSOExtensionInFullMode", "Yes"},
	} {
		entries = append(entries, fmt.Sprintf("AnyHashable(%q): %s", entry[0], entry[1]))
	}
	return "[" + strings.Join(entries, ", ") + "]"
}

// gather leaves in the user's preferences the values of the real one after it has asked Azure [BW-W1].
func gather(home, how string) error {
	if how == session.GatherNothing {
		return nil
	}
	acquired := how == session.GatherAcquires
	state := map[string]any{"have_an_Azure_id": acquired}
	if acquired {
		state["last_aad_token_timestamp"] = time.Now().Unix()
	}
	content, err := plist.Marshal(state, plist.BinaryFormat)
	if err != nil {
		return fmt.Errorf("gather: %w", err)
	}
	path := filepath.Join(home, "Library", "Preferences", "com.jamf.management.jamfAAD.plist")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("gather: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("gather: %w", err)
	}
	return nil
}
