// The companyportal command stands in for Microsoft's Company Portal where there is no Mac. Started with -r it "signs
// in" a user after a while, and writes the log of the real one, event by event. It puts the items of a Workplace Join
// registration into the login keychain of the user who runs it, and ends with one of the real exit codes.
//
// [Settings] choose the user's actions and the faults. They come from the JSON file that USHER_SIM_PORTAL_CONFIG names,
// or else from ~/.config/usher-sim/companyportal.json. The JSON object in USHER_SIM_PORTAL has precedence. Without -r
// it reports, as the real one does, that it was launched without it, and registers nothing. Other arguments end it with
// 70.
//
// It never ships. An authority of its own issues its certificates (sim/entra).
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"usher.internal/internal/wpj"
)

// exitMisconfigured is not an exit code of Company Portal's: the stand-in does not understand its settings.
const exitMisconfigured = 2

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code of the process.
func run(arguments []string) int {
	home, err := os.UserHomeDir()
	if err != nil {
		return misconfigured(err)
	}
	settings, err := load(home)
	if err != nil {
		return misconfigured(err)
	}
	if settings.IgnoreSIGTERM {
		signal.Ignore(syscall.SIGTERM)
	}
	if err := noteRun(settings.RunsFile); err != nil {
		return misconfigured(err)
	}
	log, err := openLog(filepath.Join(home, "Library/Logs/Company Portal"), settings.LogFormat == logFormat5)
	if err != nil {
		return misconfigured(err)
	}
	p := &portal{Settings: settings, log: log}
	code, err := p.play(arguments)
	if err := errors.Join(err, log.close()); err != nil {
		fmt.Fprintln(os.Stderr, "companyportal:", err)
	}
	return int(code)
}

func misconfigured(err error) int {
	fmt.Fprintln(os.Stderr, "companyportal:", err)
	return exitMisconfigured
}

// noteRun appends a line about this process to a file; tests count the starts with it.
func noteRun(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note run: %w", err)
	}
	_, err = fmt.Fprintf(file, "pid=%d time=%s registration=%s\n",
		os.Getpid(), time.Now().UTC().Format(time.RFC3339Nano), os.Getenv("USHER_REGISTRATION_ID"))
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("note run: %w", err)
	}
	return nil
}

// play is a whole run, from launch to exit code.
func (p *portal) play(arguments []string) (wpj.ExitCode, error) {
	switch {
	case len(arguments) == 0:
		p.log.info("application", "AppDelegate.swift: 97 (applicationDidFinishLaunching(_:))",
			"Portal launched without WPJ only arg while account is under partner management")
		time.Sleep(time.Duration(p.Wait)) // until the user closes the window
		p.exited(wpj.ExitSuccess)
		return wpj.ExitSuccess, nil
	case len(arguments) > 1 || arguments[0] != "-r":
		p.exited(wpj.ExitCommandLineError)
		return wpj.ExitCommandLineError, nil
	default:
		return p.register()
	}
}
