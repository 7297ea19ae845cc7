package terminal

import (
	"cmp"
	"strings"
)

// Dash returns a text, or "-" for an empty one in a table.
func Dash(text string) string { return cmp.Or(text, "-") }

// Quote makes one word of a text, for any shell that a user may have; fish interprets backslashes within quotes.
func Quote(text string) string {
	return "'" + strings.NewReplacer("'", `'\''`, `\`, `'\\'`).Replace(text) + "'"
}

// ShellWord returns a text as one word of a command that a person pastes. It quotes the text only if a shell would
// interpret it.
func ShellWord(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+,") ==
		"" {
		return text
	}
	return Quote(text)
}
