// Package fleet is shared by a Mac and the admins of its fleet: the NATS subjects on which they meet, and how both
// connect (docs/fleet-reference.md). The messages are those of proto/usher/v1/fleet.proto.
//
// The server lets a Mac publish only under its own name, the last token of every subject that it publishes on. The
// content of a message is a claim; its subject is a fact.
package fleet

import (
	"regexp"
	"strings"
	"sync"
)

// The stream of all changes, the stream of the key-value bucket with the last known states, and the bucket's name.
const (
	ChangesStream = "USHER_CHANGES"
	MacsBucket    = "USHER_MACS"
	MacsStream    = "KV_" + MacsBucket
)

// ReadPrefix begins NATS's requests to read the streams for admins, in place of $JS.API. Admins are in an account
// without streams, and the streams are shared with it.
const ReadPrefix = "usher.v1.api"

// MaximumMessage is the longest message of a Mac, in bytes. The servers' streams refuse longer ones.
const MaximumMessage = 32 << 10

// The subjects, or their beginnings.
const (
	// StatusOfAll asks every Mac.
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

// IsMac reports whether a text can be the name of a Mac: one token of a subject, without wildcards.
func IsMac(name string) bool { return nameExpression().MatchString(name) && name != "all" }

// StatusOf is the subject that asks one Mac.
func StatusOf(mac string) string { return statuses + mac }

// ChangesOf is the subject on which a Mac publishes its changes.
func ChangesOf(mac string) string { return changes + mac }

// KeptOf is the subject on which the servers report that they have stored a Mac's change, with its headers. They send
// no acknowledgement to the publisher, because NATS lets a publisher name any subject for it, and sends it with NATS's
// own rights.
func KeptOf(mac string) string { return kept + mac }

// AnswerOf is the subject on which a Mac (or with * any Mac) answers the question with that id. It returns false if the
// id cannot be part of a subject.
func AnswerOf(query, mac string) (string, bool) {
	if !nameExpression().MatchString(query) {
		return "", false
	}
	return answers + query + "." + mac, true
}

// MacOf returns the Mac that sent an answer or a change: the last token of its subject.
func MacOf(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }

// InboxOf is the prefix of the subjects on which servers answer admins.
func InboxOf(name string) string { return "_INBOX_" + name }
