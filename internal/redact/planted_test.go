package redact_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"usher.internal/internal/redact"
)

// plantedEntry is one of testdata/planted.txt.
type plantedEntry struct {
	line         int
	text         string
	gone, stayed []string
}

func plantedEntries(t testing.TB) []plantedEntry {
	t.Helper()
	content, err := os.ReadFile("testdata/planted.txt")
	if err != nil {
		t.Fatal(err)
	}
	var entries []plantedEntry
	one := plantedEntry{}
	end := func() {
		if one.text != "" {
			one.text = strings.TrimSuffix(one.text, "\n")
			entries = append(entries, one)
		}
		one = plantedEntry{}
	}
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		switch line = strings.TrimSuffix(line, "\n"); {
		case line == "":
			end()
		case strings.HasPrefix(line, "# ") && one.text == "":
		case strings.HasPrefix(line, "- "):
			one.gone = append(one.gone, line[2:])
		case strings.HasPrefix(line, "+ "):
			one.stayed = append(one.stayed, line[2:])
		default:
			if one.text == "" {
				one.line = number
			}
			one.text += line + "\n"
		}
	}
	end()
	return entries
}

func TestPlanted(t *testing.T) {
	entries := plantedEntries(t)
	if len(entries) < 120 {
		t.Errorf("only %d entries", len(entries))
	}
	for _, entry := range entries {
		for _, one := range append(entry.gone, entry.stayed...) {
			if !strings.Contains(entry.text, one) {
				t.Fatalf("planted.txt:%d: %q is not in the text", entry.line, one)
			}
		}
		r := redact.New(redact.Options{})
		r.LearnText(entry.text)
		got := r.Text(entry.text)
		checkPlanted(t, entry, got)
		if again := r.Text(got); again != got {
			t.Errorf("planted.txt:%d: redacted twice:\n%s\nonce:\n%s", entry.line, again, got)
		}
	}
}

func checkPlanted(t *testing.T, entry plantedEntry, got string) {
	t.Helper()
	for _, one := range entry.gone {
		if strings.Contains(strings.ToLower(got), strings.ToLower(one)) {
			t.Errorf("planted.txt:%d: %q survives in\n%s", entry.line, one, got)
		}
	}
	for _, one := range entry.stayed {
		if !strings.Contains(got, one) {
			t.Errorf("planted.txt:%d: %q is lost in\n%s", entry.line, one, got)
		}
	}
}

// A word of a line that is longer than a block is not cut in the middle.
func TestPlantedInALongLine(t *testing.T) {
	for fill := range 40 {
		line := strings.Repeat("word ", (256<<10-fill)/5) + "password=hunter2secret code=66 " +
			strings.Repeat("more ", 100)
		var copied bytes.Buffer
		if err := redact.New(redact.Options{}).Copy(t.Context(), &copied, strings.NewReader(line)); err != nil {
			t.Fatal(err)
		}
		if got := copied.String(); strings.Contains(got, "secret") || strings.Contains(got, "hunter") ||
			!strings.Contains(got, "code=66") {
			t.Errorf("%d: %s", fill, got[len(got)-600:])
		}
	}
}

// A secret of several lines is hidden even if a read ends in the middle of it.
func TestPlantedIsCopied(t *testing.T) {
	for _, entry := range plantedEntries(t) {
		ends := []int{}
		for at, letter := range entry.text {
			if letter == '\n' {
				ends = append(ends, at+1)
			}
		}
		// The text before it moves each of its lines over the end of a block.
		for _, end := range ends {
			padding := strings.Repeat("\n", 256<<10-end)
			r := redact.New(redact.Options{})
			var copied bytes.Buffer
			if err := r.Copy(t.Context(), &copied, strings.NewReader(padding+entry.text+"\n")); err != nil {
				t.Fatal(err)
			}
			checkPlanted(t, entry, copied.String()[len(padding):])
		}
	}
}
