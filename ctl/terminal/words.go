package terminal

import "cmp"

// Dash returns a text, or "-" for an empty one in a table.
func Dash(text string) string { return cmp.Or(text, "-") }
