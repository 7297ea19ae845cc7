//go:build linux && amd64

package darwin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"usher.internal/sim/darwin"
)

// suite is the tests of one package, run as a darwin program.
type suite struct {
	pkg string
	// short suites are run without -all.
	short bool
	// cgo has it built with cgo.
	cgo bool
	// environment is added to that of the test.
	environment []string
	// run is the pattern for go test's flag of this name; empty is all.
	run string
	// fails are the tests that must fail, with the reason. One that passes is an error, so the table remains true.
	fails map[string]string
	// left are tests that are never run, by pattern, with the reason: they would hang, or fail only now and then.
	left map[string]string
}

// module begins the names of usher's packages; those of subtests are without it.
const module = "usher.internal/"

// suiteTakes is how long the tests of one package may run.
const suiteTakes = 4 * time.Minute

// runSuites runs each suite as a subtest.
func runSuites(t *testing.T, suites []suite) {
	for _, s := range suites {
		t.Run(strings.TrimPrefix(s.pkg, module), func(t *testing.T) {
			if !s.short && !*all {
				t.Skip("not in the short selection: run scripts/test-darwin")
			}
			s.test(t)
		})
	}
}

func (s suite) test(t *testing.T) {
	program := filepath.Join(scratch, strings.ReplaceAll(s.pkg, "/", "_")+".test")
	if err := s.compile(t, program); err != nil {
		t.Fatal(err)
	}
	listed, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", s.pkg).Output()
	if err != nil {
		t.Fatal(err)
	}
	directory := strings.TrimSpace(string(listed))
	output, err := s.execute(t, program, directory)
	problems, summary := s.judge(output, err)
	for _, problem := range problems {
		t.Error(problem)
	}
	if t.Failed() {
		t.Logf("output:\n%s", tail(output))
	}
	t.Log(summary)
	for _, name := range slices.Sorted(maps.Keys(s.left)) {
		t.Logf("not run: %s, because %s", name, s.left[name])
	}
}

func (s suite) compile(t *testing.T, program string) error {
	var flags []string
	if s.isMeasured() {
		flags = coverage.flags()
	}
	if !s.cgo {
		return darwin.CompileTest(t.Context(), program, s.pkg, flags...)
	}
	kit, err := sdk()
	if err != nil {
		return err
	}
	return kit.CompileTest(t.Context(), program, s.pkg, flags...)
}

// isMeasured reports whether the package ships, so that its coverage is measured.
func (s suite) isMeasured() bool {
	return strings.HasPrefix(s.pkg, module) && !strings.HasPrefix(s.pkg, module+"sim/")
}

// execute runs the compiled tests in their package's directory.
func (s suite) execute(t *testing.T, program, directory string) (output []byte, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), suiteTakes)
	defer cancel()
	command := loader.Command(ctx, program, "-test.v", "-test.short", "-test.timeout",
		(suiteTakes - 10*time.Second).String())
	if s.run != "" {
		command.Args = append(command.Args, "-test.run", s.run)
	}
	if len(s.left) > 0 {
		command.Args = append(command.Args, "-test.skip", strings.Join(slices.Sorted(maps.Keys(s.left)), "|"))
	}
	if s.isMeasured() {
		command.Args = append(command.Args, coverage.testFlags()...)
	}
	command.Dir = directory
	command.Env = append(append(os.Environ(), "PWD="+directory), s.environment...) // os/exec's own test reads it
	// a restarted test binary writes its counters there
	if s.isMeasured() {
		command.Env = append(command.Env, coverage.environment()...)
	}
	command.WaitDelay = time.Second // a child can still have its output open
	return command.CombinedOutput()
}

// judge compares the failed tests with the expected ones. ended is how the test binary ended.
func (s suite) judge(output []byte, ended error) (problems []string, summary string) {
	results := readResults(output)
	count := map[string]int{}
	var failed []string
	for name, result := range results {
		count[result]++
		if result == "FAIL" && !aSubtestFailed(results, name) {
			failed = append(failed, name)
		}
	}
	slices.Sort(failed)
	expected := 0
	for _, name := range failed {
		if _, known := s.fails[name]; known {
			expected++
		} else {
			problems = append(problems, name+" fails as a darwin program")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.fails)) {
		if !slices.Contains(failed, name) {
			problems = append(problems, fmt.Sprintf(
				"%s no longer fails, or does not exist; it was expected to fail: %s", name, s.fails[name]))
		}
	}
	if count["PASS"] == 0 {
		problems = append(problems, "no test has passed")
	}
	if !completed.Match(output) || (ended != nil && len(failed) == 0) {
		problems = append(problems, fmt.Sprintf("it did not run to its end: %v", ended))
	}
	return problems, fmt.Sprintf("%d tests passed, %d failed as expected, %d were skipped", count["PASS"], expected,
		count["SKIP"])
}

// aSubtestFailed reports whether a test has failed because one of its subtests has. The report of the subtest has more
// detail.
func aSubtestFailed(results map[string]string, name string) bool {
	for other, result := range results {
		if result == "FAIL" && strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

// completed matches the output of a test binary that has run all its tests.
var completed = regexp.MustCompile(`(?m)^(PASS|FAIL)$`)

var resultLine = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+) \(`)

// readResults returns the result of each test in the output of -test.v.
func readResults(output []byte) map[string]string {
	results := map[string]string{}
	for line := range bytes.Lines(output) {
		if match := resultLine.FindSubmatch(line); match != nil {
			results[string(match[2])] = string(match[1])
		}
	}
	return results
}

// tail returns the end of an output without the lines that a passing test has.
func tail(output []byte) string {
	var kept []string
	for line := range strings.Lines(string(output)) {
		quiet := strings.HasPrefix(line, "===") || strings.Contains(line, "--- PASS") ||
			strings.Contains(line, "--- SKIP")
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

func TestSuitesAreJudged(t *testing.T) {
	expected := suite{fails: map[string]string{"TestA/b": "of a fault"}}
	ended := errors.New("exit status 1")
	for name, test := range map[string]struct {
		suite  suite
		output string
		ended  error
		want   []string
	}{
		"all pass": {suite{}, "--- PASS: TestA (0.00s)\nPASS\n", nil, nil},
		"one fails": {suite{}, "--- PASS: TestB (0.00s)\n--- FAIL: TestA (0.00s)\nFAIL\n", ended,
			[]string{"TestA fails as a darwin program"}},
		"one fails as known": {expected,
			"--- PASS: TestB (0.00s)\n--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\nFAIL\n", ended, nil},
		"another subtest fails": {expected,
			"--- PASS: TestB (0.00s)\n--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\n    --- FAIL: TestA/c " +
				"(0.00s)\nFAIL\n",
			ended, []string{"TestA/c fails as a darwin program"}},
		"the known one passes": {expected, "--- PASS: TestA (0.00s)\n    --- PASS: TestA/b (0.00s)\nPASS\n", nil,
			[]string{"TestA/b no longer fails, or does not exist; it was expected to fail: of a fault"}},
		"it crashes": {suite{}, "--- PASS: TestB (0.00s)\nmachorun: no\n", ended,
			[]string{"it did not run to its end: exit status 1"}},
		"nothing has run": {suite{}, "PASS\n", nil, []string{"no test has passed"}},
	} {
		if got, _ := test.suite.judge([]byte(test.output), test.ended); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
