package oneline

import (
	"fmt"
	"unicode/utf8"
)

// JSON escapes the characters in encoded JSON that move a terminal's cursor or reverse the direction of writing, \u009b
// for example. Package encoding/json does not escape those beyond ASCII. The meaning of the JSON is the same.
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

// obeyed reports whether a terminal acts on a character beyond ASCII's controls. These are DEL, the C1 controls
// [ECMA-48 8.3], and the marks that set the direction of writing [UAX 9, section 2].
func obeyed(letter rune) bool {
	switch {
	case letter >= 0x7f && letter <= 0x9f, letter == 0x61c, letter == 0x200e, letter == 0x200f,
		letter >= 0x2028 && letter <= 0x202e,
		letter >= 0x2066 && letter <= 0x2069, letter == 0xfeff:
		return true
	}
	return false
}
