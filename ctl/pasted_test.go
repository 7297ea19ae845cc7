package ctl

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"usher.internal/ctl/afar"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/documented"
	"usher.internal/internal/layout"
	"usher.internal/internal/wpj"
)

// placeholders are the words in capitals in documented commands (docs/troubleshooting.md explains them), each with a
// valid value. VALUE is a value that the program inserts into a text.
var placeholders = map[string]string{
	"ARCHIVE": "jane.zip", "CODE": "66", "MAC": "0A1B2C3D-0000-4000-8000-00000000BEEF", "DIRECTORY": "credentials",
	"FILE": "file", "FOLDER": "usher-fleet",
	"ID": "0199b3a2-4c1d", "NAME": "jane", "TEAM": "A1B2C3D4E5", "VALUE": "0199b3a2-4c1d",
}

// usherctl accepts every command of its own that usher prints or documents: the command and its flags exist, the number
// of arguments is right, and no shell interprets it.
func TestCommandsRunWhenPasted(t *testing.T) {
	commands := map[string]string{} // by line of its place
	walkTexts(t, func(path string, content []byte, file *ast.File) {
		if file == nil {
			if !strings.HasSuffix(path, ".md") {
				return
			}
			for _, one := range documented.Spans(string(content)) {
				if !isName(one) {
					commands[one] = path
				}
			}
			for _, one := range documented.Lines(string(content)) {
				commands[one] = path
			}
			return
		}
		for _, text := range textsOf(file) {
			for _, one := range documented.Spans(text) {
				commands[one] = path
			}
		}
	})
	everyCommand(func(command *cobra.Command) {
		for line := range strings.Lines(command.Example) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") {
				commands[line] = command.CommandPath() + " --help"
			}
		}
	})
	for _, state := range wpj.States() {
		if state.Command != "" {
			commands[state.Command] = string(state.State)
		}
	}
	checked := 0
	for line, path := range commands {
		if !documented.Runs(line) || line == strings.TrimSpace(afar.Announcement) {
			continue
		}
		checked++
		if err := pasted(line); err != nil {
			t.Errorf("%s: `%s`: %v", path, line, err)
		}
	}
	if checked < 150 {
		t.Errorf("only %d commands were found", checked)
	}
	// The walk has found commands that are known to exist: in a page, after sudo, in a composed hint, and in an
	// example.
	for _, known := range []string{
		"usherctl explain CODE", "sudo /usr/local/usher/usherctl doctor --quiet",
		"sudo /usr/local/usher/usherctl restart", "usherctl registrations watch VALUE",
		"pbpaste | usherctl inspect -", "usherctl register --wait",
	} {
		if commands[known] == "" {
			t.Errorf("`%s` was not found", known)
		}
	}
}

