//go:build linux && amd64

package darwin_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/cover"

	"usher.internal/sim/darwin"
)

// leastCoverage is the percentage of macOS-only statements that tests must execute.
const leastCoverage = 90

// coverage measures how much of the code for macOS the tests execute; nil with the short selection.
var coverage *measurement

// measurement collects the coverage of the macOS-only files, by tests of packages and by usher's programs in stories.
type measurement struct {
	// directory has a profile of each test binary. Its folder programs has the counters of programs, in the format of
	// GOCOVERDIR.
	directory string
	// packages are the packages with such files.
	packages []string
	// files are those files, by their import path and name.
	files []string
}

func measureCoverage(directory string) (*measurement, error) {
	m := &measurement{directory: directory}
	if err := os.MkdirAll(m.programs(), 0o755); err != nil {
		return nil, err
	}
	if err := os.Chmod(m.programs(), 0o777); err != nil { // agents of users write there too
		return nil, err
	}
	listed, err := exec.Command("go", "list", "-tags", darwin.Tags, "-f",
		"{{.ImportPath}} {{join .IgnoredGoFiles \" \"}}", module+"...").Output()
	if err != nil {
		return nil, fmt.Errorf("list the code for macOS: %w", err)
	}
	for line := range strings.Lines(string(listed)) {
		pkg := strings.Fields(line)
		isSimulation := strings.HasPrefix(pkg[0], module+"sim/")
		before := len(m.files)
		for _, name := range pkg[1:] {
			if !isSimulation && isForMacOS(name) {
				m.files = append(m.files, pkg[0]+"/"+name)
			}
		}
		if len(m.files) > before {
			m.packages = append(m.packages, pkg[0])
		}
	}
	return m, nil
}

// isForMacOS reports whether a file is one that only macOS has, by its name.
func isForMacOS(name string) bool {
	name = filepath.Base(name)
	return strings.Contains(name, "_darwin") && !strings.HasSuffix(name, "_test.go")
}

func (m *measurement) programs() string { return filepath.Join(m.directory, "programs") }

// flags are the flags of go test with which a program counts its executed statements.
func (m *measurement) flags() []string {
	if m == nil {
		return nil
	}
	return []string{"-cover", "-covermode=atomic", "-coverpkg=" + strings.Join(m.packages, ",")}
}

// testFlags have a test binary write its profile.
func (m *measurement) testFlags() []string {
	if m == nil {
		return nil
	}
	profile, err := os.CreateTemp(m.directory, "*.profile")
	if err != nil {
		panic(err) // in a directory of this process
	}
	profile.Close()
	return []string{"-test.coverprofile", profile.Name()}
}

// storyFlags have usher's programs in stories (e2e) count their executed statements. A program writes nothing unless
// its main package is counted too.
func (m *measurement) storyFlags() []string {
	if m == nil {
		return nil
	}
	mains := []string{module + "cmd/usherd", module + "cmd/usher-agent", module + "cmd/usherctl"}
	return []string{"-counted", strings.Join(append(mains, m.packages...), ",")}
}

// environment sets the directory in which programs write their counters.
func (m *measurement) environment() []string {
	if m == nil {
		return nil
	}
	return []string{"GOCOVERDIR=" + m.programs()}
}

