package layout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"usher.internal/internal/layout"
)

const top = "../.."

// literal is a path that is a whole string in the code: of usher's files, or of another program.
var literal = regexp.MustCompile(`^(~?/(Library|Applications|usr|opt|var|etc|run|bin|sbin)/|Library/)[^%\n]+$`)

// other are paths that are part of every Linux.
var other = []string{"/etc/passwd", "/run/user"}

// Only this package has the paths of usher's files. Only one file has the path of another program.
func TestAPathHasOneHome(t *testing.T) {
	homes, found := map[string][]string{}, 0
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(top, path)
		if entry.IsDir() && slices.Contains([]string{".git", "sim", "e2e", "bench", "tools", "testdata"},
			entry.Name()) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".pb.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if text, ok := node.(*ast.BasicLit); ok && text.Kind == token.STRING {
				value, err := strconv.Unquote(text.Value)
				if err == nil && literal.MatchString(value) && !slices.Contains(homes[value], name) {
					homes[value] = append(homes[value], name)
					found++
				}
			}
			return true
		})
		return nil
	})
	if err != nil || found < 50 {
		t.Fatalf("%d paths, %v", found, err)
	}
	for path, files := range homes {
		files = slices.DeleteFunc(files, func(name string) bool { return filepath.Dir(name) == "internal/layout" })
		switch {
		case slices.Contains(other, path):
		case len(files) > 0 && isOurs(path):
			t.Errorf("%s is in %s; use internal/layout", path, strings.Join(files, ", "))
		case len(files) > 1:
			t.Errorf("%s is in %s; name it in one of them", path, strings.Join(files, ", "))
		}
	}
}

// isOurs reports whether a path is in a layout, or below a path in one.
func isOurs(path string) bool {
	if path == filepath.Dir(layout.Linux.Configuration) {
		return true
	}
	for _, one := range []layout.Layout{layout.MacOS, layout.Linux, layout.Debian} {
		for _, field := range reflect.ValueOf(one).Fields() {
			if field.Kind() != reflect.String || !strings.Contains(field.String(), "/") {
				continue
			}
			if ours := field.String(); path == ours || strings.HasPrefix(path, ours+"/") {
				return true
			}
		}
	}
	return false
}

// uses are paths of usher in a script.
var uses = regexp.MustCompile(
	`(?:Library|usr|var|etc|run)/(?:Application Support/|[A-Za-z0-9_.-]+/)*[A-Za-z0-9_.-]*usher[A-Za-z0-9_.-]*`)

// Scripts cannot ask this package, so this test compares the paths that they repeat.
func TestPathsOfScripts(t *testing.T) {
	// The acceptance test keeps files next to the programs and names a preference domain. Debian has documents of each
	// package, and systemd has links to enabled units.
	elsewhere := []string{"usr/local/usher-accept", "Library/Preferences/org.usher", "usr/share/doc/usher",
		"etc/systemd/system/multi-user.target.wants/", "etc/systemd/user/default.target.wants/"}
	found := 0
	for _, script := range []string{"scripts/accept-mac", "scripts/check-pkg", "scripts/dist", "packaging/debian/*",
		"packaging/macos/scripts/*", "packaging/macos/*.tmpl", "packaging/install.txt", "launchd/templates/*"} {
		files, err := filepath.Glob(filepath.Join(top, script))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", script, err)
		}
		for _, file := range files {
			found += inScript(t, file, elsewhere)
		}
	}
	if found < 30 {
		t.Errorf("only %d paths", found)
	}
}

func inScript(t *testing.T, file string, elsewhere []string) (found int) {
	content := read(t, file)
	for _, use := range uses.FindAllString(content, -1) {
		found++
		if !isOurs("/"+use) && !isOurs(use) && !slices.ContainsFunc(elsewhere,
			func(prefix string) bool { return strings.HasPrefix(use, prefix) }) {
			t.Errorf("%s: %s is not in a layout", file, use)
		}
	}
	return found
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
