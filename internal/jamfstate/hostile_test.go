package jamfstate_test

import (
	"testing"

	"usher.internal/internal/propertylist"
	"usher.internal/sim/hostile"
)

func TestHostileLists(t *testing.T) {
	for name, parse := range parsers {
		t.Run(name, func(t *testing.T) {
			hostile.Meet(t, propertylist.MaximumSize, func(_ *testing.T, content []byte) { parse(content) })
		})
	}
}
