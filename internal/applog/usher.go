package applog

import (
	"strconv"
	"strings"
	"time"
)

// usherLog is the format in which usherd and usher-agent log: slog's text handler.
//
//	time=2026-11-24T00:31:48.123Z level=INFO msg="agent connected" uid=501
var usherLog = grammar{format: UsherLog, head: usherLogHead}

func usherLogHead(text string, _ *state, record *Record) bool {
	if !strings.HasPrefix(text, "time=") {
		return false
	}
	var found Record
	for rest := text; rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || name == "" || strings.ContainsAny(name, blanks) {
			return false
		}
		value, after, ok := cutAttribute(after)
		if !ok {
			return false
		}
		usherMember(&found, name, value)
		rest = strings.TrimLeft(after, " ")
	}
	if found.Time.At.IsZero() || found.Level == "" {
		return false
	}
	*record = found
	return true
}

// cutAttribute takes the value of a slog attribute, quoted if needed, off the beginning of text.
func cutAttribute(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		value, rest, _ = strings.Cut(text, " ")
		return value, rest, true
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", false
	}
	value, err = strconv.Unquote(quoted)
	return value, text[len(quoted):], err == nil
}

// usherMember puts an attribute of one of usher's log entries into a record.
func usherMember(record *Record, name, value string) {
	switch name {
	case "time":
		if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
			record.Time = Time{At: at.UTC(), Precision: time.Millisecond, Zone: ZoneWritten}
		}
	case "level":
		word, _, _ := strings.Cut(value, "+")
		record.WrittenLevel, record.Level = value, levelOf(word)
		if record.Level == "" {
			record.Level = LevelInfo
		}
	case "msg":
		record.Message = value
	default:
		record.Fields = append(record.Fields, Field{name, value})
	}
}

// usherLogJSON is the same log from slog's JSON handler.
var usherLogJSON = grammar{format: UsherLog, head: usherLogJSONHead}

func usherLogJSONHead(text string, _ *state, record *Record) bool {
	if !strings.HasPrefix(text, `{"time":`) {
		return false
	}
	var found Record
	rest, complete, _ := members(text[1:], func(name, value string, _ bool) { usherMember(&found, name, value) })
	if !complete || skipSpace(rest) != "" || found.Time.At.IsZero() || found.Level == "" {
		return false
	}
	*record = found
	return true
}

// usherJournal is the output of `usherctl … --json`, as support archives hold it. The message is the command. The entry
// has no time of its own: Raw holds the times of the registrations [docs/json.md].
var usherJournal = grammar{format: UsherJournal, head: usherJournalHead}

func usherJournalHead(text string, _ *state, record *Record) bool {
	if !strings.HasPrefix(text, `{"schema":`) {
		return false
	}
	var command, schema string
	rest, complete, _ := members(text[1:], func(name, value string, _ bool) {
		switch name {
		case "schema":
			schema = value
		case "command":
			command = value
		}
	})
	if !complete || skipSpace(rest) != "" || !strings.HasPrefix(schema, "usher.") {
		return false
	}
	record.Message, record.Level = command, LevelInfo
	return true
}
