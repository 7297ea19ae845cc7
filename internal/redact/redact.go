// Package redact puts pseudonyms in the place of what tells who somebody is: names of users and computers, sign-in
// names, ids, addresses, serial numbers, secrets. One [Redactor] gives the same thing the same pseudonym, so that a
// story can still be followed: whose log it is, which device is which.
//
// Names have no shape by which they could be known. They are learnt from where they stand first, by [Redactor.Learn]: a
// home folder, a sign-in name, "for user …". Whoever redacts a document lets the redactor learn from all of it, and
// then redacts it. What is only ever written where nothing tells that it is a name stays.
package redact

import (
	"fmt"
	"slices"
	"strings"

	"usher.internal/internal/lazyregexp"
)

// Redactor holds the pseudonyms of one output. It is used by one goroutine at a time.
type Redactor struct {
	// pseudonyms are by kind and value, in small letters.
	pseudonyms map[kind]map[string]string
	// names are what is replaced wherever it stands as a word, the longest first, in small letters.
	names []name
	// learning: names are only looked for.
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

// Options name what is known to be personal before anything is read.
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

// pseudonym returns that of a value, a new one for a value that was not met before.
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

// newPseudonym makes a pseudonym that has the shape of what it stands for, from ranges that are set apart for examples:
// RFC 2606, 5737, 3849, 7042.
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

// notNames are accounts that are nobody's, and words that are too common to be replaced wherever they stand.
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

// learnUser takes a name for that of a user.
func (r *Redactor) learnUser(value string) {
	if value = strings.Trim(value, " .,;:'\"\\/"); isName(value) {
		r.addName(value, r.pseudonym(userKind, value))
	}
}

// owner finds whose a computer is by its name.
var owner = lazyregexp.New(`^(.{2,40}?)['’]s? `)

// learnComputer takes a name for that of a computer, and with it the name of its owner where that is a part of it.
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

// lower makes small letters of the ASCII ones, so that every byte keeps its place.
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
