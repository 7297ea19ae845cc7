package redact

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// escapes are the first bytes of encoded letters.
var escapes = func() (set [256]bool) {
	for _, letter := range []byte("%\\&\xc2\xe2\xef") {
		set[letter] = true
	}
	return set
}()

// plainLabels replaces labels that have escapes, full-width letters or invisible characters, such as pass%77ord, by
// their plain form.
func plainLabels(text string) string {
	var out strings.Builder
	copied := 0
	for at := 0; at < len(text); at++ {
		if !escapes[text[at]] {
			continue
		}
		if _, length := letterAt(text, at); length == 0 {
			continue
		}
		begin := at
		for begin > copied && at-begin < maximumLabel && (isWordByte(text[begin-1]) || text[begin-1] == '-') {
			begin--
		}
		var space [maximumLabel]byte
		label, end := space[:0], begin
		for end < len(text) && len(label) < maximumLabel && end-begin < 8*maximumLabel {
			letter, length := text[end], 1
			if !isWordByte(letter) && letter != '-' {
				if letter, length = letterAt(text, end); length == 0 {
					break
				}
			}
			if letter != 0 {
				label = append(label, letter)
			}
			end += length
		}
		if of := classOf("", string(label)); isPaired(of) || of == accountLabel || of == otpLabel {
			out.WriteString(text[copied:begin])
			out.Write(label)
			copied = end
		}
		at = max(at, end-1)
	}
	if copied == 0 {
		return text
	}
	out.WriteString(text[copied:])
	return out.String()
}

// letterAt returns the letter or digit that is encoded at a position, and the length of its encoding. For an invisible
// character, letter is 0.
func letterAt(text string, at int) (letter byte, length int) {
	rest := text[at:min(len(text), at+16)]
	number := 0
	switch rest[0] {
	case '%':
		if prefixOf(rest, "%E2%80%8B", "%E2%80%8C", "%E2%80%8D", "%EF%BB%BF") > 0 {
			return 0, 9
		}
		if prefixOf(rest, "%C2%AD") > 0 {
			return 0, 6
		}
		length = 1
		for range 2 {
			if strings.HasPrefix(rest[length:], "25") {
				length += 2
			}
		}
		if len(rest) < length+2 || !isHex(rest[length]) || !isHex(rest[length+1]) {
			return 0, 0
		}
		number = hexadecimal(rest[length : length+2])
		length += 2
	case '\\':
		for length < len(rest) && rest[length] == '\\' {
			length++
		}
		if len(rest) > length+2 && rest[length] == 'x' && isHex(rest[length+1]) && isHex(rest[length+2]) {
			number = hexadecimal(rest[length+1 : length+3])
			length += 3
			break
		}
		if len(rest) < length+5 || rest[length] != 'u' || !isHexadecimalOrBlank(rest[length+1:length+5]) ||
			strings.Contains(rest[length+1:length+5], " ") {
			return 0, 0
		}
		number = hexadecimal(rest[length+1 : length+5])
		length += 5
	case '&':
		end := strings.IndexByte(rest, ';')
		if end < 4 || rest[1] != '#' {
			return 0, 0
		}
		length = end + 1
		if rest[2]|0x20 == 'x' {
			number = hexadecimal(rest[3:end])
		} else {
			number, _ = strconv.Atoi(rest[2:end])
		}
	default:
		if character, size := utf8.DecodeRuneInString(rest); character != utf8.RuneError {
			number, length = int(character), size
		}
	}
	switch {
	case number >= 0xff01 && number <= 0xff5e: // full width
		number -= 0xfee0
	// invisible
	case number == 0xad, number >= 0x200b && number <= 0x200f, number >= 0x2060 && number <= 0x2064, number == 0xfeff:
		return 0, length
	}
	if number < 0x80 && (isWordByte(byte(number)) || number == '-') {
		return byte(number), length
	}
	return 0, 0
}

func hexadecimal(digits string) int {
	number, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		return -1
	}
	return int(number)
}
