package event_test

import (
	"cmp"
	"flag"
	"fmt"
	"strings"
	"testing"

	"usher.internal/internal/documented"
	"usher.internal/internal/event"
)

var update = flag.Bool("update", false, "write the tables of docs/log-formats.md")

// TestDocumentation holds docs/log-formats.md to the tables; with -update it writes them.
func TestDocumentation(t *testing.T) {
	var tables strings.Builder
	tables.WriteString("\n| event | what it means | class | phase | how it is seen | source |\n| --- | --- | --- | " +
		"--- | --- | --- |\n")
	for _, known := range event.All() {
		var signs []string
		for _, sign := range known.Signs {
			text := sign.Message
			if sign.Domain != "" {
				text = fmt.Sprintf("code %s %d", sign.Domain, sign.Number)
			}
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
			if sign.Also != "" {
				text += " with `" + sign.Also + "`"
			}
			if from := strings.TrimSpace(string(sign.From) + " " + sign.Process); from != "" {
				text = from + ": " + text
			}
			signs = append(signs, text)
		}
		fmt.Fprintf(&tables, "| `%s` | %s | %s | %s | %s | %s |\n", known.Name, known.Title(), known.Class,
			cmp.Or(known.Phase.Info().Title(), "-"),
			strings.ReplaceAll(cmp.Or(strings.Join(signs, "<br>"), "by its structure"), "|", "\\|"), known.Source)
	}
	tables.WriteString("\n")
	documented.Part(t, "../../docs/log-formats.md", "tables", "go test ./internal/event -run TestDocumentation -update",
		tables.String(), *update)
}
