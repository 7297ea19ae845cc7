// Package phrase begins sentences. What a table of usher's says is kept as a phrase, which fits inside a sentence as it
// is; the table's own sentence begins with it. The other way round nobody could tell a name from another word.
package phrase

import (
	"strings"
	"unicode"
)

// Title returns the phrase as the beginning of a sentence: with a capital letter, unless the first word is usher's own
// name, or one that has its capitals elsewhere, such as macOS. The phrase begins with an ASCII character or is empty.
func Title(phrase string) string {
	word, _, _ := strings.Cut(phrase, " ")
	if phrase == "" || word == "usher" || strings.ContainsFunc(word, unicode.IsUpper) {
		return phrase
	}
	return strings.ToUpper(phrase[:1]) + phrase[1:]
}
