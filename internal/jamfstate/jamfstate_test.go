package jamfstate_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/jamfstate"
	"usher.internal/internal/wpj"
)

var update = flag.Bool("update", false, "write the golden files")

// evident is the result of each parser.
type evident interface{ Evidence() wpj.Evidence }

// parsers are the parsers by the directory of testdata with their input.
var parsers = map[string]func([]byte) (evident, error){
	"status":   func(b []byte) (evident, error) { return jamfstate.ParsePSSOStatus(b) },
	"agent":    func(b []byte) (evident, error) { return jamfstate.ParseAgentState(b) },
	"settings": func(b []byte) (evident, error) { return jamfstate.ParseSettings(b) },
}

func TestGolden(t *testing.T) {
	for format, parse := range parsers {
		files, err := filepath.Glob("testdata/" + format + "/*")
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, ".golden") {
				continue
			}
			t.Run(format+"/"+filepath.Base(file), func(t *testing.T) {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]any{}
				if read, err := parse(content); err != nil {
					if !errors.Is(err, jamfstate.ErrNotRecognised) {
						t.Errorf("%v is not ErrNotRecognised", err)
					}
					got["error"] = err.Error()
				} else {
					got["read"], got["evidence"] = read, read.Evidence()
				}
				shown, err := json.MarshalIndent(got, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				golden := file + ".golden"
				if *update {
					if err := os.WriteFile(golden, append(shown, '\n'), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if string(want) != string(shown)+"\n" {
					t.Errorf("got %s\nwant %s", shown, want)
				}
			})
		}
	}
}

// fuzz checks any parser: it returns an error of one line, or evidence that leads to a state.
func fuzz(f *testing.F, format string) {
	files, err := filepath.Glob("testdata/" + format + "/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		read, err := parsers[format](content)
		if err != nil {
			if !errors.Is(err, jamfstate.ErrNotRecognised) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		evidence := read.Evidence()
		if evidence.Finding == wpj.CouldNotLook || evidence.Detail == "" {
			t.Errorf("%+v", evidence)
		}
		if wpj.Evaluate([]wpj.Evidence{evidence}, wpj.Conditions{Now: time.Now()}).State == "" {
			t.Error("no state")
		}
	})
}

func FuzzParsePSSOStatus(f *testing.F) { fuzz(f, "status") }
func FuzzParseAgentState(f *testing.F) { fuzz(f, "agent") }
func FuzzParseSettings(f *testing.F)   { fuzz(f, "settings") }
