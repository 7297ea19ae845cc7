package applog

import "strings"

// notes are how lines begin that stand between entries and say something about the log itself [docs/log-formats.md;
// `man log`]. A file's name between arrows is written by tail, when it shows several files.
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

// isRunnerExit reports whether a line is what a script runner says of a script's end, before its output. The code is
// that of the script, and never Company Portal's [https://github.com/fleetdm/fleet/issues/52629]:
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

// isRunnerHeading reports whether a line is one that a script runner or the script writes around an output. It is too
// short to end an entry.
func isRunnerHeading(text string) bool {
	text = strings.TrimRight(text, blanks)
	return text == "Output:" || len(text) >= 3 && strings.Trim(text, "-") == "" ||
		strings.HasPrefix(text, "Pulling unified log from ")
}
