// Program bench compares usher's real programs with references that do the same with less, and prints one table: `make
// bench`, or with --json for programs. docs/performance.md says what the rows mean and has the results.
//
// The subjects of a row take turns in the same run, since absolute figures of a shared machine mean little. The
// programs run on a simulated Mac (sim/mac) with a real second account, a real gnome-keyring and real sockets. For
// this, bench needs root on Linux. The servers of the references are further processes of this program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// measureWithin bounds the whole run.
const measureWithin = 15 * time.Minute

func main() {
	if len(os.Args) == 3 && roles[os.Args[1]] != nil {
		if err := serveReference(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == securityRole {
		if err := playSecurity(context.Background()); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 3 && os.Args[1] == readLogRole {
		if err := readLog(os.Args[2]); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 4 && os.Args[1] == floodRole {
		if err := playFlood(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 5 && (os.Args[1] == macsRole || os.Args[1] == bareRole) {
		if err := crowdOf(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1)
		}
		return
	}
	asJSON := flag.Bool("json", false, "print the table as JSON")
	logsAlone := flag.Bool("logs", false, "measure only the log readers, which needs no root")
	fleetAlone := flag.Bool("fleet", false,
		"measure only a fleet of up to 10,000 Macs, which needs no root")
	floodsAlone := flag.Bool("floods", false, "measure only the cost of floods by one user for usherd")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, measureWithin)
	defer cancel()
	take, needsRoot := measure, true
	switch {
	case *logsAlone:
		take, needsRoot = measureLogsAlone, false
	case *fleetAlone:
		take, needsRoot = measureFleet, false
	case *floodsAlone:
		take = measureFloodsAlone
	}
	if err := run(ctx, *asJSON, take, needsRoot); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, asJSON bool, take func(context.Context) ([]row, error), needsRoot bool) error {
	if needsRoot {
		if runtime.GOOS != "linux" || os.Getuid() != 0 {
			return errors.New("this needs root on Linux: it registers a user of its own in a session with " +
				"a real keyring")
		}
		if err := install(ctx); err != nil {
			return err
		}
	}
	began := time.Now()
	rows, err := take(ctx)
	if err != nil {
		return err
	}
	t := table{Rows: rows, Took: time.Since(began), CPUs: runtime.NumCPU(), Go: runtime.Version(),
		At: began.UTC().Truncate(time.Second)}
	if asJSON {
		return t.printJSON(os.Stdout)
	}
	return t.print(os.Stdout)
}

// install installs what the measurements need and this computer lacks.
func install(ctx context.Context) error {
	missing := false
	for _, program := range []string{"curl", "jq", "gnome-keyring-daemon", "dbus-daemon", "useradd", "userdel",
		"pkill"} {
		_, err := exec.LookPath(program)
		missing = missing || err != nil
	}
	if !missing {
		return nil
	}
	for _, command := range []string{"scripts/install-test-dependencies", "scripts/install-packages curl jq"} {
		arguments := strings.Fields(command)
		if output, err := exec.CommandContext(ctx, arguments[0], arguments[1:]...).CombinedOutput(); err != nil {
			// Without curl its row says so; without a keyring the first login fails and says so.
			progress("%s: %v: %s", command, err, strings.TrimSpace(string(output)))
		}
	}
	return nil
}

// progress shows the current step to the user on standard error; standard output gets only the table.
func progress(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
}
