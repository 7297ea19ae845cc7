// Package oneline makes text that somebody else wrote fit to be shown: in a journal, in a log, and on an admin's
// terminal.
package oneline

import (
	"strings"
	"unicode"
)

// Of returns text as one line of at most limit characters. Whatever is not printable, and could move a cursor, break a
// line or turn the direction of writing round, becomes a space; what is longer is cut and ends with "…". The limit is 1
// or more.
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
