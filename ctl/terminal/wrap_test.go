package terminal

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"short", 10, []string{"short"}},
		{"no limit is given here", 0, []string{"no limit is given here"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"exactly ten", 11, []string{"exactly ten"}},
		{"Zürich Genève", 6, []string{"Zürich", "Genève"}},
		{"/a/path/that/is/long here", 6, []string{"/a/path/that/is/long", "here"}},
		{"  indented text", 11, []string{"  indented", "  text"}},
		// A command is pasted from one line.
		{"run `usherctl status --look` again", 12, []string{"run", "`usherctl status --look`", "again"}},
		{"run (`usherctl doctor`), then `x`", 20, []string{"run", "(`usherctl doctor`),", "then `x`"}},
	} {
		if got := Wrap(test.text, test.width); !slices.Equal(got, test.want) {
			t.Errorf("%q at %d: %q", test.text, test.width, got)
		}
	}
}

func TestTablesAreAsWideAsTheTerminal(t *testing.T) {
	rows := [][]string{
		{"jane", "could not look (access denied)",
			"The keychain is locked; `usherctl gather --user jane` reads it again."},
		{"a-name-that-is-not-cut", "found", "One device certificate, which is valid until next year."},
	}
	print := func(width int) string {
		var printed bytes.Buffer
		(&Terminal{Out: &Output{To: &printed}, Person: true, Width: width}).Table([]string{"USER", "FINDING", "DETAIL"},
			rows)
		return printed.String()
	}
	for _, width := range []int{72, 90, 120} {
		text := print(width)
		for line := range strings.Lines(text) {
			if len(strings.TrimRight(line, " \n")) > width {
				t.Errorf("wider than %d: %s", width, line)
			}
		}
		if !strings.Contains(text, "`usherctl gather --user jane`") ||
			!strings.Contains(text, "a-name-that-is-not-cut") {
			t.Errorf("a command or a name is cut at %d:\n%s", width, text)
		}
	}
	if text := print(0); strings.Count(text, "\n") != 3 || !strings.Contains(text, rows[1][2]) {
		t.Errorf("without a width:\n%s", text)
	}
	// Text that does not fit is not lost.
	if text := print(20); !strings.Contains(text, "`usherctl gather --user jane`") || strings.Count(text, "\n") < 8 {
		t.Errorf("on a narrow terminal:\n%s", text)
	}
}