// report writes how much of the macOS-only code was executed, and names the rest. Less than leastCoverage is an error,
// and so is a file that no test was built with.
func (m *measurement) report(output io.Writer) error {
	merged, err := m.merged()
	if err != nil {
		return fmt.Errorf("coverage: %w", err)
	}
	all, executed := 0, 0
	var missed []string
	built := map[string]bool{}
	for _, file := range merged {
		if !isForMacOS(file.FileName) {
			continue
		}
		built[file.FileName] = true
		functions, err := readFunctions(filepath.Join("../..", strings.TrimPrefix(file.FileName, module)))
		if err != nil {
			return fmt.Errorf("coverage: %w", err)
		}
		for _, block := range file.Blocks {
			all += block.NumStmt
			if block.Count > 0 {
				executed += block.NumStmt
			} else if block.NumStmt > 0 {
				missed = append(missed, fmt.Sprintf("%s:%d-%d in %s, statements: %d",
					strings.TrimPrefix(file.FileName, module), block.StartLine, block.EndLine,
					functions.at(block.StartLine), block.NumStmt))
			}
		}
	}
	if all == 0 {
		return fmt.Errorf("coverage: nothing was measured")
	}
	for _, name := range m.files {
		if functions, err := readFunctions(filepath.Join("../..", strings.TrimPrefix(name, module))); err != nil {
			return fmt.Errorf("coverage: %w", err)
		} else if len(functions) > 0 && !built[name] {
			return fmt.Errorf("coverage: no test was built with %s", name)
		}
	}
	percent := 100 * float64(executed) / float64(all)
	fmt.Fprintf(output, "code that only macOS has (*_darwin*.go): tests execute %d of %d statements, %.1f %%; not "+
		"executed are:\n", executed, all, percent)
	for _, line := range missed {
		fmt.Fprintln(output, "  "+line)
	}
	if percent < leastCoverage {
		return fmt.Errorf("coverage: %.1f %% of the code that only macOS has is less than %d %%", percent,
			leastCoverage)
	}
	return nil
}

// merged returns the profile of everything that was run.
func (m *measurement) merged() ([]*cover.Profile, error) {
	counters, err := os.ReadDir(m.programs())
	if err != nil {
		return nil, err
	}
	if len(counters) > 0 {
		convert := exec.Command("go", "tool", "covdata", "textfmt", "-i="+m.programs(),
			"-o="+filepath.Join(m.directory, "programs.profile"))
		if output, err := convert.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("read the counters of programs: %w\n%s", err, output)
		}
	}
	paths, err := filepath.Glob(filepath.Join(m.directory, "*.profile"))
	if err != nil {
		return nil, err
	}
	const mode = "mode: atomic\n"
	text := bytes.NewBufferString(mode)
	for _, path := range paths {
		profile, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		text.Write(bytes.TrimPrefix(profile, []byte(mode)))
	}
	return cover.ParseProfilesFromReader(text)
}

// functions are the functions of a file, in order.
type functions []function

type function struct {
	name        string
	first, last int
}

func readFunctions(path string) (functions, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found functions
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok {
			found = append(found, function{f.Name.Name, files.Position(f.Pos()).Line, files.Position(f.End()).Line})
		}
	}
	return found, nil
}

// at returns the name of the function that has this line.
func (f functions) at(line int) string {
	for _, one := range f {
		if one.first <= line && line <= one.last {
			return one.name
		}
	}
	return "a variable"
}

func TestCoverageIsReported(t *testing.T) {
	m := &measurement{directory: t.TempDir()}
	if err := os.Mkdir(m.programs(), 0o755); err != nil {
		t.Fatal(err)
	}
	const file = module + "launchd/outlive_darwin.go"
	first := "mode: atomic\n" + file + ":20.2,21.10 9 0\n" + file + ":30.2,31.10 1 0\n" + module +
		"launchd/files.go:1.2,2.3 50 0\n"
	second := "mode: atomic\n" + file + ":20.2,21.10 9 3\n" + file + ":30.2,31.10 1 0\n"
	for name, text := range map[string]string{"a.profile": first, "b.profile": second} {
		if err := os.WriteFile(filepath.Join(m.directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var output strings.Builder
	err := m.report(&output)
	if err != nil || !strings.Contains(output.String(), "9 of 10 statements, 90.0 %") ||
		!strings.Contains(output.String(), "launchd/outlive_darwin.go:30-31 in ") {
		t.Errorf("%v, output\n%s", err, &output)
	}
	m.files = []string{module + "launchd/outlive_darwin.go", module + "useragent/activate_darwin.go"}
	if err := m.report(io.Discard); err == nil || !strings.Contains(err.Error(), "useragent/activate_darwin.go") {
		t.Errorf("a file that no test was built with: %v", err)
	}
	m.files = nil
	if err := os.Remove(filepath.Join(m.directory, "b.profile")); err != nil {
		t.Fatal(err)
	}
	if err := m.report(io.Discard); err == nil {
		t.Error("code that no test executes is not reported")
	}
}
