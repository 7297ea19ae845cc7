// Package terminal is how usherctl writes, for a person and for a program.
//
// The rules of its output:
//
//   - Standard output has the answer and nothing else. Progress, questions, warnings and errors go to standard error,
//     an error after "usherctl: " and with its fix on a line of its own after "hint: ".
//   - On a terminal a table has a heading and fits the width. In a pipe it has neither: one line for each row, with
//     tabs between the cells, and times with their date and zone.
//   - With --json, progress is not shown.
//   - A text that usherctl did not write itself goes through [Plain]: it is one line without control sequences for
//     the terminal. The methods of [Terminal] do that for what they print.
//   - A command in backticks is never broken between lines, so it can be copied.
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

// Terminal is where a command's answer, its progress and its questions go.
type Terminal struct {
	Out *Output
	Err io.Writer
	// Person reports whether a person reads Out, PersonReadsErr whether a person reads Err as it is written.
	Person         bool
	PersonReadsErr bool
	// Width is how many characters a line of Out's terminal has, or 0 if lines are not wrapped.
	Width int
	// JSON is true if a program reads the output: progress is not shown then.
	JSON bool
}

// Output remembers the first error of a writer, so a full disk is noticed once, at the end, and not line by line. It is
// used by one goroutine.
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

// WidthOf returns how many characters a line of a terminal has, or 0 if that is not known or the writer is not a
// terminal.
func WidthOf(file *os.File) int {
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Plain makes one line of a text. Much of what root reads was once written by a user's Company Portal, or by a web
// server.
func Plain(text string) string {
	return oneline.Of(text, math.MaxInt)
}

// Field prints "name: value" of a description, wrapped at the terminal's width, and nothing for an empty value.
func (t *Terminal) Field(name, value string) {
	if value != "" {
		t.Paragraph(fmt.Sprintf("%-18s ", name+":"), value)
	}
}

// Paragraph prints a text with first before its first line, and indents the other lines as far. For a program it prints
// one line.
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
