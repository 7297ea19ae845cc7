// Package terminal is how usherctl writes, for a person and for a program.
//
// The rules of its output:
//
//   - Standard output has the answer and nothing else. What is said meanwhile, what is asked, warnings and errors go to
//     standard error, an error behind "usherctl: " and with its fix on a line of its own behind "hint: ".
//   - On a terminal a table has a heading and fits the width. In a pipe it has neither: one line for each row, with
//     tabs
//     between the cells, and times with their date and zone.
//   - With --json nothing is said about progress.
//   - A text that usherctl did not write itself goes through [Plain]: it is one line, and no terminal obeys it. The
//     methods of [Terminal] see to that for what they print.
//   - A command in backticks is never broken between lines, so that it can be copied.
//   - There are colours only in the text of timeline, on a terminal that has them, and without NO_COLOR.
package terminal

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"usher.internal/internal/oneline"
)

// Terminal is where a command's answer goes, and how a person is spoken to meanwhile.
type Terminal struct {
	Out *Output
	Err io.Writer
	// Person reports whether a person reads Out; PersonReadsErr whether one sees Err as it is written.
	Person         bool
	PersonReadsErr bool
	// Width is how many characters a line of Out's terminal has, 0 where lines are not wrapped.
	Width int
	// JSON is true where a program reads what is printed: nothing is said about progress then.
	JSON bool
}

// Output remembers the first error of a writer, so that a full disk is noticed once, at the end, and not line by line.
// It is used by one goroutine.
type Output struct {
	To  io.Writer
	Err error
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	if o.Err != nil {
		return 0, o.Err
	}
	written, err := o.To.Write(p)
	o.Err = err
	return written, err
}

// WidthOf returns how many characters a line of a terminal has, 0 where that is not known and for what is no terminal.
func WidthOf(file *os.File) int {
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Plain makes one line of text: much of what is shown was once written by somebody's Company Portal, or by a web
// server, and is read by root.
func Plain(text string) string {
	return oneline.Of(text, math.MaxInt)
}

// Field prints "name: value" of a description, wrapped at the terminal's width, and nothing for an empty value.
func (t *Terminal) Field(name, value string) {
	if value != "" {
		t.Paragraph(fmt.Sprintf("%-18s ", name+":"), value)
	}
}

// Paragraph prints a text, one line of it where nobody reads along, with its first line behind first and the others
// indented as far.
func (t *Terminal) Paragraph(first, text string) {
	indent := utf8.RuneCountInString(first)
	width := 0
	if t.Width > indent {
		width = t.Width - indent
	}
	for i, line := range Wrap(Plain(text), width) {
		if i > 0 {
			first = strings.Repeat(" ", indent)
		}
		fmt.Fprintln(t.Out, first+line)
	}
}
