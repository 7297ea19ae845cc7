// Package fleet is what a Mac and the admins of its fleet have in common: the subjects of NATS on which they meet, and
// how either connects (docs/fleet.md). What is sent there are the messages of proto/usher/v1/fleet.proto.
//
// A device may publish under its own name alone, which the server holds it to: the name is the last token of every
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
	DevicesBucket = "USHER_DEVICES"
	DevicesStream = "KV_" + DevicesBucket
)

// ReadPrefix is what NATS's own requests to read the streams begin with for admins, in place of $JS.API: they are in an
// account without streams, into which these are shared.
const ReadPrefix = "usher.v1.api"

// MaximumMessage is how long what a device publishes may be, in bytes: the servers' streams take nothing longer.
const MaximumMessage = 32 << 10

// The subjects, or what they begin with.
const (
	// StatusOfAll is asked for every device.
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

// IsDevice tells whether a text can be the name of a device: one token of a subject that stands for no other.
func IsDevice(name string) bool { return nameExpression().MatchString(name) && name != "all" }

// StatusOf is the subject on which one device is asked.
func StatusOf(device string) string { return statuses + device }

// ChangesOf is the subject on which a device publishes its changes.
func ChangesOf(device string) string { return changes + device }

// KeptOf is the subject on which the servers tell that they have kept a change of a device's, with its headers. They
// answer nobody who publishes: NATS lets everybody name any subject for an answer, and gives the answer there with
// rights of its own.
func KeptOf(device string) string { return kept + device }

// AnswerOf is the subject on which a device, or with * any device, answers the question with that id; false where it
// can be none.
func AnswerOf(query, device string) (string, bool) {
	if !nameExpression().MatchString(query) {
		return "", false
	}
	return answers + query + "." + device, true
}

// DeviceOf returns the device that an answer or a change is from, which is the last token of its subject.
func DeviceOf(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }

// InboxOf is the prefix of the subjects on which servers answer to admins.
func InboxOf(name string) string { return "_INBOX_" + name }
