// Package phrase turns phrases into the beginnings of sentences. usher's tables hold phrases, which fit inside a
// sentence unchanged and also begin a sentence of their own. The reverse is impossible: at the beginning of a sentence,
// a name looks like any other word.
package phrase

import (
	"strings"
	"unicode"
)

// Title returns the phrase as the beginning of a sentence, with a capital letter. The first word is unchanged if it is
// usher's own name, or has its capitals elsewhere, such as macOS. The phrase begins with an ASCII character or is
// empty.
func Title(phrase string) string {
	word, _, _ := strings.Cut(phrase, " ")
	if phrase == "" || word == "usher" || strings.ContainsFunc(word, unicode.IsUpper) {
		return phrase
	}
	return strings.ToUpper(phrase[:1]) + phrase[1:]
}
