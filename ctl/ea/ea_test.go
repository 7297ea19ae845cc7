package ea

import (
	"strings"
	"testing"

	"usher.internal/internal/attribute"
)

// Each script is pasted into Jamf Pro without the others.
func TestScriptsOfExtensionAttributes(t *testing.T) {
	for _, one := range attribute.Table() {
		if text := Script(one); strings.Contains(text, `"`+one.Key) || !strings.HasPrefix(text, "#!/bin/sh\n") ||
			strings.Count(text, "\n") != 5 {
			t.Errorf("script of %s: %s", one.Key, text)
		}
	}
}
