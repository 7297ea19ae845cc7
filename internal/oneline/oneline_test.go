package oneline_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"usher.internal/internal/oneline"
)

func TestOf(t *testing.T) {
	for _, test := range []struct {
		text  string
		limit int
		want  string
	}{
		{"Jane’s MacBook  Pro", 100, "Jane’s MacBook  Pro"},
		{"two\nlines\r\n", 100, "two lines"},
		{"\x1b[2Jgone", 100, "[2Jgone"},
		{"a\u009bb\u202ec\u00a0d\te", 100, "a b c d e"},
		{"not\xffUTF-8", 100, "not\uFFFDUTF-8"},
		{"größer", 6, "größer"},
		{"größer", 5, "größ…"},
		{"größer", 1, "…"},
		{"", 1, ""},
	} {
		if got := oneline.Of(test.text, test.limit); strings.ToValidUTF8(got, "\uFFFD") != test.want {
			t.Errorf("%q in %d is %q, want %q", test.text, test.limit, got, test.want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("a\x1b[31mb", 3)
	f.Add("größer\xff", 200)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(1, limit)
		got := oneline.Of(text, limit)
		if utf8.RuneCountInString(got) > limit ||
			strings.ContainsFunc(got, func(letter rune) bool { return !unicode.IsPrint(letter) }) {
			t.Errorf("%q in %d is %q", text, limit, got)
		}
		if again := oneline.Of(got, limit); again != got {
			t.Errorf("%q becomes %q the second time", got, again)
		}
	})
}
