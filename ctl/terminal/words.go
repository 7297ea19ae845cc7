package terminal

import "cmp"

// Dash is a text, or what stands in a table for none.
func Dash(text string) string { return cmp.Or(text, "-") }
