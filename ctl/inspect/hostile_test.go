package inspect_test

import (
	"testing"

	"usher.internal/ctl/inspect"
	"usher.internal/sim/hostile"
)

func TestHostileLists(t *testing.T) {
	hostile.Meet(t, inspect.MaximumSize, func(_ *testing.T, content []byte) { inspect.Read(content, now) })
}
