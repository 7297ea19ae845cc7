// Command jamf stands in for /usr/local/bin/jamf, the management framework of Jamf Pro, as far as usher uses it. It
// runs policies with their scripts, collects inventory with the scripts of extension attributes, and enforces
// management. Its server is simulated (sim/jamfpro). Its lines in jamf.log and on standard output have the form of the
// real one (docs/log-formats.md). A comment with (?) marks a line for which no public source shows the real form.
//
// A JSON file ([Config]) controls it: $USHER_SIM_JAMF_CONFIG, or jamf.json beside the executable, or
// /etc/usher-sim/jamf.json.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// The exit codes of the stand-in. Policies end with their script's.
const (
	exitDone   = 0
	exitFailed = 1
)

// jamfVersion is the answer of `jamf version`.
const jamfVersion = "11.21.1-t1757000000"

const usage = `Usage: jamf verb [options]

	policy -event NAME | -id ID [-username NAME]   run the policies of a trigger, or one
	recon                                          collect inventory and send it to Jamf Pro
	manage                                         enforce the management framework
	enroll                                         enrol this Mac with Jamf Pro
	version                                        show the version
	help                                           show this
`

// errUsage: the arguments are wrong; the text says why.
var errUsage = errors.New("wrong usage")

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole command; it returns the exit code.
func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	verb := "help"
	if len(arguments) > 0 {
		verb, arguments = arguments[0], arguments[1:]
	}
	verbs := map[string]func(context.Context, *mac, []string) (int, error){"policy": policy, "recon": recon,
		"manage": manage, "enroll": enroll}
	perform, known := verbs[verb]
	switch {
	case verb == "help":
		fmt.Fprint(stdout, usage)
		return exitDone
	case verb == "version":
		fmt.Fprintln(stdout, "version="+jamfVersion)
		return exitDone
	case !known:
		fmt.Fprintf(stderr, "jamf: there is no verb %q\n\n%s", verb, usage)
		return exitFailed
	}
	config, err := loadConfig()
	if err != nil {
		fmt.Fprintln(stderr, "jamf:", err)
		return exitFailed
	}
	if os.Geteuid() != 0 && !config.AllowNonRoot {
		fmt.Fprintln(stderr, "This operation requires root privileges.") // (?)
		return exitFailed
	}
	code, err := perform(ctx, &mac{Config: config, stdout: stdout}, arguments)
	if errors.Is(err, errUsage) {
		fmt.Fprintf(stderr, "jamf: %v\n\n%s", err, usage)
		return exitFailed
	}
	if err != nil {
		fmt.Fprintln(stderr, "jamf:", err)
		return exitFailed
	}
	return code
}
