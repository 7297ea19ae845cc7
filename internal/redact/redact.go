// Package redact replaces data that identifies people by pseudonyms: names of users and computers, sign-in names, ids,
// addresses and serial numbers. It hides secrets. One [Redactor] gives the same thing the same pseudonym, so readers
// can still follow users and devices through a log.
//
// Names have no shape that identifies them. [Redactor.LearnText] and its siblings learn them from places that hold
// names: a home folder, a sign-in name, "for user …". A caller lets the redactor learn from a whole document, and then
// redacts it. A name that occurs only in other places remains.
package redact

import (
	"fmt"
	"slices"
	"strings"

	"usher.internal/internal/lazyregexp"
)

// Redactor holds the pseudonyms of one output. It is used by one goroutine at a time.
type Redactor struct {
	// pseudonyms are by kind and by value in lower case.
	pseudonyms map[kind]map[string]string
	// names are replaced wherever they occur as a word. They are in lower case, the longest first.
	names []name
	// learning: names are learnt and nothing is replaced.
	learning bool
}

type name struct{ value, pseudonym string }

type kind string

const (
	userKind     kind = "user"
	computerKind kind = "computer"
	hostKind     kind = "host"
	addressKind  kind = "address"
	hardwareKind kind = "hardware"
	idKind       kind = "id"
	digestKind   kind = "digest"
	serialKind   kind = "serial"
)

// Options name personal data that is known before anything is read.
type Options struct {
	// Users are account names and full names, Computers are names of computers.
	Users, Computers []string
}

// New returns a redactor that knows what the options name.
func New(options Options) *Redactor {
	r := &Redactor{pseudonyms: map[kind]map[string]string{}}
	for _, user := range options.Users {
		r.learnUser(user)
	}
	for _, computer := range options.Computers {
		r.learnComputer(computer)
	}
	return r
}

// pseudonym returns the pseudonym of a value. A new value gets a new pseudonym.
func (r *Redactor) pseudonym(of kind, value string) string {
	known := r.pseudonyms[of]
	if known == nil {
		known = map[string]string{}
		r.pseudonyms[of] = known
	}
	value = strings.ToLower(value)
	if known[value] == "" {
		known[value] = newPseudonym(of, len(known)+1)
	}
	return known[value]
}

// newPseudonym returns a pseudonym with the shape of the data that it replaces. It is from ranges that are reserved for
// examples: RFC 2606, 5737, 3849, 7042.
func newPseudonym(of kind, number int) string {
	switch of {
	case idKind:
		return fmt.Sprintf("00000000-0000-0000-0000-%012d", number)
	case digestKind:
		return fmt.Sprintf("%040d", number)
	case hostKind:
		return fmt.Sprintf("host-%d.example.invalid", number)
	case addressKind:
		return fmt.Sprintf("2001:db8::%x", number)
	case hardwareKind:
		return fmt.Sprintf("00:00:5e:00:%02x:%02x", 0x53+number/256, number%256)
	}
	return fmt.Sprintf("%s-%d", of, number)
}

// notNames are accounts that belong to no person, and words that are too common to be replaced everywhere.
var notNames = strings.Fields(
	`root daemon nobody _mbsetupuser _windowserver loginwindow shared guest localhost user users
		admin administrator local test account mac macos macbook company portal jamf microsoft entra azure apple
		system default info error debug fault null nil none true false name the and for with device registration
		unknown library logs applications private var redacted home username someone username> <username>`)

var pseudonymPattern = lazyregexp.New(`^(?:user|computer|host|serial)-\d+$`)

func isName(value string) bool {
	if len(value) < 5 && strings.Trim(value, "0123456789") == "" {
		return false // a uid, or a year
	}
	return len(value) >= 2 && !slices.Contains(notNames, strings.ToLower(value)) && !pseudonymPattern.MatchString(value)
}

// learnUser learns the name of a user.
func (r *Redactor) learnUser(value string) {
	if value = strings.Trim(value, " .,;:'\"\\/"); isName(value) {
		r.addName(value, r.pseudonym(userKind, value))
	}
}

// owner finds the owner in the name of a computer.
var owner = lazyregexp.New(`^(.{2,40}?)['’]s? `)

// learnComputer learns the name of a computer, and the name of its owner if it is a part of that.
func (r *Redactor) learnComputer(value string) {
	if value = strings.TrimSpace(value); !isName(value) {
		return
	}
	pseudonym := r.pseudonym(computerKind, strings.ReplaceAll(value, "’", "'"))
	r.addName(value, pseudonym)
	r.addName(strings.ReplaceAll(value, "’", "'"), pseudonym)
	r.addName(strings.ReplaceAll(value, "'", "’"), pseudonym)
	if match := owner.FindStringSubmatch(value); match != nil {
		r.learnUser(match[1])
		for _, part := range strings.Fields(match[1]) {
			if len(part) > 2 && isName(part) {
				r.addName(part, r.pseudonym(userKind, match[1]))
			}
		}
	}
}

func (r *Redactor) addName(value, pseudonym string) {
	value = lower(value)
	if slices.ContainsFunc(r.names, func(n name) bool { return n.value == value }) {
		return
	}
	at, _ := slices.BinarySearchFunc(r.names, len(value), func(n name, length int) int { return length - len(n.value) })
	r.names = slices.Insert(r.names, at, name{value, pseudonym})
}

// lower converts only ASCII letters to lower case, so every byte keeps its position.
func lower(text string) string {
	for i := range len(text) {
		if text[i]-'A' <= 25 {
			letters := []byte(text)
			for j := i; j < len(letters); j++ {
				if letters[j]-'A' <= 25 {
					letters[j] |= 0x20
				}
			}
			return string(letters)
		}
	}
	return text
}
