// Command appsso stands in for macOS's /usr/bin/app-sso. `app-sso platform -s` prints the state of Platform SSO in the
// layout of the real one, with everything that captures of it have [FL-S1, PSSO-VM]. The settings of the user who runs
// it choose the state (sim/session). It prints the worst known case. The login name is masked, an entry of the
// organisation's own realm comes before Entra's, and a backslash that JSON does not allow precedes the @ of a name. An
// authority of its own issues the device certificate (sim/entra). It never ships.
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"usher.internal/sim/session"
)

// exitUsage is EX_USAGE of sysexits(3); exitMisconfigured means that the stand-in does not understand its settings.
const (
	exitUsage         = 64
	exitMisconfigured = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout)) }

func run(arguments []string, stdout io.Writer) int {
	if !slices.Equal(arguments, []string{"platform", "-s"}) {
		fmt.Fprintln(os.Stderr, "usage: app-sso platform -s")
		return exitUsage
	}
	home, err := os.UserHomeDir()
	var settings session.AppSSO
	if err == nil {
		settings, err = session.Load[session.AppSSO](home)
	}
	if err == nil {
		err = settings.Check()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "app-sso stand-in:", err)
		return exitMisconfigured
	}
	if settings.Hang {
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM)
		<-ended
		return exitMisconfigured
	}
	if settings.Garbage != "" {
		fmt.Fprint(stdout, settings.Garbage)
		return settings.ExitCode
	}
	if err := print(stdout, settings, time.Now().UTC()); err != nil {
		fmt.Fprintln(os.Stderr, "app-sso stand-in:", err)
		return exitMisconfigured
	}
	return settings.ExitCode
}

func print(w io.Writer, settings session.AppSSO, now time.Time) error {
	device, err := deviceSection(settings, now)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Time: %s\n\n", now.Format("2006-01-02 15:04:05 +0000"))
	fmt.Fprintf(w, "Device Configuration:\n %s\n\n", shown(device))
	fmt.Fprintf(w, "Login Configuration:\n %s\n\n", shown(loginSection(settings, now)))
	user := shown(userSection(settings, now))
	if settings.User == session.UserBroken && settings.State == session.Registered {
		user = user[:len(user)/2]
	}
	fmt.Fprintf(w, "User Configuration:\n %s\n\n", user)
	if settings.State == session.Registered && settings.User != session.UserNone {
		expiration, said := now.AddDate(0, 0, 13), "Not Expired"
		if settings.TokensExpired {
			expiration, said = now.Add(-time.Hour), "Expired"
		}
		fmt.Fprintf(w, "SSO Tokens:\nReceived:\n%s\nExpiration:\n%s (%s)\n\n",
			expiration.AddDate(0, 0, -14).Format(time.RFC3339), expiration.Format(time.RFC3339), said)
	}
	return nil
}
