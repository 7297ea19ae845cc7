package inspect

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

	// at is where it begins in the text. unsure counts what of it could not be read: another way of reading the text
	// may do.
	at, unsure int
}

// add adds a fact, unless it has no value.
func (t *Thing) add(name, value, meaning string) {
	if value = strings.TrimSpace(value); value != "" {
		t.Facts = append(t.Facts, Fact{name, oneline.Of(value, maximumValue), meaning})
	}
}

// maximumValue is how long a value is told, in characters.
const maximumValue = 400

// source is what is looked through.
type source struct {
	// content is as it was given, text as it was read; text is empty for what is not text.
	content []byte
	text    string
	// lines are those of text.
	lines []string
	now   time.Time
	// lists are the property lists in it.
	lists []list
}

// offset is where a line begins in the text.
func (s source) offset(line int) int {
	at := 0
	for _, one := range s.lines[:min(line, len(s.lines))] {
		at += len(one) + 1
	}
	return at
}
