package proxy_test

import (
	"testing"

	"usher.internal/helper/proxy"
	"usher.internal/sim/hostile"
)

func TestHostileLists(t *testing.T) {
	hostile.Meet(t, 1<<20, func(t *testing.T, content []byte) {
		if settings, err := proxy.ParseSystem(content); err == nil {
			t.Errorf("%+v", settings)
		}
	})
}
