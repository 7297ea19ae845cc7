package terminal

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	const clear = "\r\x1b[K"
	for name, test := range map[string]struct {
		terminal    Terminal
		running     time.Duration
		done, total int
		want        string
	}{
		"a moment on a terminal": {Terminal{PersonReadsErr: true}, 0, 1, 2, ""},
		"a bar": {Terminal{PersonReadsErr: true}, 5 * time.Second, 1, 2,
			clear + "asking [###############...............] 1 of 2, 5s" + clear},
		"more than were known": {Terminal{PersonReadsErr: true}, time.Second, 5, 2,
			clear + "asking [##############################] 5 of 2, 1s" + clear},
		"nobody knows of how many": {Terminal{PersonReadsErr: true}, time.Second, 5, 0, clear + "asking 5, 1s" + clear},
		"a moment in a log":        {Terminal{}, time.Second, 1, 2, ""},
		"a line in a log":          {Terminal{}, 5 * time.Second, 1, 2, "asking… 1 of 2\n"},
		"a line without a total":   {Terminal{}, 5 * time.Second, 1, 0, "asking… 1\n"},
		"JSON on a terminal":       {Terminal{JSON: true, PersonReadsErr: true}, 5 * time.Second, 1, 2, ""},
		"JSON":                     {Terminal{JSON: true}, 5 * time.Second, 1, 2, ""},
	} {
		var shown bytes.Buffer
		test.terminal.Err = &shown
		bar := test.terminal.Progress("asking")
		bar.started = bar.started.Add(-test.running)
		bar.Show(test.done, test.total)
		bar.End()
		if shown.String() != test.want {
			t.Errorf("%s: %q", name, shown.String())
		}
		bar.Show(test.done, test.total)
		if lines := strings.Count(shown.String(), "\n"); lines > 1 {
			t.Errorf("%s: %d lines", name, lines)
		}
	}
}

// Long work is announced once, after two seconds, and never beside text that is written after its end.
func TestAfterAWhile(t *testing.T) {
	for takes, want := range map[time.Duration]string{time.Second: "end\n", 2 * time.Second: "",
		3 * time.Second: "waiting…\nend\n"} {
		synctest.Test(t, func(t *testing.T) {
			var said bytes.Buffer
			ended := (&Terminal{Err: &said}).AfterAWhile("waiting…")
			time.Sleep(takes)
			ended()
			ended()
			said.WriteString("end\n")
			if want != "" && said.String() != want { // at two seconds either may be first
				t.Errorf("after %s: %q", takes, said.String())
			}
		})
	}
}
