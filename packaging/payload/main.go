// Program payload lays out the files of an usher package below OUTPUT/root. Beside it, it writes the packager's input:
// OUTPUT/debian for nfpm, OUTPUT/macos for pkgbuild and productbuild. scripts/dist and scripts/pkg call it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"usher.internal/internal/layout"
	"usher.internal/packaging"
)

func main() {
	var (
		release packaging.Release
		system  = flag.String("system", "", "lay out for this system: darwin or linux")
		arch    = flag.String("arch", "", "the architecture of a Debian package, by Go's name")
		epoch   = flag.Int64("epoch", 0, "when this version was made, in seconds since 1970")
		output  = flag.String("output", "", "write into this `directory`; its root must not exist yet")
	)
	daemons := flag.String("daemon-manuals", "",
		"write the manual pages of the daemons into this `directory`, and nothing else")
	flag.StringVar(&release.Version, "version", "", "the version, from scripts/version")
	flag.StringVar(&release.Programs, "programs", "", "take the three programs from this `directory`")
	flag.StringVar(&release.Manuals, "manuals", "",
		"take manual pages and completions from this `directory`, where cmd/usherctl/manuals.go wrote them")
	flag.Parse()
	release.Date = time.Unix(*epoch, 0).UTC()
	var err error
	if *daemons != "" {
		err = writeDaemonManuals(*daemons, *system, release.Date)
	} else {
		err = write(*output, *system, *arch, release)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "payload:", err)
		os.Exit(1)
	}
}

func write(output string, system string, arch string, release packaging.Release) error {
	of, err := layout.Of(system)
	if err != nil {
		return err
	}
	if !of.Mac() {
		of = layout.Debian
	}
	entries, err := packaging.Payload(of, release)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(output, 0o755); err != nil {
		return err
	}
	root := filepath.Join(output, "root")
	if err := packaging.WriteTree(root, entries, release.Date); err != nil {
		return err
	}
	if of.Mac() {
		return packaging.WriteMacOS(filepath.Join(output, "macos"), release)
	}
	return packaging.WriteDebian(filepath.Join(output, "debian"), root, entries, release, arch)
}

// writeDaemonManuals is for the archives: usherctl installs from them by hand.
func writeDaemonManuals(directory string, system string, date time.Time) error {
	of, err := layout.Of(system)
	if err != nil {
		return err
	}
	pages, err := packaging.DaemonManuals(of, date)
	if err != nil {
		return err
	}
	for name, page := range pages {
		if err := os.WriteFile(filepath.Join(directory, name), page, 0o644); err != nil {
			return fmt.Errorf("write a manual page: %w", err)
		}
	}
	return nil
}
