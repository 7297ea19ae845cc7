//go:build linux

// Command story is what the life-cycle test has play on the computer that it boots: see package lifecycle. It is
// started with the computer, goes on where it was when the computer starts anew, and writes what it finds into /out.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Where the story finds and leaves things on the computer.
const (
	programs = "/programs"
	out      = "/out"
	// chapterFile holds the number of the chapter that comes next; it outlives a start of the computer.
	chapterFile = out + "/chapter"
	// rebootMark tells the unit that the end of this process is not that of the story.
	rebootMark = "/run/story-reboots"
)

// errReboot ends a chapter with a start of the computer.
var errReboot = errors.New("the computer starts anew")

// chapters are played one after the other.
var chapters = []struct {
	title string
	play  func(*computer)
}{
	{"the computer before usher", before},
	{"a dry run changes nothing", dryRun},
	{"install, and install again", install},
	{"two users log in, and one registers while usher is upgraded", upgradeInTheMiddle},
	{"usherd and an agent are killed", crash},
	{"the computer starts anew in the middle of a registration", rebootInTheMiddle},
	{"after the start", afterReboot},
	{"an upgrade that usher's own jamf recon sets off", upgradeFromWithin},
	{"an agent and a helper of two versions", mixedVersions},
	{"what broke off is finished by running it again", finish},
	{"stop, start, restart", lifecycle},
	{"uninstall keeps what was", uninstall},
	{"purge leaves nothing", purge},
	{"the Debian package is installed and upgraded", debianPackage},
	{"the Debian package goes without a trace", debianPurge},
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	switch err := play(ctx); {
	case errors.Is(err, errReboot):
		if err := os.WriteFile(rebootMark, nil, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		if _, err := run(ctx, "systemctl", "reboot", "--no-block"); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	case err != nil:
		result(err.Error())
		os.Exit(1)
	default:
		result("it all went well")
	}
}

func result(text string) {
	if err := os.WriteFile(filepath.Join(out, "result.txt"), []byte(text+"\n"), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// play plays from the chapter on that is next. A chapter that fails panics with its failure.
func play(ctx context.Context) (err error) {
	log, err := os.OpenFile(filepath.Join(out, "log.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	next := 0
	if content, err := os.ReadFile(chapterFile); err == nil {
		if next, err = strconv.Atoi(string(content)); err != nil {
			return err
		}
	}
	c := &computer{ctx: ctx, log: log}
	defer c.close()
	for ; next < len(chapters); next++ {
		began := time.Now()
		fmt.Fprintf(log, "== %s\n", chapters[next].title)
		if err := chapter(c, next); err != nil {
			c.explain()
			return fmt.Errorf("%s: %w", chapters[next].title, err)
		}
		fmt.Fprintf(log, "   %v\n", time.Since(began).Round(time.Millisecond))
		if err := os.WriteFile(chapterFile, []byte(strconv.Itoa(next+1)), 0o644); err != nil {
			return err
		}
		if c.rebooting {
			return errReboot
		}
	}
	return nil
}

func chapter(c *computer, number int) (err error) {
	defer func() {
		switch failed := recover().(type) {
		case nil:
		case failure:
			err = failed.error
		default:
			panic(failed)
		}
	}()
	chapters[number].play(c)
	return nil
}

// explain writes down what may tell why a chapter failed.
func (c *computer) explain() {
	for _, command := range [][]string{
		{"journalctl", "--no-pager", "--boot", "--output=short-precise", "--identifier=usherd",
			"--identifier=usher-agent", "--lines=120"},
		{"usherctl", "registrations", "list"}, {"usherctl", "status"}, {"usherctl", "service", "status"},
	} {
		ended, err := run(c.ctx, command[0], command[1:]...)
		fmt.Fprintf(c.log, "-- %v: %v\n%s%s", command, err, ended.stdout, ended.stderr)
	}
}
