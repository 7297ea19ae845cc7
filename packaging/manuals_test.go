//go:build linux

package packaging_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestManuals checks that each command has a page, and that mandoc and groff accept every page.
func TestManuals(t *testing.T) {
	directory := t.TempDir()
	run(t, "..", nil, "scripts/manuals", directory, "darwin")
	usherctl := filepath.Join(t.TempDir(), "usherctl")
	run(t, "..", nil, "go", "build", "-tags", "grpcnotrace", "-o", usherctl, "./cmd/usherctl")
	commands := commandsBelow(t, usherctl, nil)
	if len(commands) < 20 {
		t.Fatalf("usherctl has %d commands: they are not all found", len(commands))
	}
	for _, command := range commands {
		page := filepath.Join(directory, "man", strings.Join(append([]string{"usherctl"}, command...), "-")+".1")
		if _, err := os.Stat(page); err != nil {
			t.Errorf("a command has no manual page: %v", err)
		}
	}

	pages, err := filepath.Glob(filepath.Join(directory, "man", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) != len(commands) {
		t.Errorf("%d pages for %d commands", len(pages), len(commands))
	}
	// The path is that of the page's system, even if another system writes the pages.
	if page, err := os.ReadFile(filepath.Join(directory, "man", "usherctl-doctor.1")); err != nil ||
		!strings.Contains(string(page), "sudo /usr/local/usher/usherctl doctor") {
		t.Errorf("the page of doctor for a Mac (%v):\n%s", err, page)
	}
	for _, daemon := range []string{"usherd.8", "usher-agent.8"} {
		page, err := os.ReadFile(filepath.Join("manuals", daemon))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(directory, daemon)
		if err := os.WriteFile(file, []byte(strings.Replace(string(page), "@DATE@", "September 21, 2026", 1)),
			0o644); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, file)
	}
	if output := run(t, ".", nil, "mandoc", append([]string{"-Tlint", "-Wwarning"}, pages...)...); output != "" {
		t.Errorf("mandoc objects:\n%s", output)
	}
	for _, page := range pages {
		if output := run(t, ".", nil, "groff", "-mandoc", "-Tutf8", "-ww", "-z", page); output != "" {
			t.Errorf("groff objects to %s:\n%s", page, output)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if content, err := os.ReadFile(filepath.Join(directory, "completions", "usherctl."+shell)); err != nil ||
			len(content) < 1000 {
			t.Errorf("the completion of %s has %d bytes (%v)", shell, len(content), err)
		}
	}
	run(t, ".", nil, "bash", "-n", filepath.Join(directory, "completions", "usherctl.bash"))
}

var commandLine = regexp.MustCompile(`(?m)^  ([a-z-]+) +\S`)

// commandsBelow returns a command and all commands below it, from the lists in their help.
func commandsBelow(t *testing.T, usherctl string, command []string) [][]string {
	t.Helper()
	found := [][]string{command}
	help := run(t, ".", nil, usherctl, append(command[:len(command):len(command)], "--help")...)
	// The commands of usherctl itself are in groups, each under its name. What is before the usage is prose.
	_, help, _ = strings.Cut(help, "\nUsage:\n")
	for paragraph := range strings.SplitSeq(help, "\n\n") {
		heading, listed, _ := strings.Cut(paragraph, ":\n")
		if heading == "Examples" {
			continue
		}
		for _, match := range commandLine.FindAllStringSubmatch(listed, -1) {
			if match[1] != "help" {
				below := commandsBelow(t, usherctl, append(command[:len(command):len(command)], match[1]))
				found = append(found, below...)
			}
		}
	}
	return found
}
