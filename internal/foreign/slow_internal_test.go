package foreign

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A call does not wait long for a hanging read. No second read of its path begins.
func TestAReadThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		answer := make(chan struct{})
		hang := func() ([]byte, error) {
			reads.Add(1)
			<-answer
			return []byte("late"), nil
		}
		path := t.Name()
		for i := range 20 {
			begun := time.Now()
			if _, err := readWithin(t.Context(), path, 3*time.Second, hang); !errors.Is(err, ErrTooSlow) {
				t.Errorf("look %d: %v", i, err)
			}
			if took := time.Since(begun); took != 3*time.Second {
				t.Errorf("look %d took %s", i, took)
			}
		}
		if reads.Load() != 1 {
			t.Errorf("%d reads hang", reads.Load())
		}
		stopped := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(stopped)
		if _, err := readWithin(ctx, path, time.Second, hang); !errors.Is(err, stopped) {
			t.Errorf("after the end of its context: %v", err)
		}
		// Another path can be read meanwhile, and this one once it answers again.
		if got, err := readWithin(t.Context(), path+"2", time.Second,
			func() ([]byte, error) { return []byte("x"), nil }); string(got) != "x" || err != nil {
			t.Errorf("another path: %q, %v", got, err)
		}
		close(answer)
		synctest.Wait()
		if got, err := readWithin(t.Context(), path, time.Second, hang); string(got) != "late" || err != nil ||
			reads.Load() != 2 {
			t.Errorf("after it answered: %q, %v, %d reads", got, err, reads.Load())
		}
	})
}

func TestReadWithin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadWithin(t.Context(), path, 7, time.Minute); string(got) != "content" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := ReadWithin(t.Context(), path, 6, time.Minute); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}
