package redact_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"usher.internal/internal/redact"
	"usher.internal/internal/timeline"
)

// A log is redacted in blocks of whole lines, independent of the sizes of its reads.
func TestALogIsCopied(t *testing.T) {
	var log strings.Builder
	for log.Len() < 300<<10 {
		log.WriteString(strings.Join(document, "\n") + "\n")
	}
	log.WriteString("no end of a line for mia.keller")
	r := redact.New(redact.Options{Users: []string{"Mia Keller"}})
	if err := r.LearnFrom(t.Context(), iotest.HalfReader(strings.NewReader(log.String()))); err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	if err := r.Copy(t.Context(), &copied, iotest.HalfReader(strings.NewReader(log.String()))); err != nil {
		t.Fatal(err)
	}
	if want := r.Text(log.String()); copied.String() != want {
		t.Errorf("a copy of %d bytes differs from the text of %d", copied.Len(), len(want))
	}
	for _, value := range planted {
		if strings.Contains(strings.ToLower(copied.String()), strings.ToLower(value)) {
			t.Errorf("%q survives", value)
		}
	}
	if err := r.Copy(t.Context(), io.Discard, iotest.ErrReader(errors.New("disk"))); err == nil {
		t.Error("a reader's error is lost")
	}
	counts := r.Counts()
	if len(counts) == 0 || counts[0].Of != 4 {
		t.Errorf("counts %+v", counts)
	}
}

// Some lines are longer than a block.
func TestLongLinesAreKept(t *testing.T) {
	long := strings.Repeat("word and more ", 100_000)
	var copied bytes.Buffer
	if err := redact.New(redact.Options{}).Copy(t.Context(), &copied, strings.NewReader(long)); err != nil ||
		copied.String() != long {
		t.Errorf("%d bytes became %d, %v", len(long), copied.Len(), err)
	}
}

// endless is a text that never ends.
type endless struct {
	reads, cancelAfter int
	cancel             context.CancelFunc
}

func (e *endless) Read(p []byte) (int, error) {
	if e.reads++; e.reads == e.cancelAfter {
		e.cancel()
	}
	return copy(p, strings.Repeat("word ", len(p)/5+1)), nil
}

// Learning from a text and copying it end with the context, and a report is not redacted in part.
func TestRedactionEndsWithItsContext(t *testing.T) {
	r := redact.New(redact.Options{})
	for name, read := range map[string]func(context.Context, io.Reader) error{
		"learning": r.LearnFrom, "copying": func(ctx context.Context,
			from io.Reader) error {
			return r.Copy(ctx, io.Discard, from)
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		source := &endless{cancelAfter: 3, cancel: cancel}
		if err := read(ctx, source); !errors.Is(err, context.Canceled) || source.reads > 4 {
			t.Errorf("%s: %v after %d reads", name, err, source.reads)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report := &timeline.Report{Attempts: []timeline.Attempt{{User: "jane"}}}
	if err := redact.Report(ctx, report, r); !errors.Is(err, context.Canceled) || report.Redacted {
		t.Errorf("a report: %v, redacted %v", err, report.Redacted)
	}
}
