package applog

import (
	"strings"
	"time"
)

// ssoExtension is the grammar of the log of Company Portal's SSO extension [MS-SSOTS]:
//
//	2022-12-29 14:49:59:281 | I | TID=783491 MSAL 1.2.4 Mac 13.0.1 [2022-12-29 19:49:59 - UUID] [MSAL] message
//	2025-12-02 15:33:33:306 | E | ADB v3.12.5/WPJ v3.11.0 | ERROR: [2025-12-02 14:33:33][+Class method:568] message
//	2022-12-29 14:49:59:599 | I | message
//
// The time of a line is local, with a colon before its milliseconds; the one in brackets is UTC. An entry with both
// shows the offset, also for entries without. The diagnostic report of Company Portal writes "Mac SSO Extension" and a
// tab before each entry. A message that ends with an open brace or parenthesis is followed by a payload in the style of
// NSDictionary or NSArray.
var ssoExtension = grammar{format: SSOExtension, head: ssoExtensionHead, body: ssoExtensionBody}

// ssoState is what the log says once for many entries.
type ssoState struct {
	// day is the last date in UTC.
	day day
	// offset is the offset of the last entry with both times, in seconds ahead of UTC.
	offset int64
	known  bool
	clock  localClock
}

const exportedBy = "Mac SSO Extension"

func ssoExtensionHead(text string, s *state, record *Record) bool {
	process := ""
	if rest, ok := strings.CutPrefix(text, exportedBy); ok {
		process, text = exportedBy, strings.TrimLeft(rest, blanks)
	}
	local, rest, ok := s.day.dateTime(text)
	if !ok || rest == "" || rest[0] != ':' {
		return false
	}
	part, ok := fraction(rest[1:], 3)
	if !ok || !strings.HasPrefix(rest[4:], column) {
		return false
	}
	written, message, ok := cutColumn(rest[4+len(column):])
	level := ssoLevel(written)
	if !ok || level == "" {
		return false
	}
	fields, message := cutVersions(message)
	record.WrittenLevel, record.Level, record.Process, record.Message = written, level, process, message
	record.Fields = fields
	utc, hasUTC := s.readSSOMessage(record)
	record.Time = s.ssoTime(local, utc, hasUTC, part)
	return true
}

// cutColumn splits at the next " | ". Its last blank may be missing at the end of a line.
func cutColumn(text string) (cell, rest string, ok bool) {
	if cell, rest, ok = strings.Cut(text, column); !ok {
		cell, ok = strings.CutSuffix(text, column[:2])
	}
	return cell, rest, ok
}

// ssoLevel is the level for the letter in the level column. Only I, W and E were seen.
func ssoLevel(letter string) Level {
	switch letter {
	case "V", "D":
		return LevelVerbose
	case "I":
		return LevelInfo
	case "W":
		return LevelWarning
	case "E", "F":
		return LevelError
	}
	return ""
}

// cutVersions removes the column "ADB v3.12.5/WPJ v3.11.0", if it exists.
func cutVersions(text string) (fields Fields, message string) {
	if !strings.HasPrefix(text, "ADB v") && !strings.HasPrefix(text, "WPJ v") {
		return nil, text
	}
	cell, message, ok := cutColumn(text)
	if !ok {
		return nil, text
	}
	fields = make(Fields, 0, 8)
	for part := range strings.SplitSeq(cell, "/") {
		name, version, ok := strings.Cut(part, " v")
		if !ok {
			return nil, text
		}
		fields = append(fields, Field{strings.ToLower(name), version})
	}
	return fields, message
}

// readSSOMessage reads the beginning of a message of MSAL or the SDK for Workplace Join, and returns the UTC time in
// it.
func (s *state) readSSOMessage(record *Record) (utc int64, ok bool) {
	if strings.HasPrefix(record.Message, "TID") {
		line, utc, ok := s.sso.day.msal(record.Message)
		if ok {
			record.Thread, record.Message = line.Thread, line.Message
			record.Fields = line.fields(record.Fields)
		}
		return utc, ok
	}
	level := embeddedLevel(record.Message)
	if level == "" {
		return 0, false
	}
	record.Level = level
	if code := sdkErrorCode(record.Message); code != "" {
		record.Fields = append(record.Fields, Field{"errorCode", code})
	}
	_, rest, _ := strings.Cut(record.Message, "[")
	for rest != "" { // the time is first in newer versions, after the code and the location in older ones
		var inside string
		if utc, inside, ok = s.sso.day.dateTime(rest); ok &&
			(strings.HasPrefix(inside, "]") || strings.HasPrefix(inside, " +0000]")) {
			record.Location = sdkLocation(rest)
			return utc, true
		}
		if _, rest, ok = strings.Cut(rest, "["); !ok {
			break
		}
	}
	return 0, false
}

// sdkLocation returns "+Class method:568" of "2025-12-02 14:33:33][+Class method:568] message".
func sdkLocation(text string) string {
	_, after, _ := strings.Cut(text, "]")
	location, _, ok := strings.Cut(after, "]")
	if location = strings.TrimPrefix(location, "["); !ok || location == "" || location[0] != '+' && location[0] != '-' {
		return ""
	}
	return location
}

// ssoTime converts a local time to a moment. It uses the offset of the entry, or of an earlier entry, or of the zone.
func (s *state) ssoTime(local, utc int64, hasUTC bool, part time.Duration) Time {
	if hasUTC {
		if offset, ok := offsetBetween(local, utc); ok {
			s.sso.offset, s.sso.known = offset, true
			return moment(local-offset, part, time.Millisecond, ZoneWritten)
		}
	}
	if s.sso.known {
		return moment(local-s.sso.offset, part, time.Millisecond, ZoneInferred)
	}
	return moment(s.sso.clock.unix(local, s.options.zone()), part, time.Millisecond, s.options.certainty())
}

func ssoExtensionBody(record *Record) body {
	switch message := strings.TrimRight(record.Message, blanks); {
	case message == "{" || strings.HasSuffix(message, " {"):
		return &dictionary{open: []container{{}}}
	case message == "(" || strings.HasSuffix(message, " ("):
		return &dictionary{open: []container{{name: "list", isList: true}}}
	}
	return textBody(record)
}
