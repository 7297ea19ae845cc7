package ctl

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"usher.internal/ctl/ea"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/attribute"
	"usher.internal/internal/layout"
)

// Jamf and macOS's Installer run scripts and commands as root, with /usr/local/bin in PATH. On some Macs a user can
// write to that directory. So usher names its programs at paths that only root can write, and the system's programs by
// names that the system's own directories have.
func TestScriptsThatRootRunsNameOnlyWhatRootInstalled(t *testing.T) {
	scripts := map[string]string{}
	for _, one := range attribute.Table() {
		scripts["usherctl ea script "+one.Key] = ea.Script(one)
	}
	documents := map[string]string{}
	for _, folder := range []string{"../docs", "../packaging/macos/scripts", "../packaging/debian"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			switch {
			case err != nil || bytes.IndexByte(content, 0) >= 0: // a picture
			case bytes.HasPrefix(content, []byte("#!")):
				scripts[path] = string(content)
			default:
				documents[path] = string(content)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fenced, inline := 0, 0
	for path, text := range documents {
		for _, found := range regexp.MustCompile("(?s)```[a-z]*\n(#!.*?)```").FindAllStringSubmatch(text, -1) {
			fenced++
			scripts[path+": "+firstLines(found[1], 2)] = found[1]
		}
		// A command that Jamf executes follows these words, as Jamf Pro has them.
		for _, found := range regexp.MustCompile("(?s)Execute Command\\*?\\s+`([^`]*)`").FindAllStringSubmatch(text,
			-1) {
			inline++
			scripts[path+": "+found[1]] = found[1] + "\n"
		}
		// A text may name the link, which people have in their PATH, but no command may use it.
		for _, found := range regexp.MustCompile(`(?m)^.*/usr/local/bin/(usherctl|jamf) [a-z-].*$`).FindAllString(text,
			-1) {
			t.Errorf("%s gives a command in /usr/local/bin: %s", path, found)
		}
	}
	// The walk has found the files that are known to exist.
	if len(attribute.Table()) == 0 || fenced == 0 || inline == 0 {
		t.Errorf("%d attributes, %d scripts and %d commands within documents", len(attribute.Table()), fenced, inline)
	}
	for _, path := range []string{"../docs/examples/register.sh", "../docs/examples/gather.sh",
		"../docs/examples/uninstall.sh", "../packaging/macos/scripts/postinstall"} {
		if scripts[path] == "" {
			t.Errorf("%s was not walked", path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		for _, problem := range refusedForRoot(t, scripts[name]) {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// On macOS sudo looks for a program in the caller's PATH. So each text that gives a command to root has the whole path:
// every document and every text of the programs. These include the examples in help texts, the fixes of doctor, and
// the advice for a state or an event.
func TestCommandsWithSudoHaveTheWholePath(t *testing.T) {
	// The word after sudo and its options has a slash, or is a program of Debian or of a clone of the project. There,
	// sudo does not use the PATH of a user.
	called := regexp.MustCompile(`\bsudo ((?:-u \S+ |-\S+ )*)([A-Za-z_./@<][^\s` + "`" + `]*)`)
	elsewhere := []string{"make", "apt-get"}
	prose := regexp.MustCompile(
		`[^` + "`" + `]\bsudo (is|looks|searches|takes|leaves|and|or|in|by|to|of|for|would|may|with)\b`)
	whole := 0
	walkTexts(t, func(path string, content []byte, file *ast.File) {
		texts := []string{string(content)}
		if file != nil {
			texts = nil
			ast.Inspect(file, func(node ast.Node) bool {
				if literal, is := node.(*ast.BasicLit); is && literal.Kind == token.STRING {
					texts = append(texts, literal.Value)
				}
				return true
			})
		}
		for _, text := range texts {
			whole += strings.Count(text, "sudo /usr/local/usher/usherctl") +
				strings.Count(text, "sudo /usr/local/jamf/bin/jamf")
			for _, found := range called.FindAllStringSubmatch(text, -1) {
				if word := found[2]; !strings.Contains(word, "/") && !slices.Contains(elsewhere, word) &&
					!strings.HasPrefix(word, "@USHERCTL@") && !prose.MatchString(" "+found[0]) {
					t.Errorf("%s: %q is looked for in PATH", path, found[0])
				}
			}
		}
	})
	if whole < 20 {
		t.Errorf("only %d commands", whole)
	}
	for _, one := range []string{"doctor", "register", "uninstall"} {
		command, _, err := newApp(&terminal.Terminal{}, "").root().Find([]string{one})
		if err != nil || !strings.Contains(command.Example, "sudo "+layout.Here().Control()+" "+one) {
			t.Errorf("the example of %s is %q (%v)", one, command.Example, err)
		}
	}
}

// walkTexts visits every text that usher ships or is documented in: each source, parsed, and each other file, with a
// nil file.
func walkTexts(t *testing.T, visit func(path string, content []byte, file *ast.File)) {
	t.Helper()
	sources, documents := 0, 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "testdata", "bin", "dist", "screenshots"}, entry.Name()):
			return fs.SkipDir
		case entry.IsDir(), !entry.Type().IsRegular(), strings.HasSuffix(path, "_test.go"),
			filepath.Base(path) == "CHANGELOG.md":
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil || bytes.IndexByte(content, 0) >= 0 {
			return err
		}
		if !strings.HasSuffix(path, ".go") {
			documents++
			visit(path, content, nil)
			return nil
		}
		sources++
		file, err := parser.ParseFile(token.NewFileSet(), path, content, parser.SkipObjectResolution)
		if err == nil {
			visit(path, content, file)
		}
		return err
	})
	if err != nil || sources < 300 || documents < 30 {
		t.Errorf("walked %d sources and %d documents: %v", sources, documents, err)
	}
}

func TestWhatRootMustNotBeGiven(t *testing.T) {
	for script, want := range map[string]int{
		"#!/bin/sh\nusherctl ea state\n":                                     1,
		"#!/bin/sh\nif true; then exec usherctl ea state; fi\n":              1,
		"#!/bin/sh\nx=$(jamf recon)\n":                                       1,
		"#!/bin/sh\n/usr/local/bin/usherctl gather || jamf recon\n":          2,
		"#!/bin/sh\nusherctl=/usr/local/bin/usherctl\n":                      1,
		"#!/bin/sh\nPATH=/usr/local/bin:$PATH\n":                             1,
		"#!/bin/sh\n/opt/homebrew/bin/jq .\n":                                1,
		"#!/bin/sh\n# usherctl in /usr/local/bin\necho jamf\n":               0,
		"/usr/local/usher/usherctl gather\n":                                 0,
		"#!/bin/sh\n[ -x \"$usherctl\" ] || { echo no; exit 0; }\n":          0,
		"#!/bin/sh\ncase $1 in\n0 | 10) exit 0 ;;\n*) jamf recon ;;\nesac\n": 1,
	} {
		if got := refusedForRoot(t, script); len(got) != want {
			t.Errorf("%q: %q, want %d problems", script, got, want)
		}
	}
}

var (
	comment = regexp.MustCompile(`(?m)(^|\s)#.*$`)
	// expansion, substitution and label are ${name}, $(command) and the pattern of a case.
	expansion    = regexp.MustCompile(`\$\{[^}]*\}`)
	substitution = regexp.MustCompile(`\$\([^)]*\)`)
	label        = regexp.MustCompile(`(?m)^[ \t]*[^\s()$][^()\n$]*\)`)
	quoted       = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	// commandWord is the first word of a command: at the beginning of a line, or after the end of another one or the
	// opening of a list.
	commandWord = regexp.MustCompile(
		`(?m)(?:^|[;&|({!)]|\b(?:then|do|else|elif|if|while|exec)\b)[ \t]*((?:[A-Za-z_]+=\S*[ ` +
			`\t]+)*)([A-Za-z_./~$"-][^\s;&|(){}<>]*)`)
	assignment = regexp.MustCompile(`^[A-Za-z_]+=`)
	// ofTheSystem are words of the shell, and programs that /usr/bin, /bin or /usr/sbin has, which come before
	// /usr/local/bin in Jamf's PATH and in the Installer's.
	ofTheSystem = strings.Fields(
		"if then else elif fi case esac for in do done while exec exit echo set test true export " +
			"umask chmod chown date mkdir rm systemctl")
)

// refusedForRoot returns the parts that a script for root must not contain.
func refusedForRoot(t *testing.T, script string) (problems []string) {
	t.Helper()
	code := comment.ReplaceAllString(script, "")
	if strings.Contains(code, "/usr/local/bin") {
		problems = append(problems, "names /usr/local/bin")
	}
	// Command substitutions within quotes are code; the rest of a quoted text is not, nor are the patterns of a case.
	code = expansion.ReplaceAllString(code, "$$variable")
	code = quoted.ReplaceAllStringFunc(code, func(text string) string {
		if strings.HasPrefix(text, `"$`) && !strings.HasPrefix(text, `"$(`) {
			return "$variable"
		}
		return "text" + strings.Join(substitution.FindAllString(text, -1), "")
	})
	code = label.ReplaceAllString(code, "")
	for _, found := range commandWord.FindAllStringSubmatch(code, -1) {
		word := found[2]
		switch {
		case assignment.MatchString(word), strings.HasPrefix(word, "$"), slices.Contains(ofTheSystem, word),
			word == "text", strings.HasPrefix(word, "-"):
		case slices.Contains([]string{"/usr/bin", "/bin", "/usr/sbin", "/sbin", layout.MacOS.Programs,
			layout.Linux.Programs},
			filepath.Dir(word)):
		case strings.HasPrefix(word, "/usr/local/bin/"): // reported already
		default:
			problems = append(problems, "runs "+word+", which is not named by a path that only root can write to")
		}
	}
	return problems
}

func firstLines(text string, count int) string {
	return strings.Join(strings.SplitN(text, "\n", count+1)[:count], " ")
}
