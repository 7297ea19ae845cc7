//go:build linux && amd64

package darwin_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/sim/darwin"
)

// suite is the tests of one package, which are run as a darwin program.
type suite struct {
	pkg string
	// short suites are run without -all.
	short bool
	// run and skip are the patterns of go test's flags of these names; empty is all, and none.
	run, skip string
	// fails are the tests that are expected to fail, with the reason. One that passes is an error, so that the table stays true.
	fails map[string]string
	// left are tests that are not run at all, by pattern, with the reason: they would hang, or fail only now and then.
	left map[string]string
}

// suiteTakes is how long the tests of one package may run.
const suiteTakes = 4 * time.Minute

// runSuites runs each suite as a subtest.
func runSuites(t *testing.T, suites []suite) {
	for _, s := range suites {
		t.Run(s.pkg, func(t *testing.T) {
			if !s.short && !*all {
				t.Skip("not in the short selection: run scripts/test-darwin")
			}
			s.test(t)
		})
	}
}

func (s suite) test(t *testing.T) {
	program := filepath.Join(scratch, strings.ReplaceAll(s.pkg, "/", "_")+".test")
	if err := darwin.CompileTest(t.Context(), program, s.pkg); err != nil {
		t.Fatal(err)
	}
	directory, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", s.pkg).Output()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), suiteTakes)
	defer cancel()
	command := loader.Command(ctx, program, "-test.v", "-test.short", "-test.timeout", (suiteTakes - 10*time.Second).String())
	if s.run != "" {
		command.Args = append(command.Args, "-test.run", s.run)
	}
	if skip := s.skipped(); skip != "" {
		command.Args = append(command.Args, "-test.skip", skip)
	}
	command.Dir = strings.TrimSpace(string(directory))
	command.WaitDelay = time.Second // a child may have its output still
	output, err := command.CombinedOutput()
	results := readResults(output)
	s.judge(t, results, output, err)
}

func (s suite) skipped() string {
	patterns := slices.Sorted(maps.Keys(s.left))
	if s.skip != "" {
		patterns = append(patterns, s.skip)
	}
	return strings.Join(patterns, "|")
}

// judge compares what has failed with what was expected to.
func (s suite) judge(t *testing.T, results map[string]string, output []byte, err error) {
	var failed []string
	count := map[string]int{}
	for name, result := range results {
		count[result]++
		// A test fails with its subtests; those say which it was.
		if result == "FAIL" && !slices.ContainsFunc(slices.Collect(maps.Keys(results)), func(other string) bool {
			return strings.HasPrefix(other, name+"/") && results[other] == "FAIL"
		}) {
			failed = append(failed, name)
		}
	}
	slices.Sort(failed)
	unexpected := slices.DeleteFunc(slices.Clone(failed), func(name string) bool { _, known := s.fails[name]; return known })
	for _, name := range unexpected {
		t.Errorf("%s fails as a darwin program", name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.fails)) {
		if !slices.Contains(failed, name) {
			t.Errorf("%s no longer fails, or no longer exists. It was expected to, because %s", name, s.fails[name])
		}
	}
	if count["PASS"] == 0 {
		t.Error("no test has passed")
	}
	if !completed.Match(output) || (err != nil && len(failed) == 0) {
		t.Errorf("it did not run to its end: %v", err)
	}
	if t.Failed() {
		t.Logf("output:\n%s", tail(output))
	}
	t.Logf("%d tests passed, %d failed as expected, %d were skipped", count["PASS"], len(failed)-len(unexpected), count["SKIP"])
	for _, name := range slices.Sorted(maps.Keys(s.left)) {
		t.Logf("not run: %s, because %s", name, s.left[name])
	}
}

// completed matches what a test binary says when it has run all its tests.
var completed = regexp.MustCompile(`(?m)^(PASS|FAIL)$`)

var resultLine = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+) \(`)

// readResults returns the result of each test in the output of -test.v.
func readResults(output []byte) map[string]string {
	results := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(output)); lines.Scan(); {
		if match := resultLine.FindSubmatch(lines.Bytes()); match != nil {
			results[string(match[2])] = string(match[1])
		}
	}
	return results
}

// tail returns the end of an output without the lines that a passing test has.
func tail(output []byte) string {
	var kept []string
	for line := range strings.Lines(string(output)) {
		quiet := strings.HasPrefix(line, "===") || strings.Contains(line, "--- PASS") || strings.Contains(line, "--- SKIP")
		if !quiet {
			kept = append(kept, line)
		}
	}
	const most = 150
	if len(kept) > most {
		kept = append([]string{fmt.Sprintf("(%d lines before)\n", len(kept)-most)}, kept[len(kept)-most:]...)
	}
	return strings.Join(kept, "")
}
