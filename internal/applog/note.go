package applog

import "strings"

// notes are how lines begin that stand between entries and say something about the log itself [reference/domain.md 5.2;
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
