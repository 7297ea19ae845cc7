package timeline_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"usher.internal/internal/timeline"
)

// looks is a context that ends after so many looks at it. Readers look before each of their reads.
type looks struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

// Err implements [context.Context].
func (l *looks) Err() error {
	if l.left.Add(-1) < 0 {
		l.cancel()
	}
	return l.Context.Err()
}

// When its context ends, Build ends too, and returns no report of logs that were read in part.
func TestBuildEndsWithItsContextAtAnyPoint(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/success.txtar")
	if err != nil {
		t.Fatal(err)
	}
	archive.Files = append(archive.Files,
		txtar.File{Name: "var/log/jamf.log",
			Data: []byte(strings.Repeat("Mon Apr 27 09:09:30 Mac jamf[1480]: Checking for patches...\n", 5000))})
	logs, _ := unpack(t, archive)
	points := 0
	for after := int64(0); ; after++ {
		ctx := &looks{}
		ctx.Context, ctx.cancel = context.WithCancel(t.Context())
		ctx.left.Store(after)
		report, err := timeline.Build(ctx, logs, timeline.Options{Now: now, Lines: 100})
		ended := ctx.Context.Err() != nil
		ctx.cancel()
		if !ended {
			break
		}
		points++
		if !errors.Is(err, context.Canceled) || report != nil {
			t.Fatalf("ended after %d looks with error %v", after, err)
		}
	}
	if points < 10 {
		t.Errorf("it was ended at %d points", points)
	}
}
