package platformsso_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/platformsso"
	"usher.internal/internal/wpj"
)

var update = flag.Bool("update", false, "write what is read into the golden files")

// told is what a golden file holds: what was read, and what that alone comes to.
type told struct {
	Error    string `json:",omitempty"`
	Finding  wpj.Finding
	Detail   string
	Facts    *wpj.PlatformSSO
	UPN      string
	State    wpj.State
	Rule     string
	DeviceID string
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			output, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := told{}
			report, err := platformsso.Parse(output)
			if err != nil {
				if !errors.Is(err, platformsso.ErrNotRecognised) {
					t.Errorf("%v is not ErrNotRecognised", err)
				}
				got.Error = err.Error()
			} else {
				evidence := report.Evidence()
				identity := wpj.Evaluate([]wpj.Evidence{evidence}, "", time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
				got = told{"", evidence.Finding, evidence.Detail, evidence.PlatformSSO, string(evidence.UserPrincipalName), identity.State, identity.Rule, string(identity.DeviceID)}
			}
			content, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := file + ".golden"
			if *update {
				if err := os.WriteFile(golden, append(content, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != string(content)+"\n" {
				t.Errorf("got %s\nwant %s", content, want)
			}
		})
	}
}

// Whatever was printed, an error or evidence that Evaluate can use comes of it, and no error holds more than a line.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		output, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(output)
	}
	f.Fuzz(func(t *testing.T, output []byte) {
		report, err := platformsso.Parse(output)
		if err != nil {
			if !errors.Is(err, platformsso.ErrNotRecognised) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		evidence := report.Evidence()
		if evidence.Source != wpj.SourcePlatformSSO || evidence.Finding == wpj.CouldNotLook || (evidence.Finding == wpj.Found) != (evidence.PlatformSSO != nil) {
			t.Errorf("%+v", evidence)
		}
		if state := wpj.Evaluate([]wpj.Evidence{evidence}, "", time.Now()).State; state == "" {
			t.Error("no state")
		}
	})
}
