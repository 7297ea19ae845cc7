package ctl

import (
	"cmp"
	"fmt"
	"strings"
)

// dash is a text, or what stands in a table for none.
func dash(text string) string { return cmp.Or(text, "-") }

// count writes a number of things.
func count(number int64, thing string) string {
	if number == 1 {
		return "1 " + thing
	}
	if strings.HasSuffix(thing, "y") {
		return fmt.Sprintf("%d %sies", number, strings.TrimSuffix(thing, "y"))
	}
	return fmt.Sprintf("%d %ss", number, thing)
}

// quote makes one word of a text for any shell that a user may have; fish knows backslashes within quotes.
func quote(text string) string {
	return "'" + strings.NewReplacer("'", `'\''`, `\`, `'\\'`).Replace(text) + "'"
}

// shellWord is a text as one word of a command that a person pastes: as it is where no shell makes something else of
// it.
func shellWord(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+,") ==
		"" {
		return text
	}
	return quote(text)
}
