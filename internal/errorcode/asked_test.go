package errorcode_test

import (
	"os"
	"strings"
	"testing"

	"usher.internal/internal/errorcode"
)

// TestAsked reads people's texts in testdata/asked.tsv, also with other line ends and in quotes.
func TestAsked(t *testing.T) {
	table, err := os.ReadFile("testdata/asked.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		text, want, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if strings.HasPrefix(text, "# ") {
			continue
		}
		for _, written := range []string{text, "  " + text + "\r\n", strings.ReplaceAll(text, " ", "  "),
			`"` + text + `"`, strings.ReplaceAll(text, " ", "\u00a0")} {
			if got := listed(errorcode.Asked(written)); got != want {
				t.Errorf("%q:\n got %q\nwant %q", written, got, want)
			}
		}
	}
}

// listed writes codes in the form of the tables in testdata.
func listed(found []errorcode.Found) string {
	var all []string
	for _, one := range found {
		text := one.Written()
		if one.Domain == errorcode.PlatformSSO && one.Number == -1001 && one.Words != "" {
			text += " " + one.Name
		}
		if !one.Known {
			text = "?" + text
		}
		all = append(all, text)
	}
	return strings.Join(all, " | ")
}
