// Package pasted undoes the changes that a terminal, a ticket system or a mail program makes to a text, and finds
// property lists, PEM and DER in it. A [Thing] is what the packages beside it recognise.
package pasted

import (
	"strings"
	"time"

	"usher.internal/internal/oneline"
	"usher.internal/internal/wpj"
)

// Fact is one thing that a text shows.
type Fact struct {
	// Name names the fact, Value is the text's value, Meaning says what the value means. Meaning is empty if the name
	// says it.
	Name    string `json:"name"`
	Value   string `json:"value"`
	Meaning string `json:"meaning,omitempty"`
}

// Thing is one thing that was recognised.
type Thing struct {
	// Format is stable, for programs; Name is for people.
	Format, Name string
	Facts        []Fact
	// Evidence is its evidence about a user's registration, or nil if it can give no state.
	Evidence *wpj.Evidence
	// Note says what it cannot show.
	Note string
	// Problem says why it cannot be used, or is empty; Advice says what to do.
	Problem, Advice string

	// At is where it begins in the text. unsure counts the parts that could not be read: another reading of the text
	// may succeed.
	At, Unsure int
}

// Add adds a fact, unless it has no value.
func (t *Thing) Add(name, value, meaning string) {
	if value = strings.TrimSpace(value); value != "" {
		t.Facts = append(t.Facts, Fact{name, oneline.Of(value, maximumValue), meaning})
	}
}

// maximumValue is how much of a value is shown, in characters.
const maximumValue = 400

// Source is the searched content.
type Source struct {
	// Content is the original, text the text in it; text is empty if the content is not text.
	Content []byte
	Text    string
	// Lines are the lines of text.
	Lines []string
	Now   time.Time
	// Lists are the property lists in it.
	Lists []List
}

// Offset returns where a line begins in the text.
func (s Source) Offset(line int) int {
	at := 0
	for _, one := range s.Lines[:min(line, len(s.Lines))] {
		at += len(one) + 1
	}
	return at
}
