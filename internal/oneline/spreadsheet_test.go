package oneline_test

import (
	"encoding/json"
	"strings"
	"testing"

	"usher.internal/internal/oneline"
)

func TestCell(t *testing.T) {
	for text, want := range map[string]string{
		"lab-7":                   "lab-7",
		"":                        "",
		"=1+1":                    "'=1+1",
		"+1":                      "'+1",
		"-1":                      "'-1",
		"@SUM(A1)":                "'@SUM(A1)",
		"\t=1":                    "'\t=1",
		"\ttext":                  "'\ttext",
		"\r\n=1":                  "'  =1",
		"a\x1b[2J\u202eb":         "a [2J b",
		"  =1":                    "'  =1",
		"\u200b=1":                "' =1",
		"\ufeff=1":                "' =1",
		"\u00a0=1":                "' =1",
		`"=1`:                     `'"=1`,
		`'"=1`:                    `'"=1`,
		"“=1":                     "'“=1",
		"＝1":                      "'＝1",
		"＋1":                      "'＋1",
		"＂＝1":                     "'＂＝1",
		"asleep; =cmd|' /C calc'": "asleep; '=cmd|' /C calc'",
		"a;-b;c":                  "a;'-b;c",
		"'=1":                     "'=1",
		"a=b":                     "a=b",
	} {
		if got := oneline.Cell(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func FuzzCell(f *testing.F) {
	f.Add("=1")
	f.Add("a; \"＝x\n")
	f.Fuzz(func(t *testing.T, text string) {
		got := oneline.Cell(text)
		for part := range strings.SplitSeq(got, ";") {
			if part = strings.TrimSpace(part); part != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(part)[0]) {
				t.Errorf("%q is %q", text, got)
			}
		}
		if again := oneline.Cell(got); again != got {
			t.Errorf("%q becomes %q the second time", got, again)
		}
	})
}

func TestJSON(t *testing.T) {
	hostile := "a\u009b31m\u0085\u007f \u061c\u200e\u200f\u202a\u202e\u2066\u2069\ufeff größer 👩‍💻\x1b"
	encoded, err := json.Marshal(map[string]string{hostile: hostile})
	if err != nil {
		t.Fatal(err)
	}
	got := oneline.JSON(encoded)
	for _, letter := range "\u009b\u0085\u007f\u061c\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\x1b" {
		if strings.ContainsRune(string(got), letter) {
			t.Errorf("%U is in %s", letter, got)
		}
	}
	if !strings.Contains(string(got), `\u009b`) || !strings.Contains(string(got), "größer 👩‍💻") {
		t.Errorf("got %s", got)
	}
	var back map[string]string
	if err := json.Unmarshal(got, &back); err != nil || back[hostile] != hostile {
		t.Errorf("reads back as %q, %v", back, err)
	}
}
