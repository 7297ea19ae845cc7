package applog

import "strings"

// notes are the beginnings of lines between entries that say something about the log itself [docs/log-formats.md; `man
// log`]. The command tail writes a file's name between arrows when it shows several files.
var notes = []string{
	"==> ",
	"Filtering the log data using ",
	"Skipping debug messages", "Skipping info and debug messages", "Skipping info messages",
	"Timestamp                       ", "Timestamp               ",
	`{"count":`,
	"--------------------------------",
	"Log      - Default:", "Activity - Create:",
}

func isNote(text string) bool {
	switch text {
	case "", "[", "]", "[]", ",":
		return true
	}
	switch text[0] {
	case '=', 'F', 'S', 'T', '{', '-', 'L', 'A':
	case 'E':
		return isRunnerExit(text)
	default:
		return false
	}
	for _, beginning := range notes {
		if strings.HasPrefix(text, beginning) {
			return true
		}
	}
	return false
}

// isRunnerExit reports whether a line is a script runner's message about a script's exit, before its output. The code
// is that of the script, and never Company Portal's [https://github.com/fleetdm/fleet/issues/52629]:
//
//	Exit code: 0 (Script ran successfully.)
func isRunnerExit(text string) bool {
	code, ok := strings.CutPrefix(text, "Exit code: ")
	if !ok {
		return false
	}
	code, said, ok := strings.Cut(code, " (")
	return ok && isNumber(strings.TrimPrefix(code, "-")) && strings.HasSuffix(strings.TrimRight(said, blanks), ")")
}

// isRunnerHeading reports whether a script runner, or the script, writes the line around an output. The line is too
// short to end an entry.
func isRunnerHeading(text string) bool {
	text = strings.TrimRight(text, blanks)
	return text == "Output:" || len(text) >= 3 && strings.Trim(text, "-") == "" ||
		strings.HasPrefix(text, "Pulling unified log from ")
}
