// Package shell writes words of commands that a person or ssh gives to a shell.
package shell

import "strings"

// Quote makes one word of a text for any shell that a user may have; fish knows backslashes within quotes.
func Quote(text string) string {
	return "'" + strings.NewReplacer("'", `'\''`, `\`, `'\\'`).Replace(text) + "'"
}

// Word returns a text as one word of a command that a person pastes, without quotes where it needs none.
func Word(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+,") ==
		"" {
		return text
	}
	return Quote(text)
}
