package recognise_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher.internal/ctl/inspect/recognise"
)

var update = flag.Bool("update", false, "write what is read into the golden files")

// now is after all samples.
var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// shown is a report as a golden file has it.
func shown(report recognise.Report, err error) string {
	var out strings.Builder
	if err != nil {
		fmt.Fprintf(&out, "error: %v\n", err)
	}
	for _, how := range report.ReadAs {
		fmt.Fprintf(&out, "read as: %s\n", how)
	}
	for _, thing := range report.Things {
		fmt.Fprintf(&out, "\n%s: %s\n", thing.Format, thing.Name)
		for _, fact := range thing.Facts {
			fmt.Fprintf(&out, "  %s: %s\n", fact.Name, fact.Value)
			if fact.Meaning != "" {
				fmt.Fprintf(&out, "      %s\n", fact.Meaning)
			}
		}
		if thing.Evidence != nil {
			fmt.Fprintf(&out, "  evidence: %s, %s: %s\n", thing.Evidence.Source, thing.Evidence.Finding,
				thing.Evidence.Detail)
		}
		for what, text := range map[string]string{"problem": thing.Problem} {
			if text != "" {
				fmt.Fprintf(&out, "  %s: %s\n", what, text)
			}
		}
		if thing.Note != "" {
			fmt.Fprintf(&out, "  note: %s\n", thing.Note)
		}
		if thing.Advice != "" {
			fmt.Fprintf(&out, "  what to do: %s\n", thing.Advice)
		}
	}
	return out.String()
}

// samples are the sample files, by name.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/samples/*")
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string][]byte{}
	for _, file := range files {
		if strings.HasSuffix(file, ".golden") {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		contents[filepath.Base(file)] = content
	}
	return contents
}

func TestGolden(t *testing.T) {
	for name, content := range samples(t) {
		t.Run(name, func(t *testing.T) {
			got := []byte(shown(recognise.Read(content, now)))
			golden := filepath.Join("testdata/samples", name+".golden")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
}
