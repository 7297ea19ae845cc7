//go:build linux

// Command story plays the chapters of the life-cycle test on the computer that it boots: see package lifecycle. It is
// started with the computer, continues at its chapter after a reboot, and writes its results into /out.
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

// The paths of the story's files on the computer.
const (
	programs = "/programs"
	out      = "/out"
	// chapterFile holds the number of the next chapter; it survives a reboot.
	chapterFile = out + "/chapter"
	// rebootMark shows the unit that the story continues after the end of this process.
	rebootMark = "/run/story-reboots"
)

// errReboot ends a chapter with a reboot.
var errReboot = errors.New("the computer reboots")

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
	{"the computer reboots in the middle of a registration", rebootInTheMiddle},
	{"after the reboot", afterReboot},
	{"an upgrade that usher's own jamf recon sets off", upgradeFromWithin},
	{"an agent and a helper of two versions", mixedVersions},
	{"an interrupted installation is finished by another run", finish},
	{"stop, start, restart", lifecycle},
	{"uninstall keeps the state", uninstall},
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

// play plays the chapters from the next one on. A failed chapter panics with its failure.
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

// explain records the details that help to explain a failed chapter.
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
