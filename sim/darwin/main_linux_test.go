//go:build linux && amd64

package darwin_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"usher.internal/sim/darwin"
)

// all adds the packages that take too long for make test: scripts/test-darwin sets it.
var all = flag.Bool("all", false, "run every package, not only the short selection")

var (
	loader  *darwin.Loader
	scratch string // every user may read it
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "usher-darwin-"); err == nil {
		defer os.RemoveAll(scratch)
		err = os.Chmod(scratch, 0o755)
	}
	if err == nil {
		loader, err = darwin.Build(context.Background(), filepath.Join(scratch, "loader"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if *all {
		if coverage, err = measureCoverage(filepath.Join(scratch, "coverage")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	exitCode := m.Run()
	if *all && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" {
		if err := coverage.report(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return exitCode
}
