package applog_test

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"usher.internal/internal/applog"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGolden(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) < 3 {
		t.Fatalf("logs: %v, %v", logs, err)
	}
	for _, path := range logs {
		t.Run(filepath.Base(path), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			encoder := json.NewEncoder(&got)
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			for _, record := range readAll(t, string(content)) {
				if err := encoder.Encode(record); err != nil {
					t.Fatal(err)
				}
			}
			golden := strings.TrimSuffix(path, ".log") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("records differ from %s (go test -update writes it); got:\n%s", golden, got.String())
			}
		})
	}
}

// options make the tests give the same result everywhere.
var options = applog.Options{Zone: time.FixedZone("test", -5*60*60),
	Modified: time.Date(2026, 4, 27, 0, 0, 0, 0, time.UTC)}

// readAll reads a log byte by byte and all at once; the results must not differ.
func readAll(t *testing.T, content string) []applog.Record {
	t.Helper()
	read := func(source io.Reader) (records []applog.Record) {
		for record, err := range applog.Read(t.Context(), source, options) {
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, record.Clone())
		}
		return records
	}
	records := read(strings.NewReader(content))
	if slowly := read(iotest.OneByteReader(strings.NewReader(content))); len(slowly) != len(records) {
		t.Errorf("%d records at once, %d byte by byte", len(records), len(slowly))
	}
	accountFor(t, content, records)
	return records
}

// accountFor checks that the records lie end to end and contain every byte.
func accountFor(t *testing.T, content string, records []applog.Record) {
	t.Helper()
	var offset int64
	lines := 1
	for i, record := range records {
		if record.Offset != offset || record.End-record.Offset != int64(len(record.Raw))+record.Cut {
			t.Fatalf("record %d: [%d, %d) with %d bytes and %d cut, after offset %d",
				i, record.Offset, record.End, len(record.Raw), record.Cut, offset)
		}
		offset = record.End
		if record.Line != lines {
			t.Fatalf("record %d: line %d, want %d", i, record.Line, lines)
		}
		lines += len(record.Lines())
		if record.Cut == 0 && content[record.Offset:record.End] != record.Raw {
			t.Fatalf("record %d: raw differs from the file", i)
		}
	}
	if offset != int64(len(content)) {
		t.Fatalf("records end at %d of %d bytes", offset, len(content))
	}
}

func TestTooLongLineIsCut(t *testing.T) {
	const limit = 1 << 20
	head := "2021-03-09 14:02:11.004 INFO com.microsoft.ssp.application TID=1 A.swift: 1 (f()) "
	records := readAll(t, head+strings.Repeat("x", 3*limit)+"\nrest\n")
	if len(records) != 2 {
		t.Fatalf("%d records", len(records))
	}
	if want := int64(len(head) + 3*limit + 1 - limit); records[0].Cut != want || len(records[0].Raw) != limit {
		t.Errorf("cut %d, want %d; kept %d", records[0].Cut, want, len(records[0].Raw))
	}
	if records[1].Raw != "rest\n" || records[1].Kind != applog.Unparsed {
		t.Errorf("after it: %+v", records[1])
	}
}

func TestPayloadWithoutEndIsBounded(t *testing.T) {
	head := "2021-03-09 14:02:11.004 VERB com.microsoft.ssp.telemetry TID=1 A.swift: 1 (f()) event : {\n"
	records := readAll(t, head+strings.Repeat("key = value;\n", 200_000))
	if !records[0].Torn || len(records[0].Raw) > 1<<20 || records[1].Kind != applog.Unparsed {
		t.Errorf("torn %v with %d bytes, then unparsed %v", records[0].Torn, len(records[0].Raw), records[1].Kind)
	}
}

func TestReadReturnsErrorAfterRecords(t *testing.T) {
	broken := errors.New("broken")
	var records int
	var got error
	for _, err := range applog.Read(t.Context(),
		io.MultiReader(strings.NewReader("one\ntwo"), iotest.ErrReader(broken)), options) {
		if got = err; err == nil {
			records++
		}
	}
	if records != 2 || !errors.Is(got, broken) {
		t.Errorf("%d records, error %v", records, got)
	}
}

func TestReadCanBeLeft(t *testing.T) {
	for range applog.Read(t.Context(), strings.NewReader("one\ntwo\nthree\n"), options) {
		break
	}
}

func FuzzRead(f *testing.F) {
	logs, _ := filepath.Glob("testdata/*.log")
	for _, path := range logs {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	f.Add("2021-03-09 14:02:11.004 A\n{\n}\n)")
	f.Fuzz(func(t *testing.T, content string) {
		for _, record := range readAll(t, content) {
			if record.Kind == applog.Entry && record.Level == "" {
				t.Errorf("parsed without a level: %+v", record)
			}
		}
	})
}
