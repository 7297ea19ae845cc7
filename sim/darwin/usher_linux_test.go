//go:build linux && amd64

package darwin_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The reasons why a test fails as a darwin program, or is not run. Each is something that the loader lacks. A fault of
// usher is fixed, and so is a test that states something that macOS does not do.
const execution = "a shell of Linux starts usherctl, which is a darwin program, and Linux cannot (Exec format error)"

// shortSelection are the packages of usher in make test. It leaves out tests with long waits, such as those of
// internal/filewatch for an event that never comes.
var shortSelection = []string{
	"internal/accounts", "internal/corefoundation", "internal/command", "internal/privatefile", "internal/trust",
	"internal/logfile", "internal/foreign",
	"useragent/keychain", "useragent/leftovers", "helper/thismac", "helper/directory",
}

// checkReleases has a test binary fail if it leaves objects of frameworks that nothing has released.
const checkReleases = "MACHORUN_CHECK_RELEASES=1"

// exceptions are the packages with tests that fail as a darwin program, and those that need special settings.
var exceptions = []suite{
	{pkg: "internal/corefoundation", environment: []string{checkReleases}},
	{pkg: "internal/accounts", environment: []string{checkReleases,
		"MACHORUN_DYNAMIC_STORE=testdata/dynamic-store.json"}},
	{pkg: "helper/proxy", environment: []string{checkReleases}},
	{pkg: "ctl", fails: map[string]string{
		"TestScripts/destinations":    execution,
		"TestScripts/output-failed":   execution,
		"TestScripts/noisy":           execution,
		"TestScripts/status-terminal": execution,
	}},
}

// TestUsher runs the tests of usher's packages as darwin programs: all packages with tests for macOS.
func TestUsher(t *testing.T) {
	packages, err := testedPackages(t.Context(), module+"...")
	if err != nil {
		t.Fatal(err)
	}
	var suites []suite
	for _, pkg := range packages {
		if pkg == module+"sim/darwin" {
			continue // TestBehaviour runs it
		}
		s := suite{pkg: strings.TrimPrefix(pkg, module)}
		if i := slices.IndexFunc(exceptions, func(e suite) bool { return e.pkg == s.pkg }); i >= 0 {
			s = exceptions[i]
		}
		s.short = slices.Contains(shortSelection, s.pkg)
		s.pkg = pkg
		suites = append(suites, s)
	}
	for _, name := range shortSelection {
		if !slices.Contains(packages, module+name) {
			t.Errorf("%s is in the short selection, and has no tests for macOS", name)
		}
	}
	for _, e := range exceptions {
		if !slices.Contains(packages, module+e.pkg) {
			t.Errorf("%s has exceptions, and no tests for macOS", e.pkg)
		}
	}
	runSuites(t, suites)
}

// testedPackages returns the packages that have tests for macOS.
func testedPackages(ctx context.Context, pattern string) ([]string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-tags", "grpcnotrace", "-f",
		"{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}", pattern)
	list.Env = append(os.Environ(), "GOOS=darwin", "GOARCH=amd64", "CGO_ENABLED=0")
	output, err := list.Output()
	return strings.Fields(string(output)), err
}
