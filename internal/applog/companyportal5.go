package applog

import (
	"strings"
	"time"
)

// companyPortal5 is the grammar of Company Portal 5.x (2025), with columns separated by " | " (docs/log-formats.md):
//
//	2025-08-30 17:18:28.271 | WARN | login | 22168 | File.swift: 157 (function(label:)) | message
//
// The level column is absent from normal entries. Times are read as UTC, since they equal the times that the SDK writes
// into its messages. Entries of the SDK have its version in the column of the source location. Telemetry events and
// errors are followed by `key: value` lines; nothing marks the last of them.
var companyPortal5 = grammar{format: CompanyPortal5, head: companyPortal5Head, body: companyPortal5Body}

const column = " | "

func companyPortal5Head(text string, s *state, record *Record) bool {
	unix, part, rest, ok := s.day.withMilliseconds(text)
	if !ok || !strings.HasPrefix(rest, column) {
		return false
	}
	rest = rest[len(column):]
	written := ""
	first, after, ok := strings.Cut(rest, column)
	if !ok {
		return false
	}
	if isUpper(first) {
		written, rest = first, after
	}
	subsystem, rest, ok := strings.Cut(rest, column)
	if !ok {
		return false
	}
	thread, rest, ok := strings.Cut(rest, column)
	if !ok || !isNumber(thread) {
		return false
	}
	location, message, ok := cutColumn(rest)
	switch {
	case !ok:
		message = rest
	case isVersion(location):
		record.Fields = Fields{{"sdkVersion", location}}
	default:
		record.Location = location
	}
	record.Message = message
	record.Time = moment(unix, part, time.Millisecond, ZoneLikelyUTC)
	record.WrittenLevel, record.Subsystem, record.Thread = written, subsystem, thread
	record.Level = meantLevel(written, subsystem, record.Message)
	addErrorCode(record)
	return true
}

// isVersion reports whether text is a version such as "v3.8.1", and not a source location.
func isVersion(text string) bool {
	return len(text) > 1 && text[0] == 'v' && strings.Trim(text[1:], "0123456789.") == ""
}

func companyPortal5Body(record *Record) body {
	message := strings.TrimRight(record.Message, blanks)
	if strings.HasSuffix(message, ":") && strings.HasPrefix(message, "ReceivedEvent") {
		return &pairLines{}
	}
	if _, domain, ok := strings.Cut(message, "Error domain: "); ok {
		record.Fields = append(record.Fields, Field{"Error domain", domain})
		return &pairLines{anyText: true}
	}
	return textBody(record)
}

// maximumPairLines ends an entry that nothing else ends.
const maximumPairLines = 100

// pairLines reads `key: value` lines. With anyText it adds the other lines to the value of the last key.
type pairLines struct {
	anyText bool
	lines   int
	last    string
}

func (*pairLines) within(byte) bool { return false }

func (*pairLines) end(*Record) (torn bool) { return false }

func (p *pairLines) take(text string, record *Record) (belongs, done bool) {
	key, value, ok := strings.Cut(text, ":")
	isPair := ok && isKey(key) && (value == "" || value[0] == ' ')
	if p.lines == maximumPairLines || !isPair && (!p.anyText || looksDated(text)) {
		return false, false
	}
	p.lines++
	switch {
	case isPair:
		p.last = key
		record.Fields.set(key, strings.TrimSpace(value))
	case p.last != "":
		record.Fields.set(p.last, record.Fields.Get(p.last)+"\n"+text)
	}
	return true, false
}

// isKey reports whether text is one or a few words of ASCII letters and digits.
func isKey(text string) bool {
	if text == "" || len(text) > 64 || text[0]|0x20 < 'a' || text[0]|0x20 > 'z' {
		return false
	}
	for i := range len(text) {
		letter := text[i]
		lower := letter | 0x20
		if (lower < 'a' || lower > 'z') && (letter < '0' || letter > '9') && letter != ' ' && letter != '_' &&
			letter != '.' {
			return false
		}
	}
	return true
}
