package oneline

import (
	"fmt"
	"unicode/utf8"
)

// JSON returns encoded JSON in which the characters that move a terminal's cursor or turn the direction of writing
// round are escapes, \u009b for example: package encoding/json leaves those beyond ASCII as they are. What it says is
// the same.
func JSON(encoded []byte) []byte {
	var out []byte
	copied := 0
	for at := 0; at < len(encoded); {
		if encoded[at] < 0x7f {
			at++
			continue
		}
		letter, length := utf8.DecodeRune(encoded[at:])
		if obeyed(letter) {
			out = append(out, encoded[copied:at]...)
			out = fmt.Appendf(out, `\u%04x`, letter)
			copied = at + length
		}
		at += length
	}
	if copied == 0 {
		return encoded
	}
	return append(out, encoded[copied:]...)
}

// obeyed reports whether a terminal acts on a character beyond ASCII's controls: DEL, the C1 controls [ECMA-48 8.3],
// and the marks that set the direction of writing [UAX 9, section 2].
func obeyed(letter rune) bool {
	switch {
	case letter >= 0x7f && letter <= 0x9f, letter == 0x61c, letter == 0x200e, letter == 0x200f,
		letter >= 0x2028 && letter <= 0x202e,
		letter >= 0x2066 && letter <= 0x2069, letter == 0xfeff:
		return true
	}
	return false
}
