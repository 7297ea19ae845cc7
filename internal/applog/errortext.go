package applog

import (
	"strings"
	"time"
)

// errorText is the grammar of an NSError as Cocoa describes it, copied without the log around it
// (https://github.com/AzureAD/microsoft-authentication-library-for-objc/issues/1391):
//
//	Error Domain=MSALErrorDomain Code=-50002 "(null)" UserInfo={MSALErrorDescriptionKey=…, NSUnderlyingError=0x… {
//	Error Domain=…}}
//
// It has several lines if it contains the text of Entra's answer, and ends where its braces close. The Timestamp in
// Entra's text is UTC.
var errorText = grammar{format: ErrorText, undated: true, alone: true, head: errorTextHead, body: errorTextBody}

func errorTextHead(text string, _ *state, record *Record) bool {
	before, rest, ok := strings.Cut(text, "Error Domain=")
	if !ok || len(before) > maximumBeforeError || looksDated(text) {
		return false
	}
	domain, rest, ok := strings.Cut(rest, " Code=")
	if !ok || domain == "" || strings.ContainsAny(domain, blanks) || rest == "" {
		return false
	}
	record.Message, record.Level = strings.TrimLeft(text, blanks), LevelError
	return true
}

// maximumBeforeError is how far into a line an error may begin, in bytes: "Request for extension … failed with error ".
const maximumBeforeError = 200

func errorTextBody(record *Record) body {
	b := &errorLines{textLines: textLines{first: record.Message}}
	b.depth = depth(record.Message)
	b.readTime(record.Message, record)
	if b.depth <= 0 {
		return nil
	}
	return b
}

// errorLines is the body of an error: the lines until its braces close.
type errorLines struct {
	textLines
	depth int
	d     day
}

func (b *errorLines) take(text string, record *Record) (belongs, done bool) {
	if belongs, _ = b.textLines.take(text, record); !belongs {
		return false, false
	}
	b.readTime(text, record)
	b.depth += depth(text)
	return true, b.depth <= 0
}

func (b *errorLines) end(record *Record) (torn bool) {
	b.textLines.end(record)
	return b.depth > 0
}

// readTime reads "Timestamp: 2021-10-13 19:23:38Z", as Entra writes it into its answers.
func (b *errorLines) readTime(text string, record *Record) {
	_, after, ok := strings.Cut(text, "Timestamp: ")
	if !ok {
		return
	}
	if unix, rest, ok := b.d.dateTime(after); ok && strings.HasPrefix(rest, "Z") {
		record.Time = moment(unix, 0, time.Second, ZoneUTC)
	}
}

// depth is how many braces a text opens and does not close.
func depth(text string) int { return strings.Count(text, "{") - strings.Count(text, "}") }
