// Program demo plays a whole registration on this computer, with usher's real programs and the stand-ins of sim/ as
// separate processes: `make demo`, or `make demo PORTAL_EXIT=66` for one that fails. It ends with 0 when the requested
// outcome was seen, also if that was a failure.
//
// As root it uses a real second account and a real gnome-keyring, which it installs where it is missing (Debian).
// Without either, files back the keychain.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// playWithin limits the whole demonstration.
const playWithin = 10 * time.Minute

func main() {
	exit := flag.Int("portal-exit", 0, "have Company Portal end with this `code`")
	signIn := flag.Duration("sign-in", 2*time.Second, "how long the user takes to sign in")
	verbose := flag.Bool("verbose", false, "show what every process writes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, playWithin)
	defer cancel()
	code, err := play(ctx, scene{portalExit: *exit, signIn: *signIn, verbose: *verbose})
	if err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("\nusherctl's exit code: %d\n", code)
	sentence, wanted := verdict(*exit, code)
	if sentence != "" {
		fmt.Println(sentence)
	}
	if !wanted {
		os.Exit(max(code, 1))
	}
}

// verdict returns the closing words of the demonstration, and whether the outcome is the requested one. It compares the
// requested code of Company Portal with the exit code of usherctl.
func verdict(portalExit, code int) (sentence string, wanted bool) {
	switch {
	case portalExit == 0:
		return "", code == 0
	case code == 0:
		return fmt.Sprintf("Company Portal ended with %d as requested, and usherctl did not notice.", portalExit), false
	}
	return fmt.Sprintf("The failure was requested: Company Portal ended with %d, and usher gives the reason, "+
		"here and in Jamf Pro.", portalExit), true
}

// realKeyring reports whether the demonstration can use real accounts and a real keyring; if not, it returns the
// reason.
func realKeyring(ctx context.Context) (ok bool, why string) {
	if os.Getuid() != 0 {
		return false, "this is not root"
	}
	if found(keyringPrograms) {
		return true, ""
	}
	fmt.Println("installing gnome-keyring and dbus with apt …")
	install := exec.CommandContext(ctx, "scripts/install-test-dependencies")
	install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if output, err := install.CombinedOutput(); err != nil || !found(keyringPrograms) {
		return false, fmt.Sprintf("gnome-keyring cannot be installed (%v: %s)", err, lastLine(output))
	}
	return true, ""
}

// keyringPrograms are the programs that sim/keyring and the accounts need.
var keyringPrograms = []string{"gnome-keyring-daemon", "dbus-daemon", "useradd", "userdel", "pkill"}

func found(programs []string) bool {
	var missing []error
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, err)
		}
	}
	return errors.Join(missing...) == nil
}
