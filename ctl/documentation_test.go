package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var updateDocumentation = flag.Bool("update-documentation", false, "write the names of extension attributes into docs/extension-attributes.md")

func TestExtensionAttributesAreDocumented(t *testing.T) {
	const begin, end = "<!-- names: begin, written by go test ./ctl -update-documentation -->\n", "<!-- names: end -->\n"
	const path = "../docs/extension-attributes.md"
	var table strings.Builder
	table.WriteString("| name | in Jamf Pro | meaning |\n| --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", name, attributes[name].title, attributes[name].description)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("%s has no place for the names", path)
	}
	want := before + begin + table.String() + end + after
	if *updateDocumentation {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Errorf("%s is not what the table says: run `go test ./ctl -run Documented -update-documentation`", path)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if text := script(name, attributes[name]); strings.Contains(text, `"`+name) || !strings.HasPrefix(text, "#!/bin/sh\n") {
			t.Errorf("script of %s: %s", name, text)
		}
	}
}
