package event

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"usher.internal/internal/applog"
)

// samples are the logs in the test data: logs of real Macs, and logs that imitate them. A file without a log line does
// no harm.
func samples(t *testing.T) (texts [][]byte) {
	t.Helper()
	for _, folder := range []string{"../applog/testdata", "../timeline/testdata", "../errorcode/testdata", "testdata"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			switch filepath.Ext(path) {
			case ".txtar":
				for _, file := range txtar.Parse(content).Files {
					if file.Name != "want" {
						texts = append(texts, file.Data)
					}
				}
			case ".log", ".txt":
				texts = append(texts, content)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// words are what a sign looks for, without its program: a sample of one program is enough.
func (s *Sign) words() Sign {
	return Sign{Event: s.Event, Target: s.Target, Failed: s.Failed, Message: s.Message, Also: s.Also, Domain: s.Domain,
		Number: s.Number}
}

// shows reports whether a record that was recognised as the sign's event has the sign.
func (s *Sign) shows(record *applog.Record) bool {
	if s.Event != "" {
		return record.Fields.Get("eventTitle") == s.Event && (s.Target == "" || record.Fields.Get("target") == s.Target)
	}
	if s.Domain != "" && ofFields(record.Fields) == signs().errors[code{s.Domain, s.Number}] {
		return true
	}
	codes := messageCodes{message: record.Message}
	return (s.From == "" || s.From == record.Format.Source()) && strings.Contains(record.Message, s.text()) &&
		s.fits(record, &codes)
}

// For each sign, a sample has a line that the sign recognises.
func TestEverySignHasASample(t *testing.T) {
	seen := map[string]map[Sign]bool{}
	for _, text := range samples(t) {
		for record, err := range applog.Read(t.Context(), bytes.NewReader(text), applog.Options{}) {
			if err != nil {
				t.Fatal(err)
			}
			known := Recognise(record)
			if known == nil {
				continue
			}
			if seen[known.Name] == nil {
				seen[known.Name] = map[Sign]bool{}
			}
			for i := range known.Signs {
				if known.Signs[i].shows(record) {
					seen[known.Name][known.Signs[i].words()] = true
				}
			}
		}
	}
	for _, known := range all {
		for _, sign := range known.Signs {
			if words := sign.words(); !seen[known.Name][words] {
				t.Errorf("%s: no sample shows %+v; write a line into testdata, from %s", known.Name, words,
					known.Source)
			}
		}
	}
}
