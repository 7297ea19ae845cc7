package ctl

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
	Out *output
	Err io.Writer
	// Person reports whether a person reads Out; PersonReadsErr whether one sees Err as it is written.
	Person         bool
	PersonReadsErr bool
	// Width is how many characters a line of Out's terminal has, 0 where lines are not wrapped.
	Width int
	// JSON is true where a program reads what is printed: nothing is said about progress then.
	JSON bool
}

// output remembers the first error of a writer, so that a full disk is noticed once, at the end, and not line by line.
// It is used by one goroutine.
type output struct {
	to  io.Writer
	err error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	written, err := o.to.Write(p)
	o.err = err
	return written, err
}

// widthOf returns how many characters a line of a terminal has, 0 where that is not known and for what is no terminal.
func widthOf(file *os.File) int {
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// plain makes one line of text: much of what is shown was once written by somebody's Company Portal, or by a web
// server, and is read by root.
func plain(text string) string {
	return oneline.Of(text, math.MaxInt)
}

// field prints "name: value" of a description, wrapped at the terminal's width, and nothing for an empty value.
func (t *Terminal) field(name, value string) {
	if value != "" {
		t.paragraph(fmt.Sprintf("%-18s ", name+":"), value)
	}
}

// paragraph prints a text, one line of it where nobody reads along, with its first line behind first and the others
// indented as far.
func (t *Terminal) paragraph(first, text string) {
	indent := utf8.RuneCountInString(first)
	width := 0
	if t.Width > indent {
		width = t.Width - indent
	}
	for i, line := range wrap(plain(text), width) {
		if i > 0 {
			first = strings.Repeat(" ", indent)
		}
		fmt.Fprintln(t.Out, first+line)
	}
}
