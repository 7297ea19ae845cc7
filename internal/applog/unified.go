package applog

import (
	"strings"
	"time"
)

// unifiedLevels are the types of the unified log's entries, by the text of each style. The type is written in full, in
// two columns (Df and E were seen), or as in Console (docs/log-formats.md).
var unifiedLevels = map[string]Level{
	"Default": LevelInfo, "Info": LevelInfo, "Debug": LevelVerbose, "Error": LevelError, "Fault": LevelError,
	"Activity": LevelInfo, "Signpost": LevelVerbose, "Timesync": LevelVerbose, "Trace": LevelVerbose,
	"Loss":    LevelWarning,
	"default": LevelInfo, "info": LevelInfo, "debug": LevelVerbose, "error": LevelError, "fault": LevelError,
	"activity": LevelInfo, "signpost": LevelVerbose,
	"Df": LevelInfo, "I": LevelInfo, "Db": LevelVerbose, "D": LevelVerbose, "E": LevelError, "F": LevelError,
	"A": LevelInfo, "Ac": LevelInfo, "S": LevelVerbose, "Sp": LevelVerbose, "L": LevelWarning, "Lo": LevelWarning,
	"Ts": LevelVerbose, "St": LevelVerbose,
}

// withOffset reads "2006-01-02 15:04:05.000000-0700" at the beginning of text; Console has a space before the offset.
// It is strict: every digit in its place.
func (d *day) withOffset(text string) (at Time, rest string, ok bool) {
	unix, rest, ok := d.dateTime(text)
	if !ok || rest == "" || rest[0] != '.' {
		return Time{}, "", false
	}
	part, ok := fraction(rest[1:], 6)
	if !ok {
		return Time{}, "", false
	}
	rest = rest[7:]
	if rest != "" && rest[0] == ' ' {
		rest = rest[1:]
	}
	offset, ok := zoneOffset(rest)
	if !ok {
		return Time{}, "", false
	}
	return moment(unix-offset, part, time.Microsecond, ZoneWritten), rest[len("-0700"):], true
}

// zoneOffset reads "-0700" at the beginning of text, in seconds.
func zoneOffset(text string) (seconds int64, ok bool) {
	if len(text) < 5 || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	hours, ok1 := twoDigits(text[1:])
	minutes, ok2 := twoDigits(text[3:])
	if !ok1 || !ok2 || hours > 14 || minutes > 59 {
		return 0, false
	}
	seconds = int64(hours*3600 + minutes*60)
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// cutSender moves "(sender) [subsystem:category] " from the beginning of a message into the record. Either part may be
// absent.
func cutSender(text string, record *Record) string {
	if strings.HasPrefix(text, "(") {
		if end := strings.Index(text, ") "); end > 0 && !strings.ContainsAny(text[1:end], "()") {
			record.Fields = append(record.Fields, Field{"sender", text[1:end]})
			text = text[end+2:]
		}
	}
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end > 0 {
			subsystem, category, ok := strings.Cut(text[1:end], ":")
			if ok && subsystem != "" && !strings.ContainsAny(subsystem, " \t[") {
				record.Subsystem, record.Category = subsystem, category
				text = strings.TrimPrefix(text[end+1:], " ")
			}
		}
	}
	return text
}
