package event_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"usher.internal/internal/event"
)

var update = flag.Bool("update", false, "write the tables of docs/log-formats.md")

// TestDocumentation holds docs/log-formats.md to the tables; with -update it writes them.
func TestDocumentation(t *testing.T) {
	const begin, end = "<!-- tables: begin, written by go test ./internal/event -run TestDocumentation -update -->\n", "<!-- tables: end -->\n"
	const path = "../../docs/log-formats.md"
	var tables strings.Builder
	tables.WriteString("\n| event | what it means | class | phase | how it is seen | source |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, known := range event.All() {
		var signs []string
		for _, sign := range known.Signs {
			text := sign.Message
			if sign.Event != "" {
				text = "event " + sign.Event
				if sign.Target != "" {
					text += ", target " + sign.Target
				}
				if sign.Failed {
					text += ", not succeeded"
				}
			}
			text = "`" + text + "`"
			if from := strings.TrimSpace(string(sign.From) + " " + sign.Process); from != "" {
				text = from + ": " + text
			}
			signs = append(signs, text)
		}
		fmt.Fprintf(&tables, "| `%s` | %s | %s | %s | %s | %s |\n", known.Name, known.Title, known.Class,
			cmp.Or(known.Phase.Info().Title, "-"), strings.ReplaceAll(cmp.Or(strings.Join(signs, "<br>"), "by its structure"), "|", "\\|"), known.Source)
	}
	tables.WriteString("\n")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(content), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("%s has no place for the tables", path)
	}
	want := before + begin + tables.String() + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(content) != want {
		t.Errorf("%s is not as the tables are: go test ./internal/event -run TestDocumentation -update", path)
	}
}
