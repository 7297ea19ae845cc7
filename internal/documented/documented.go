// Package documented compares the generated parts of the pages in docs/ with the code. It is for tests.
package documented

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Part checks that a page contains content between "<!-- PART: begin, written by COMMAND -->" and "<!-- PART: end -->".
// If update is set, it first writes it there; COMMAND is the command that does this.
func Part(t testing.TB, page, part, command, content string, update bool) {
	t.Helper()
	begin, end := fmt.Sprintf("<!-- %s: begin, written by %s -->\n", part, command),
		fmt.Sprintf("<!-- %s: end -->\n", part)
	written, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(written), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("%s has no place for the part %s:\n%s%s", page, part, begin, end)
	}
	want := before + begin + content + end + after
	switch {
	case update:
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	case string(written) != want:
		t.Errorf("the part %s of %s does not match the code: run `%s` and read the difference", part, page, command)
	}
}
