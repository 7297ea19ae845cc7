package event

import (
	"strings"

	"usher.internal/internal/applog"
)

// matcher finds which of many texts stands in a message, in one pass over it: looking for one after the other took
// most of the time that it takes to read a log.
type matcher struct {
	// begins are the candidates by the first byte of their text.
	begins [256][]placedCandidate
}

// placedCandidate is a candidate with its place in the tables: the first one that fits counts.
type placedCandidate struct {
	candidate
	place  int
	text   string
	second byte
}

func (m *matcher) add(c candidate, place int) {
	text := c.sign.text()
	m.begins[text[0]] = append(m.begins[text[0]], placedCandidate{c, place, text, text[1]})
}

// find returns the event of the first sign that fits, nil for none.
func (m *matcher) find(record *applog.Record) *Known {
	message := record.Message
	var found *placedCandidate
	for i := 0; i+1 < len(message); i++ {
		begins := m.begins[message[i]]
		for j := range begins {
			c := &begins[j]
			if c.second != message[i+1] || found != nil && c.place >= found.place || !strings.HasPrefix(message[i:], c.text) {
				continue
			}
			if (c.sign.Process == "" || strings.Contains(record.Process, c.sign.Process)) && c.sign.fits(message) {
				found = c
			}
		}
	}
	if found == nil {
		return nil
	}
	return found.known
}
