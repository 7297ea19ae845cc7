package applog

import (
	"strings"
)

// unifiedNDJSON is the style of `log show --style ndjson`: one object per line.
var unifiedNDJSON = grammar{format: UnifiedNDJSON, head: unifiedNDJSONHead}

func unifiedNDJSONHead(text string, s *state, record *Record) bool {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return false
	}
	var found Record
	rest, complete, ok := members(text[1:],
		func(name, value string, isString bool) { unifiedMember(&found, &s.day, name, value, isString) })
	if !ok || !complete || skipSpace(rest) != "" || found.Time.At.IsZero() {
		return false
	}
	if found.Level == "" {
		found.Level = LevelInfo
	}
	*record = found
	return true
}

// unifiedMember puts a member of an object into a record. Numbers are kept as written, since those of the unified log
// are too large for a float (docs/log-formats.md).
func unifiedMember(record *Record, d *day, name, value string, isString bool) {
	switch name {
	case "timestamp":
		if at, rest, ok := d.withOffset(value); ok && rest == "" {
			record.Time = at
		}
	case "messageType":
		if level, ok := unifiedLevels[value]; ok {
			record.WrittenLevel, record.Level = value, level
		}
	case "eventMessage":
		if isString {
			record.Message = value
		}
	case "subsystem":
		record.Subsystem = value
	case "category":
		record.Category = value
	case "processImagePath":
		record.Process = value[strings.LastIndexByte(value, '/')+1:]
	case "process":
		if isString && record.Process == "" {
			record.Process = value
		}
	case "processID":
		record.PID = value
	case "threadID":
		record.Thread = value
	case "formatString", "backtrace":
	default:
		if !isString && (value == "null" || value[0] == '{' || value[0] == '[') || value == "" {
			return
		}
		if record.Fields == nil {
			record.Fields = make(Fields, 0, 14)
		}
		record.Fields = append(record.Fields, Field{name, value})
	}
}

// unifiedJSON is the style of `log show --style json`: an array of objects that are printed over many lines, with `},{`
// between them. After such a line comes an object whose opening brace is in that line.
var unifiedJSON = grammar{format: UnifiedJSON, head: unifiedJSONHead, body: unifiedJSONBody, alone: true}

func unifiedJSONHead(text string, _ *state, record *Record) bool {
	text = strings.TrimSpace(text)
	switch text {
	case "{", "[{", "},{", ",{":
	default:
		if _, after, ok := cutString(text); !ok || !strings.HasPrefix(after, " : ") {
			return false
		}
	}
	record.Level = LevelInfo
	return true
}

func unifiedJSONBody(record *Record) body {
	o := &jsonObject{depth: 1}
	if text := strings.TrimSpace(record.Raw); strings.HasPrefix(text, `"`) {
		o.count(text)
	}
	return o
}

// jsonObject is the body of a pretty printed object. Strings never span lines.
type jsonObject struct {
	depth int
}

func (o *jsonObject) take(text string, _ *Record) (belongs, done bool) {
	return true, o.count(text)
}

// count follows the braces of a line and reports whether the line closes the object.
func (o *jsonObject) count(text string) (closed bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			_, after, ok := cutString(text[i:])
			if !ok {
				return false
			}
			i = len(text) - len(after) - 1
		case '{', '[':
			o.depth++
		case '}', ']':
			if o.depth--; o.depth == 0 {
				return true
			}
		}
	}
	return false
}

// within is true for the lines of a pretty printed object, which are indented.
func (*jsonObject) within(first byte) bool { return first == ' ' || first == '\t' }

func (o *jsonObject) end(record *Record) (torn bool) {
	at := strings.IndexAny(record.Raw, `{"`)
	if at < 0 {
		return true
	}
	text := record.Raw[at:]
	text = strings.TrimPrefix(text, "{")
	var d day
	_, complete, _ := members(text,
		func(name, value string, isString bool) { unifiedMember(record, &d, name, value, isString) })
	return !complete || record.Time.At.IsZero()
}
