package terminal

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// columnGap is how many spaces are between the columns of a table.
const columnGap = 2

// Table prints rows: for a person in columns, as wide as the terminal; for a program tab-separated, without the
// heading.
func (t *Terminal) Table(heading []string, rows [][]string) {
	all := make([][]string, 0, 1+len(rows))
	for _, row := range append([][]string{heading}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = Plain(cell)
		}
		all = append(all, cells)
	}
	if !t.Person {
		for _, row := range all[1:] {
			fmt.Fprintln(t.Out, strings.Join(row, "\t"))
		}
		return
	}
	widths := narrowed(all, t.Width)
	writer := tabwriter.NewWriter(t.Out, 0, 0, columnGap, ' ', 0)
	defer writer.Flush()
	for _, row := range all {
		wrappedRow(writer, row, widths)
	}
}

// narrowed returns how wide each column of a table may be, so a row fits into width characters. It narrows the widest
// first, and none below its longest word or command. Cells that still do not fit are longer than the terminal.
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
		cells[i] = Wrap(cell, widths[i])
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
