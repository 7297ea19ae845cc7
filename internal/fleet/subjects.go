// Package fleet is what a Mac and the admins of its fleet have in common: the subjects of NATS on which they meet, and
// how either connects (docs/fleet-reference.md). What is sent there are the messages of proto/usher/v1/fleet.proto.
//
// A Mac may publish under its own name alone, which the server holds it to: the name is the last token of every
// subject that it publishes on. What stands in a message is a claim, the subject it came on is a fact.
package fleet

import (
	"regexp"
	"strings"
	"sync"
)

// The stream of all changes, the stream behind the key-value bucket of the last known states, and the bucket's own
// name.
const (
	ChangesStream = "USHER_CHANGES"
	MacsBucket    = "USHER_MACS"
	MacsStream    = "KV_" + MacsBucket
)

// ReadPrefix is what NATS's own requests to read the streams begin with for admins, in place of $JS.API: they are in an
// account without streams, into which these are shared.
const ReadPrefix = "usher.v1.api"

// MaximumMessage is how long what a Mac publishes may be, in bytes: the servers' streams take nothing longer.
const MaximumMessage = 32 << 10

// The subjects, or what they begin with.
const (
	// StatusOfAll is asked for every Mac.
	StatusOfAll = statuses + "all"

	statuses = "usher.v1.status."
	answers  = "usher.v1.answer."
	changes  = "usher.v1.change."
	kept     = "usher.v1.kept."
)

// Patterns of subjects, for permissions and streams; * is one token.
const (
	EveryStatus = statuses + "*"
	EveryAnswer = answers + "*.*"
	EveryChange = changes + "*"
	EveryKept   = kept + "*"
)

var nameExpression = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`) })

// IsMac tells whether a text can be the name of a Mac: one token of a subject that stands for no other.
func IsMac(name string) bool { return nameExpression().MatchString(name) && name != "all" }

// StatusOf is the subject on which one Mac is asked.
func StatusOf(mac string) string { return statuses + mac }

// ChangesOf is the subject on which a Mac publishes its changes.
func ChangesOf(mac string) string { return changes + mac }

// KeptOf is the subject on which the servers tell that they have kept a change of a Mac's, with its headers. They
// answer nobody who publishes: NATS lets everybody name any subject for an answer, and gives the answer there with
// rights of its own.
func KeptOf(mac string) string { return kept + mac }

// AnswerOf is the subject on which a Mac, or with * any Mac, answers the question with that id; false where it
// can be none.
func AnswerOf(query, mac string) (string, bool) {
	if !nameExpression().MatchString(query) {
		return "", false
	}
	return answers + query + "." + mac, true
}

// MacOf returns the Mac that an answer or a change is from, which is the last token of its subject.
func MacOf(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }

// InboxOf is the prefix of the subjects on which servers answer to admins.
func InboxOf(name string) string { return "_INBOX_" + name }
