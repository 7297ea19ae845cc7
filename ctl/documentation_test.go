package main

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/documented"
)

var updateDocumentation = flag.Bool("update-documentation", false, "write the names of extension attributes into docs/extension-attributes.md")

func TestExtensionAttributesAreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| name | in Jamf Pro | meaning |\n| --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", name, attributes[name].title, attributes[name].description)
	}
	documented.Part(t, "../docs/extension-attributes.md", "names", "go test ./ctl -update-documentation", table.String(), *updateDocumentation)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if text := script(name, attributes[name]); strings.Contains(text, `"`+name) || !strings.HasPrefix(text, "#!/bin/sh\n") {
			t.Errorf("script of %s: %s", name, text)
		}
	}
}
