package delivery_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"usher.internal/helper/delivery"
)

var updateDocumentation = flag.Bool("update-documentation", false, "write the extension attributes into docs/extension-attributes.md")

func TestExtensionAttributesAreDocumented(t *testing.T) {
	const begin, end = "<!-- api: begin, written by go test ./helper/delivery -update-documentation -->\n", "<!-- api: end -->\n"
	const path = "../../docs/extension-attributes.md"
	var table strings.Builder
	table.WriteString("| name | meaning |\n| --- | --- |\n")
	for _, one := range delivery.ExtensionAttributes() {
		fmt.Fprintf(&table, "| %s | %s |\n", one.Name, one.Description)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("%s has no place for the extension attributes", path)
	}
	want := before + begin + table.String() + end + after
	if *updateDocumentation {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Errorf("%s is not what the table says: run `go test ./helper/delivery -run Documented -update-documentation`", path)
	}
}
