package wpj

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/states.md")

// TestDocumentation holds docs/states.md to the tables; `go test ./internal/wpj -run TestDocumentation -update` writes it.
func TestDocumentation(t *testing.T) {
	const begin, end = "<!-- tables: begin, written by go test ./internal/wpj -update -->\n", "<!-- tables: end -->\n"
	const path = "../../docs/states.md"
	var tables strings.Builder
	tables.WriteString("## The states\n\n| state | what it means | what to do | usher can | registered |\n| --- | --- | --- | --- | --- |\n")
	for _, info := range States() {
		command := "-"
		if info.Command != "" {
			command = "`" + info.Command + "`"
		}
		fmt.Fprintf(&tables, "| `%s` | %s | %s | %s | %s |\n", info.State, info.Meaning, cmp.Or(info.Fix, "Nothing."), command, map[bool]string{true: "yes", false: "no"}[info.Registered])
	}
	tables.WriteString("\n## The rules\n\nThe first that applies decides.\n\n| rule | state | the state follows |\n| --- | --- | --- |\n")
	for _, rule := range stateRules {
		fmt.Fprintf(&tables, "| %s | `%s` | %s |\n", rule.name, rule.state, rule.source)
	}
	tables.WriteString("\n## Contradictions\n\n| name | the state follows | against | |\n| --- | --- | --- | --- |\n")
	for _, c := range contradictions {
		fmt.Fprintf(&tables, "| `%s` | %s | %s | %s |\n", c.Name, c.Followed, c.Against, c.Detail)
	}
	tables.WriteString("| `device-ids-differ` | the source that comes first: Platform SSO, Secure Enclave, login keychain | the other | Two places name different Entra devices. |\n")
	tables.WriteString("\n## What each source can say\n\n| source | |\n| --- | --- |\n")
	for _, source := range Sources() {
		var said []string
		for _, one := range verdictsOf[source] {
			if one != notAsked {
				said = append(said, string(one))
			}
		}
		fmt.Fprintf(&tables, "| %s | %s |\n", source, strings.Join(said, ", "))
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("%s has no place for the tables", path)
	}
	want := before + begin + tables.String() + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Errorf("%s is not what the tables say: run `go test ./internal/wpj -run TestDocumentation -update`", path)
	}
}
