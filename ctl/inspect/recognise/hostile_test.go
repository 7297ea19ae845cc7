package recognise_test

import (
	"testing"

	"usher.internal/ctl/inspect/recognise"
	"usher.internal/sim/hostile"
)

// A longer text takes longer in proportion, and this test does not measure that.
func TestHostileLists(t *testing.T) {
	const longest = 64 << 10
	hostile.Meet(t, recognise.MaximumSize,
		func(_ *testing.T, content []byte) { recognise.Read(content[:min(len(content), longest)], now) })
}
