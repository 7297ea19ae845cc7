package excerpt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/excerpt"
)

// noon is when the attempt of these tests begins.
var noon = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)

const portalLog = `beginning of a line that was cut off
2026-03-09 10:00:00.000 | login | 1 | A.swift: 1 (f()) | long before
2026-03-09 11:50:00.000 | login | 1 | A.swift: 1 (f()) | just before
2026-03-09 12:00:01.000 | telemetry | 1 | A.swift: 1 (f()) | ReceivedEvent: The event that would have otherwise gone to telemetry is: 
eventTitle: ADALLoginStarted
2026-03-09 12:00:02.000 | login | 1 | A.swift: 1 (f()) | secret of john
2026-03-09 12:15:00.001 | login | 1 | A.swift: 1 (f()) | long after
2026-03-10 12:00:00.000 | login | 1 | A.swift: 1 (f()) | next day
`

func copied(t *testing.T, log string, options excerpt.Options) (string, excerpt.Result) {
	t.Helper()
	var to bytes.Buffer
	result, err := excerpt.Copy(t.Context(), &to, strings.NewReader(log),
		applog.Options{Zone: time.UTC, Modified: noon}, options)
	if err != nil {
		t.Fatal(err)
	}
	return to.String(), result
}

func TestRecordsOfTheSpansAreCopied(t *testing.T) {
	attempt := excerpt.Around(noon, noon.Add(5*time.Minute))
	text, result := copied(t, portalLog, excerpt.Options{
		Spans: []excerpt.Span{attempt}, Limit: 1 << 20,
		Keep: func(record *applog.Record) bool { return !strings.Contains(record.Message, "john") },
	})
	lines := strings.SplitAfter(portalLog, "\n")
	if want := strings.Join(lines[2:5], ""); text != want {
		t.Errorf("copied\n%swant\n%s", text, want)
	}
	if want := (excerpt.Result{Kept: 2, OutOfTime: 4, LeftOut: 1}); result != want {
		t.Errorf("%+v, want %+v", result, want)
	}
}

func TestWithoutSpansAllOfItIsCopied(t *testing.T) {
	if text, _ := copied(t, portalLog, excerpt.Options{Limit: 1 << 20}); text != portalLog {
		t.Errorf("copied\n%s", text)
	}
}

func TestTheNewestAreCopied(t *testing.T) {
	var log strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&log, "2026-03-09 12:00:00.%03d | login | 1 | A.swift: 1 (f()) | number %d\n", i, i)
	}
	line := strings.Index(log.String(), "\n") + len("99\n") // as long as the longest
	text, result := copied(t, log.String(), excerpt.Options{Limit: 10 * line})
	if !strings.HasSuffix(log.String(), text) || len(text) > 10*line || result.Kept != 10 || result.TooMany != 990 {
		t.Errorf("%d bytes of at most %d, %+v", len(text), 10*line, result)
	}
	if text, result = copied(t, portalLog, excerpt.Options{Limit: 3}); text != "" || result.Kept != 0 {
		t.Errorf("copied %q, %+v, with no room for one record", text, result)
	}
}

func TestWhatCouldBeReadIsCopied(t *testing.T) {
	broken := errors.New("disk")
	var to bytes.Buffer
	_, err := excerpt.Copy(t.Context(), &to, io.MultiReader(strings.NewReader(portalLog), iotest.ErrReader(broken)),
		applog.Options{}, excerpt.Options{Limit: 1 << 20})
	if !errors.Is(err, broken) || to.String() != portalLog {
		t.Errorf("%v after %q", err, to.String())
	}
	if _, err := excerpt.Copy(t.Context(), full{}, strings.NewReader(portalLog), applog.Options{},
		excerpt.Options{Limit: 1 << 20}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a full disk: %v", err)
	}
}

// full takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
