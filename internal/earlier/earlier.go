// Package earlier finds the files that older versions of usher left, for tests that open them. e2e/upgrade/testdata
// describes the versions.
package earlier

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Version is a version that users may upgrade from.
type Version struct {
	// Name is the day of the version. Revision is the commit whose programs left the files. Directory is where the
	// files are.
	Name, Revision, Directory string
}

// Versions returns all of them, the oldest first. At least one exists.
func Versions(t testing.TB) []Version {
	t.Helper()
	directory := filepath.Join(root(t), "e2e", "upgrade", "testdata")
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var all []Version
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		version := Version{Name: entry.Name(), Directory: filepath.Join(directory, entry.Name())}
		revision, err := os.ReadFile(version.Path("revision"))
		if err != nil {
			t.Fatal(err)
		}
		version.Revision = strings.TrimSpace(string(revision))
		all = append(all, version)
	}
	if len(all) == 0 {
		t.Fatalf("%s holds no version", directory)
	}
	return all
}

// programs are the programs to build, each with the places of its sources; the first existing place is used. Each
// version needs its own Company Portal stand-in, which writes what that version can read. A later one may behave
// differently.
var programs = map[string][]string{
	"usherd":        {"./cmd/usherd", "./helper"},
	"usher-agent":   {"./cmd/usher-agent", "./useragent"},
	"usherctl":      {"./cmd/usherctl", "./ctl"},
	"companyportal": {"./sim/companyportal"},
}

// Build builds usherd, usher-agent, usherctl and the stand-in companyportal of the version into directory. The sources
// come from the history of the test's repository. The programs report the version's name as their version.
func (v Version) Build(ctx context.Context, directory string) error {
	sources, err := os.MkdirTemp("", "usher-"+v.Name+"-")
	if err != nil {
		return fmt.Errorf("build usher of %s: %w", v.Name, err)
	}
	defer os.RemoveAll(sources)
	packed := filepath.Join(sources, "sources.tar")
	if err := v.archive(ctx, packed); err != nil {
		return fmt.Errorf("the programs of %s (commit %s) are built from this repository's history, which "+
			"is incomplete "+
			"here: run `git fetch --unshallow`, "+
			"or, in sources without .git, take a full clone: %w", v.Name, v.Revision, err)
	}
	if output, err := exec.CommandContext(ctx, "tar", "--extract", "--file", packed, "--directory",
		sources).CombinedOutput(); err != nil {
		return fmt.Errorf("build usher of %s: %w: %s", v.Name, err, output)
	}
	for program, places := range programs {
		place := slices.IndexFunc(places, func(place string) bool {
			_, err := os.Stat(filepath.Join(sources, place))
			return err == nil
		})
		if place < 0 {
			return fmt.Errorf("build usher of %s: the sources of %s are in none of %q", v.Name, program, places)
		}
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "grpcnotrace",
			"-ldflags", "-X usher.internal/internal/version.number="+v.Name, "-o", filepath.Join(directory, program),
			places[place])
		build.Dir, build.Env = sources, append(os.Environ(), "CGO_ENABLED=0")
		if output, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build usher of %s: %w\n%s", v.Name, err, output)
		}
	}
	return nil
}

// archive writes the version's sources into a file. It makes git accept a clone of any owner as safe, because git runs
// nothing in it.
func (v Version) archive(ctx context.Context, file string) error {
	git := func(in string, arguments ...string) (string, error) {
		command := exec.CommandContext(ctx, "git",
			append([]string{"-c", "safe.directory=*", "-C", in}, arguments...)...)
		var said strings.Builder
		command.Stderr = &said
		output, err := command.Output()
		if err != nil {
			err = fmt.Errorf("git %s: %w: %s", arguments[0], err, strings.TrimSpace(said.String()))
		}
		return strings.TrimSpace(string(output)), err
	}
	top, err := git(v.Directory, "rev-parse", "--show-toplevel") // elsewhere git would archive only the folder
	if err == nil {
		_, err = git(top, "archive", "--output", file, v.Revision)
	}
	return err
}

// root is the directory of the test's module.
func root(t testing.TB) string {
	t.Helper()
	directory, err := os.Getwd()
	for ; err == nil; directory = filepath.Dir(directory) {
		if _, missing := os.Stat(filepath.Join(directory, "go.mod")); missing == nil {
			return directory
		}
		if directory == filepath.Dir(directory) {
			err = errors.New("no go.mod above the test")
		}
	}
	t.Fatal(err)
	return ""
}

// Path is a file that the version left.
func (v Version) Path(name ...string) string {
	return filepath.Join(append([]string{v.Directory}, name...)...)
}

// Journal returns the path of a copy of the version's journal. The test may change it.
func (v Version) Journal(t testing.TB) string {
	t.Helper()
	packed, err := os.Open(v.Path("journal.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	reader, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
