package hostile

import (
	"runtime"
	"testing"
	"time"
)

// The limits of a reader for one of the files, whatever is in it.
const (
	maximumAllocated = 192 << 20
	maximumTime      = time.Minute
)

// Meet gives every property list to a reader of files of at most that many bytes. The reader may refuse or accept it,
// but must neither panic nor use much memory or time.
func Meet(t *testing.T, limit int, read func(t *testing.T, content []byte)) {
	t.Helper()
	for name, content := range PropertyLists() {
		if len(content) > limit {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			read(t, content)
			took := time.Since(begun)
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d bytes: %d kB allocated, %s", len(content), allocated>>10, took)
			if allocated > maximumAllocated || took > maximumTime {
				t.Errorf("a property list of %d bytes took %d MB and %s", len(content), allocated>>20, took)
			}
		})
	}
}
