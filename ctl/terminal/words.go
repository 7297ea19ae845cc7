package terminal

import (
	"cmp"
	"strings"
)

// Dash is a text, or what stands in a table for none.
func Dash(text string) string { return cmp.Or(text, "-") }

// Quote makes one word of a text for any shell that a user may have; fish knows backslashes within quotes.
func Quote(text string) string {
	return "'" + strings.NewReplacer("'", `'\''`, `\`, `'\\'`).Replace(text) + "'"
}

// ShellWord is a text as one word of a command that a person pastes: as it is where no shell makes something else of
// it.
func ShellWord(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+,") ==
		"" {
		return text
	}
	return Quote(text)
}
