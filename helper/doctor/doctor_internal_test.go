package doctor

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/documented"
	"usher.internal/internal/layout"
	"usher.internal/internal/wpj"
)

var update = flag.Bool("update", false, "write the golden files and the table of the documentation")

func TestTable(t *testing.T) {
	kebabName := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, one := range New(Config{}).table(Caller{}, time.Now()) {
		switch {
		case seen[one.name], !kebabName.MatchString(one.name):
			t.Errorf("%q is not unique as a name", one.name)
		case one.title == "" || strings.HasSuffix(one.title, "."):
			t.Errorf("%s: %q is not a title", one.name, one.title)
		case !strings.HasSuffix(one.looksAt, ".") || !strings.HasSuffix(one.fix, "."):
			t.Errorf("%s: %q or %q is not a sentence", one.name, one.looksAt, one.fix)
		case one.look == nil:
			t.Errorf("%s does not look", one.name)
		case one.seenBy != everyone && one.seenBy != themselves && one.seenBy != admins:
			t.Errorf("nobody has decided who sees %s", one.name)
		}
		seen[one.name] = true
	}
}

func TestTableOfTheDocumentation(t *testing.T) {
	var table strings.Builder
	for _, one := range New(Config{}).table(Caller{}, time.Now()) {
		stops := ""
		if one.reason != "" {
			stops = fmt.Sprintf("; stops a registration as `%s`", one.reason)
		}
		fmt.Fprintf(&table, "\n### `%s`\n\n**%s.** %s\n\n- Fix: %s\n- Seen by: %s%s\n", one.name, one.title,
			one.looksAt, one.fix, one.seenBy, stops)
	}
	// The documentation names macOS's paths.
	onMac := strings.ReplaceAll(table.String(), layout.Here().Control(),
		layout.MacOS.Control())
	documented.Part(t, "../../docs/troubleshooting.md", "checks", "go test ./helper/doctor -update", onMac, *update)
}

func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from the code: run `go test ./helper/doctor -update` and read the difference\n%s",
			path, want)
	}
}

// Each file of testdata/codesign is the exit code of the verification, its output, and the output of `codesign -dv`,
// with lines "--" between them. They have the generally known form of codesign's output; none was taken from a Mac.
func TestSignatureIsJudged(t *testing.T) {
	paths, err := filepath.Glob("testdata/codesign/*.txt")
	if err != nil || len(paths) < 6 {
		t.Fatalf("only %d samples, %v", len(paths), err)
	}
	var judged strings.Builder
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.SplitN(string(content), "--\n", 3)
		exitCode, err := strconv.Atoi(strings.TrimSpace(parts[0]))
		if err != nil || len(parts) != 3 {
			t.Fatalf("%s is not a sample: %v", path, err)
		}
		found, err := judgeSignature(exitCode, parts[1], parts[2])
		if err != nil {
			found = couldNotLook(err)
		}
		fmt.Fprintf(&judged, "%s\n  %s: %s\n", filepath.Base(path), found.Result, found.Evidence)
	}
	golden(t, "testdata/codesign/judged.golden", judged.String())
}

func FuzzJudgeSignature(f *testing.F) {
	f.Add(0, "", "TeamIdentifier=UBF8T346G9\n")
	f.Add(1, "x: a sealed resource is missing or invalid\n", "TeamIdentifier=not set\n")
	f.Fuzz(func(t *testing.T, exitCode int, verification, description string) {
		found, err := judgeSignature(exitCode, verification, description)
		switch {
		case err != nil:
		case found.Result == OK && (exitCode != 0 ||
			!strings.Contains(description, "TeamIdentifier="+wpj.MicrosoftTeam)):
			t.Errorf("exit code %d and %q are fine", exitCode, description)
		case found.Result == Failed && exitCode != 1 && exitCode != 3:
			t.Errorf("exit code %d failed", exitCode)
		case len([]rune(found.Evidence)) > 2*longestSaid:
			t.Errorf("evidence is %q", found.Evidence)
		}
	})
}

func TestVersionsAreComparedAsNumbers(t *testing.T) {
	for _, test := range []struct {
		version, than string
		older         bool
	}{
		{"5.2504.0", "5.2504", false}, {"5.2504", "5.2504.0", false}, {"5.2504", "5.2504.1", true},
		{"5.9", "5.10", true},
		{"5.10", "5.9", false}, {"6", "5.2504", false}, {"4.99", "5", true}, {"05", "5", false},
	} {
		if older, err := isOlder(test.version, test.than); older != test.older || err != nil {
			t.Errorf("%s is older than %s: %t, %v", test.version, test.than, older, err)
		}
	}
	for _, version := range []string{"", "5.", "5.x", "-1", "5,2", "99999999999999999999"} {
		if _, err := isOlder(version, "5"); !errors.Is(err, errNotNumbers) {
			t.Errorf("%q is a version: %v", version, err)
		}
	}
}

func TestRoom(t *testing.T) {
	for free, want := range map[uint64]Result{0: Failed, 99_999_999: Failed, 100_000_000: Warning, 999_999_999: Warning,
		1_000_000_000: OK} {
		if found := judgeRoom("/x", free); found.Result != want {
			t.Errorf("%d bytes are %s, want %s", free, found.Result, want)
		}
	}
	if found, err := (disk{t.TempDir()}).roomy(t.Context()); err != nil ||
		!strings.Contains(found.Evidence, "MB free") {
		t.Errorf("%+v, %v", found, err)
	}
}