func TestWhatDoesNotRunWhenPasted(t *testing.T) {
	for line, want := range map[string]string{
		"usherctl statsu":                               "unknown command",
		"usherctl status --lok":                         "unknown flag",
		"usherctl status --user":                        "needs an argument",
		"usherctl status jane":                          "unknown command",
		"usherctl registrations show":                   "accepts 1 arg",
		"usherctl registrations":                        "a group",
		"usherctl gather with jamf.gather_after_portal": "unknown command",
		"usherctl inspect THING":                        "THING",
		"usherctl explain <CODE>":                       "shell",
		"usherctl status   # of this Mac":               "comment",
		"ssh mac.example.org usherctl status":           "ssh",
		"sudo usherctl restart":                         "PATH",
		"usherctl restart":                              "root",
		"/usr/local/usher/usherctl outbox flush":        "",
		"sudo /usr/local/usher/usherctl clean --force":  "",
		"usherctl clean && usherctl register":           "",
	} {
		if err := pasted(line); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

// isName reports whether a text only names a command or a group, as pages do.
func isName(line string) bool {
	names := strings.Fields(line)
	if len(names) == 0 {
		return false
	}
	command, rest, err := newApp(&terminal.Terminal{}, "").root().Find(names[1:])
	return err == nil && len(rest) == 0 && line == command.CommandPath()
}

// rootOnly are commands that only root can use.
var rootOnly = []string{"usherctl install", "usherctl uninstall", "usherctl start", "usherctl stop", "usherctl restart"}

// pasted returns why a command line does not run as usherctl's after it is pasted.
func pasted(line string) error {
	filled, err := documented.Fill(line, placeholders)
	if err != nil {
		return err
	}
	calls, err := documented.Calls(filled)
	if err != nil {
		return err
	}
	for _, call := range calls {
		switch elsewhere := slices.Contains([]string{"make", "apt-get"}, call.Program); {
		case call.Sudo && !strings.Contains(call.Program, "/") && !elsewhere:
			return fmt.Errorf("sudo looks for %s in the PATH of the user", call.Program)
		case call.Afar && !filepath.IsAbs(call.Program):
			return fmt.Errorf("%s is not in the PATH that ssh gives to a command", call.Program)
		}
		if filepath.Base(call.Program) != "usherctl" {
			continue
		}
		command, err := parsed(call.Arguments)
		if err != nil {
			return err
		}
		if slices.Contains(rootOnly, command.CommandPath()) && !call.Sudo && !filepath.IsAbs(call.Program) {
			return fmt.Errorf("%s needs root, and there is no sudo", command.CommandPath())
		}
	}
	return nil
}

// parsed is the command that arguments name, as far as usherctl parses them before it does anything.
func parsed(arguments []string) (*cobra.Command, error) {
	root := newApp(&terminal.Terminal{Out: &terminal.Output{To: io.Discard}, Err: io.Discard}, "").root()
	root.InitDefaultVersionFlag()
	arguments = textArguments(root, arguments)
	command, rest, err := root.Find(arguments)
	if err != nil {
		return nil, err
	}
	switch err := command.ParseFlags(rest); {
	case errors.Is(err, pflag.ErrHelp):
		return command, nil
	case err != nil:
		return nil, err
	}
	return command, errors.Join(command.ValidateArgs(command.Flags().Args()), command.ValidateRequiredFlags(),
		command.ValidateFlagGroups(), isNoGroup(command))
}

func isNoGroup(command *cobra.Command) error {
	// `usherctl clean` is a command itself, and has a command below it.
	if command.HasSubCommands() && command.Example == "" {
		return errors.New("a group of commands, and no command")
	}
	return nil
}

func everyCommand(visit func(*cobra.Command)) {
	var walk func(*cobra.Command)
	walk = func(command *cobra.Command) {
		visit(command)
		for _, one := range command.Commands() {
			walk(one)
		}
	}
	walk(newApp(&terminal.Terminal{}, "").root())
}

// textsOf are the texts of a source as they are printed. A concatenation is one text, with VALUE in place of anything
// that is not a text, and of fmt's verbs.
func textsOf(file *ast.File) (texts []string) {
	ast.Inspect(file, func(node ast.Node) bool {
		expression, is := node.(ast.Expr)
		if !is {
			return true
		}
		text, is := textOf(expression)
		if is {
			texts = append(texts, verb.ReplaceAllString(text, "VALUE"))
		}
		return !is || callsSudo(expression) == "" // its operands are part of it
	})
	return texts
}

var verb = regexp.MustCompile(`%(\[\d\])?[sdqv]`)

func textOf(expression ast.Expr) (text string, is bool) {
	switch one := expression.(type) {
	case *ast.BasicLit:
		if one.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(one.Value)
		return text, err == nil
	case *ast.ParenExpr:
		return textOf(one.X)
	case *ast.BinaryExpr:
		left, isLeft := textOf(one.X)
		right, isRight := textOf(one.Y)
		if one.Op != token.ADD || !isLeft && !isRight {
			return "", false
		}
		if !isLeft {
			left = "VALUE"
		}
		if !isRight {
			right = "VALUE"
		}
		return left + right, true
	case *ast.CallExpr:
		if line := callsSudo(one); line != "" {
			return line, true
		}
	}
	return "", false
}

// callsSudo returns the result of config.Sudo on a Mac, with its text for arguments.
func callsSudo(expression ast.Expr) string {
	call, is := expression.(*ast.CallExpr)
	if !is || len(call.Args) != 1 {
		return ""
	}
	name := ""
	switch function := call.Fun.(type) {
	case *ast.Ident:
		name = function.Name
	case *ast.SelectorExpr:
		name = function.Sel.Name
	}
	arguments, is := textOf(call.Args[0])
	if name != "Sudo" || !is {
		return ""
	}
	return "sudo " + layout.MacOS.Control() + " " + arguments
}

// A shell would run text in backticks if a part of the help is pasted.
func TestHelpHasNoBackticks(t *testing.T) {
	everyCommand(func(command *cobra.Command) {
		var help bytes.Buffer
		command.SetOut(&help)
		if err := command.Help(); err != nil || help.Len() == 0 {
			t.Errorf("%s: %v", command.CommandPath(), err)
		}
		for line := range strings.Lines(help.String()) {
			if strings.Contains(line, "`") {
				t.Errorf("%s --help: %s", command.CommandPath(), line)
			}
		}
	})
}
