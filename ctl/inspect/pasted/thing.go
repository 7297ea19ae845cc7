// Package pasted undoes what a terminal, a ticket system or a mail program has made of a text, and finds the property
// lists, PEM and DER in it. Its [Thing] is what the packages beside it recognise.
package pasted

import (
	"strings"
	"time"

	"usher.internal/internal/oneline"
	"usher.internal/internal/wpj"
)

// Fact is one thing that a text shows.
type Fact struct {
	// Name is what it is, Value what the text says, Meaning what that means; Meaning is empty where the name says it.
	Name    string `json:"name"`
	Value   string `json:"value"`
	Meaning string `json:"meaning,omitempty"`
}

// Thing is one thing that was recognised.
type Thing struct {
	// Format is stable, for programs; Name is what a person calls it.
	Format, Name string
	Facts        []Fact
	// Evidence is what it says of a user's registration; nil where it can give no state.
	Evidence *wpj.Evidence
	// Note is what it cannot say.
	Note string
	// Problem is why it cannot be used, empty where it can; Advice is what to do.
	Problem, Advice string

	// At is where it begins in the text. unsure counts what of it could not be read: another way of reading the text
	// may do.
	At, Unsure int
}

// Add adds a fact, unless it has no value.
func (t *Thing) Add(name, value, meaning string) {
	if value = strings.TrimSpace(value); value != "" {
		t.Facts = append(t.Facts, Fact{name, oneline.Of(value, maximumValue), meaning})
	}
}

// maximumValue is how long a value is told, in characters.
const maximumValue = 400

// Source is what is looked through.
type Source struct {
	// Content is as it was given, text as it was read; text is empty for what is not text.
	Content []byte
	Text    string
	// Lines are those of text.
	Lines []string
	Now   time.Time
	// Lists are the property lists in it.
	Lists []List
}

// Offset is where a line begins in the text.
func (s Source) Offset(line int) int {
	at := 0
	for _, one := range s.Lines[:min(line, len(s.Lines))] {
		at += len(one) + 1
	}
	return at
}
