package terminal

import (
	"strings"
	"unicode/utf8"
)

// words are the pieces between which a text can be broken: its words, and each command in backticks as a whole, so it
// can be copied and pasted.
func words(text string) (all []string) {
	inCommand := false
	for _, word := range strings.Fields(text) {
		if inCommand {
			all[len(all)-1] += " " + word
		} else {
			all = append(all, word)
		}
		if strings.Count(word, "`")%2 == 1 {
			inCommand = !inCommand
		}
	}
	return all
}

// Wrap breaks text into lines of at most width characters. A longer one of its [words] has a line of its own and is
// not cut. A width of 0 or less means no limit.
func Wrap(text string, width int) []string {
	if width <= 0 || utf8.RuneCountInString(text) <= width {
		return []string{text}
	}
	// Each line has the indentation of the text.
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	line := indent
	var lines []string
	for i, word := range words(text) {
		switch {
		case i == 0:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
