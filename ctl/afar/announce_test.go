package afar

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// What a shell prints before usherctl is dropped, however the text is split into pieces; too much of it ends it.
func TestSkipper(t *testing.T) {
	binary := "\x00\x00\x06" + Announcement + "PK"
	for _, test := range []struct{ noise, content string }{
		{"", "content"},
		{"", ""},
		{"", binary},
		{"Welcome\r\n", "content"},
		{"no end of line", binary},
		{Announcement[:len(Announcement)-1] + Announcement[:5], binary},
		{strings.Repeat("x", maximumNoise), "content"},
	} {
		for _, size := range []int{1, 7, len(Announcement), 4 << 10, 1 << 20} {
			var got bytes.Buffer
			skipped := &skipper{to: &got}
			for text := test.noise + Announcement + test.content; text != ""; text = text[min(size, len(text)):] {
				piece := text[:min(size, len(text))]
				if n, err := skipped.Write([]byte(piece)); n != len(piece) || err != nil {
					t.Fatal(n, err)
				}
			}
			if got.String() != test.content || !skipped.preamble.over || skipped.preamble.printed() != "" {
				t.Errorf("%.20q before %q in pieces of %d: %q", test.noise, test.content, size, got.String())
			}
		}
	}
	skipped := &skipper{to: new(bytes.Buffer)}
	var err error
	for range maximumNoise {
		if _, err = skipped.Write([]byte("yes\n")); err != nil {
			break
		}
	}
	if !errors.Is(err, errNoise) || len(skipped.preamble.noise) > maximumNoise+100 {
		t.Errorf("%d bytes are kept, %v", len(skipped.preamble.noise), err)
	}
}

func TestWhatWasPrinted(t *testing.T) {
	for _, test := range []struct{ noise, want string }{
		{"", ""},
		{" \r\n\n", ""},
		{"\r\n  Welcome\x1b[2J to\tmac\r\nmore", "Welcome [2J to mac"},
		{"\xff\n", "\ufffd"},
		{strings.Repeat("x", 100), strings.Repeat("x", 79) + "…"},
	} {
		before := &preamble{}
		if _, err := before.skip([]byte(test.noise)); err != nil || before.printed() != test.want {
			t.Errorf("%q is shown as %q, %v", test.noise, before.printed(), err)
		}
	}
}
