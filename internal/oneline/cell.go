package oneline

import (
	"strings"
	"unicode"
)

// Cell returns text as the cell of a table that a spreadsheet reads: one line that is not a formula. A formula begins
// with = + - @ or a tab, also after blanks and quotes and in full width [OWASP CSV Injection]. Some spreadsheets end a
// cell at a semicolon, so the text after one is treated as a cell too. An apostrophe marks a cell as text.
func Cell(text string) string {
	parts := strings.Split(strings.Map(func(letter rune) rune {
		if letter != '\t' && !unicode.IsPrint(letter) {
			return ' '
		}
		return letter
	}, text), ";")
	for i, part := range parts {
		blank := 0
		if i > 0 {
			blank = len(part) - len(strings.TrimLeft(part, " \t"))
		}
		if isFormula(part[blank:]) {
			parts[i] = part[:blank] + "'" + part[blank:]
		}
	}
	return strings.Join(parts, ";")
}

// isFormula reports whether a spreadsheet may treat a cell as a formula. A cell that begins with an apostrophe is text.
func isFormula(cell string) bool {
	if strings.HasPrefix(cell, "'") {
		return false
	}
	begin := strings.TrimLeftFunc(cell, func(letter rune) bool {
		return unicode.IsSpace(letter) || !unicode.IsPrint(letter) || strings.ContainsRune("\"'`“”„‘’«»＂＇", letter)
	})
	return strings.HasPrefix(cell, "\t") || begin != "" && strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫−|", []rune(begin)[0])
}
