package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const example = "# A page\n\nShort. `usherctl` reads [the other page](other.md#the-heading-of-it).\n\n" +
	"```sh\nwhoever writes code is not read\n```\n\n" +
	"| a | b |\n| --- | --- |\n| root alone | " + "word " + "|\n\n" +
	"- [gone](gone.md)\n- [no heading](other.md#none)\n"

func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if output, err := exec.Command("git", "-C", dir, "init", "--quiet").CombinedOutput(); err != nil {
		t.Fatalf("git init: %v: %s", err, output)
	}
	return dir
}

func TestCheck(t *testing.T) {
	long := strings.Repeat("word ", 31)
	dir := repository(t, map[string]string{
		"page.md":      example,
		"other.md":     "## The `heading` of it\n\n" + long + "\nends here. " + strings.Repeat("word ", 30) + "\n",
		"CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\nIt is mended.\n\n## [1.0]\n\nIt is mended anew.\n",
		"code.go":      "// Package code is read anew.\n//\n//\tfor whoever = code\npackage code\n// See docs/gone.md.\n",
	})
	for _, test := range []struct {
		comments bool
		want     []string
	}{
		{false, []string{
			`CHANGELOG.md:5: "mended"`, "other.md:3: a sentence of 33 words", `page.md:11: "root alone"`,
			"page.md:13: no file gone.md", "page.md:14: no heading other.md#none", "code.go:5: no file docs/gone.md"}},
		{true, []string{
			`CHANGELOG.md:5: "mended"`, "other.md:3: a sentence of 33 words", `page.md:11: "root alone"`,
			`code.go:1: "anew"`, "page.md:13: no file gone.md", "page.md:14: no heading other.md#none",
			"code.go:5: no file docs/gone.md"}},
	} {
		problems, err := check(dir, nil, test.comments)
		if err != nil {
			t.Fatal(err)
		}
		same := slices.EqualFunc(problems, test.want, strings.HasPrefix)
		if !same {
			t.Errorf("comments %t:\n%s\nwant:\n%s", test.comments, strings.Join(problems, "\n"),
				strings.Join(test.want, "\n"))
		}
	}
}

func TestAnchors(t *testing.T) {
	parsed := parse("# Who may do what?\n\n## `fleet.mac`\n\n## A\n\n## A\n\n## [Link](x.md) and *more*\n")
	for _, want := range []string{"who-may-do-what", "fleetmac", "a", "a-1", "link-and-more"} {
		if !parsed.anchors[want] {
			t.Errorf("no anchor %s in %v", want, parsed.anchors)
		}
	}
}
