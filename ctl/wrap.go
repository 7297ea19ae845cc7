package ctl

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// columnGap is how many spaces are between the columns of a table.
const columnGap = 2

// widthOf returns how many characters a line of a terminal has, 0 where that is not known and for what is no terminal.
func widthOf(file *os.File) int {
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// words are what a text is broken between: its words, and each command in backticks whole, so that it can be copied and
// pasted.
func words(text string) (all []string) {
	inCommand := false
	for _, word := range strings.Fields(text) {
		if inCommand {
			all[len(all)-1] += " " + word
		} else {
			all = append(all, word)
		}
		if strings.Count(word, "`")%2 == 1 {
			inCommand = !inCommand
		}
	}
	return all
}

// wrap breaks text into lines of at most width characters. One of its [words] that is longer has a line of its own and
// is not cut. A width of 0 or less is no limit.
func wrap(text string, width int) []string {
	if width <= 0 || utf8.RuneCountInString(text) <= width {
		return []string{text}
	}
	// What a text is indented with is that of each line.
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	line := indent
	var lines []string
	for i, word := range words(text) {
		switch {
		case i == 0:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// paragraph prints a text, one line of it where nobody reads along, with its first line behind first and the others
// indented as far.
func (a *app) paragraph(first, text string) {
	indent := utf8.RuneCountInString(first)
	width := 0
	if a.width > indent {
		width = a.width - indent
	}
	for i, line := range wrap(plain(text), width) {
		if i > 0 {
			first = strings.Repeat(" ", indent)
		}
		fmt.Fprintln(a.stdout, first+line)
	}
}

// narrowed returns how wide each column of a table may be, so that a row fits into width characters: the widest are
// narrowed first, none below its longest word or command. Cells that still do not fit are longer than the terminal.
func narrowed(rows [][]string, width int) []int {
	var widths, longest []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths, longest = append(widths, 0), append(longest, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			indent := len(cell) - len(strings.TrimLeft(cell, " "))
			for _, word := range words(cell) {
				longest[i] = max(longest[i], indent+utf8.RuneCountInString(word))
			}
		}
	}
	total := columnGap * (len(widths) - 1)
	for _, one := range widths {
		total += one
	}
	for ; width > 0 && total > width; total-- {
		widest := -1
		for i := range widths {
			if widths[i] > longest[i] && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

// wrappedRow prints a row of a table, whose columns are separated by tabs, on as many lines as its cells need.
func wrappedRow(w io.Writer, row []string, widths []int) {
	cells := make([][]string, len(row))
	height := 1
	for i, cell := range row {
		cells[i] = wrap(cell, widths[i])
		height = max(height, len(cells[i]))
	}
	for line := range height {
		for i := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			if line < len(cells[i]) {
				fmt.Fprint(w, cells[i][line])
			}
		}
		fmt.Fprintln(w)
	}
}
