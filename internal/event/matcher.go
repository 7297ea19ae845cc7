package event

import (
	"slices"
	"strings"

	"usher.internal/internal/applog"
	"usher.internal/internal/errorcode"
)

// matcher finds which of many texts is in a message, in one pass over it. Searching for one text after another took
// most of the time for reading a log.
type matcher struct {
	// begins are the candidates by the first byte of their text.
	begins [256][]placedCandidate
	// pairs has a bit for each first and second byte of a text. With it, most positions of a message are skipped.
	pairs [256 * 256 / 64]uint64
}

// insert adds a text of a candidate.
func (m *matcher) insert(c placedCandidate) {
	first, second := c.text[0], c.text[1]
	m.begins[first] = append(m.begins[first], c)
	pair := uint(first)<<8 | uint(second)
	m.pairs[pair/64] |= 1 << (pair % 64)
}

// placedCandidate is a candidate with its place in the tables: the first one that fits is used.
type placedCandidate struct {
	candidate
	text   string
	place  int
	second byte
	// first is true if the text must be the message's beginning.
	first bool
}

func (m *matcher) add(c candidate, text string, place int) {
	m.insert(placedCandidate{c, text, place, text[1], false})
}

// addOfUnknownOrigin is add for messages of unknown origin.
func (m *matcher) addOfUnknownOrigin(c candidate, text string, place int) {
	first := c.sign.Common
	c.sign = Sign{Also: c.sign.Also, Domain: c.sign.Domain, Number: c.sign.Number}
	m.insert(placedCandidate{c, text, place, text[1], first})
}

// find returns the event of the first sign that fits, or nil.
func (m *matcher) find(record *applog.Record) *Known {
	message := record.Message
	var found *placedCandidate
	codes := messageCodes{message: message}
	for i := 0; i+1 < len(message); i++ {
		if pair := uint(message[i])<<8 | uint(message[i+1]); m.pairs[pair/64]&(1<<(pair%64)) == 0 {
			continue
		}
		begins := m.begins[message[i]]
		for j := range begins {
			c := &begins[j]
			if c.second != message[i+1] || found != nil && c.place >= found.place ||
				!strings.HasPrefix(message[i:], c.text) {
				continue
			}
			if wholeNumber(c.text, message[i:]) && (!c.first || i == 0) && c.sign.fits(record, &codes) {
				found = c
			}
		}
	}
	if found == nil {
		return nil
	}
	return found.known
}

// messageCodes finds the error codes in a message when they are first needed, and only once, even if the message has
// the texts of several signs.
type messageCodes struct {
	message string
	found   []errorcode.Found
	looked  bool
}

func (m *messageCodes) has(domain errorcode.Domain, number int64) bool {
	if !m.looked {
		m.found, m.looked = errorcode.InText(m.message), true
	}
	return slices.ContainsFunc(m.found,
		func(found errorcode.Found) bool { return found.Domain == domain && found.Number == number })
}

// wholeNumber reports whether the number at the end of part is complete in text. text begins with part.
func wholeNumber(part, text string) bool {
	return len(part) == len(text) || part[len(part)-1]-'0' > 9 || text[len(part)]-'0' > 9
}
