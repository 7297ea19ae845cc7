package delivery_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"usher.internal/helper/delivery"
	"usher.internal/internal/documented"
)

var updateDocumentation = flag.Bool("update-documentation", false, "write the extension attributes into docs/extension-attributes.md")

func TestExtensionAttributesAreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| name | meaning |\n| --- | --- |\n")
	for _, one := range delivery.ExtensionAttributes() {
		fmt.Fprintf(&table, "| %s | %s |\n", one.Name, one.Description)
	}
	documented.Part(t, "../../docs/extension-attributes.md", "api", "go test ./helper/delivery -update-documentation", table.String(), *updateDocumentation)
}
