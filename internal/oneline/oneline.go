// Package oneline makes other people's text safe to show: in a journal, in a log, and on an admin's terminal.
package oneline

import (
	"strings"
	"unicode"
)

// Of returns text as one line of at most limit characters. A character that is not printable becomes a space: it could
// move a cursor, break a line or reverse the direction of writing. A longer text is cut and ends with "…". The limit is
// 1 or more.
func Of(text string, limit int) string {
	text = strings.Join(strings.FieldsFunc(text, func(letter rune) bool { return !unicode.IsPrint(letter) }), " ")
	count := 0
	for at := range text {
		if count == limit-1 && len([]rune(text[at:])) > 1 {
			return text[:at] + "…"
		}
		count++
	}
	return text
}
