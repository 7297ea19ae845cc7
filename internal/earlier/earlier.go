// Package earlier finds what older versions of usher left, for tests that open it: e2e/upgrade/testdata says what there
// is.
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

// Version is one that users may upgrade from.
type Version struct {
	// Name is its day, Revision the commit whose programs left it, and Directory where it is.
	Name, Revision, Directory string
}

// Versions returns all of them, the oldest first. There is at least one.
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
		t.Fatalf("%s has no version", directory)
	}
	return all
}

// programs are those that are built, and where the sources of each may be: the first place that is there. The version's
// own Company Portal is a stand-in that leaves what the version can read: a later one is as bad as what was learned
// since.
var programs = map[string][]string{
	"usherd":        {"./cmd/usherd", "./helper"},
	"usher-agent":   {"./cmd/usher-agent", "./useragent"},
	"usherctl":      {"./cmd/usherctl", "./ctl"},
	"companyportal": {"./sim/companyportal"},
}

// Build builds usherd, usher-agent, usherctl and the stand-in companyportal of the version into directory, from the
// history of the repository that the test is in. The programs say the version's name when asked for their version.
func (v Version) Build(ctx context.Context, directory string) error {
	sources, err := os.MkdirTemp("", "usher-"+v.Name+"-")
	if err != nil {
		return fmt.Errorf("build usher of %s: %w", v.Name, err)
	}
	defer os.RemoveAll(sources)
	packed := filepath.Join(sources, "sources.tar")
	if err := v.archive(ctx, packed); err != nil {
		return fmt.Errorf("the programs of %s (commit %s) are built from this repository's history, which is not all "+
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

// archive writes the version's sources into a file. Git is told that the clone is safe, whoever owns it: nothing in it
// is run.
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
	top, err := git(v.Directory, "rev-parse", "--show-toplevel") // elsewhere only the folder would be archived
	if err == nil {
		_, err = git(top, "archive", "--output", file, v.Revision)
	}
	return err
}

// root is the directory of the module that the test is in.
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

// Journal returns the path of a copy of the version's journal that the test may change.
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
