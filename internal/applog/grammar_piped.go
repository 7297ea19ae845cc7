package applog

import "strings"

// piped is the grammar of Company Portal 5.x (2025), whose columns stand apart by " | " [reference/domain.md 2.4 B]:
//
//	2025-08-30 17:18:28.271 | WARN | login | 22168 | File.swift: 157 (function(label:)) | message
//
// The level column is absent from normal entries. Times are taken as UTC, since they equal the ones that the SDK writes
// into its messages. Telemetry events and errors are followed by `key: value` lines; nothing marks the last of them.
var piped = grammar{head: pipedHead, body: pipedBody}

const column = " | "

func pipedHead(text string) (Record, bool) {
	at, rest, ok := cutTime(text)
	if !ok {
		return Record{}, false
	}
	if rest, ok = strings.CutPrefix(rest, column); !ok {
		return Record{}, false
	}
	record := Record{Time: at}
	first, after, _ := strings.Cut(rest, column)
	if _, known := levels[first]; known || isUpper(first) {
		record.WrittenLevel, rest = first, after
	}
	record.Subsystem, rest, ok = strings.Cut(rest, column)
	if !ok {
		return Record{}, false
	}
	if record.Thread, rest, ok = strings.Cut(rest, column); !ok || !isNumber(record.Thread) {
		return Record{}, false
	}
	if record.Location, record.Message, ok = strings.Cut(rest, column); !ok {
		record.Location, record.Message = "", rest
	}
	record.Level = meantLevel(record.WrittenLevel, record.Subsystem, record.Message)
	return record, true
}

func pipedBody(record *Record) body {
	message := strings.TrimRight(record.Message, blanks)
	if strings.HasSuffix(message, ":") && strings.HasPrefix(message, "ReceivedEvent") {
		return &pairLines{}
	}
	if _, domain, ok := strings.Cut(message, "Error domain: "); ok {
		record.Fields = map[string]string{"Error domain": domain}
		return &pairLines{anyText: true}
	}
	return nil
}

// maximumPairLines ends an entry that nothing else ends.
const maximumPairLines = 100

// pairLines reads `key: value` lines. With anyText it takes the other lines too, as the text of the last key.
type pairLines struct {
	anyText bool
	lines   int
	last    string
}

func (*pairLines) torn() bool { return false }

func (p *pairLines) take(text string, fields map[string]string) (belongs, done bool) {
	key, value, ok := strings.Cut(text, ":")
	isPair := ok && isKey(key) && (value == "" || value[0] == ' ')
	if p.lines == maximumPairLines || !isPair && !p.anyText {
		return false, false
	}
	p.lines++
	switch {
	case isPair:
		p.last = key
		fields[key] = strings.TrimSpace(value)
	case p.last != "":
		fields[p.last] += "\n" + text
	}
	return true, false
}

// isKey tells whether text is one or a few words of ASCII letters and digits.
func isKey(text string) bool {
	if text == "" || len(text) > 64 || text[0]|0x20 < 'a' || text[0]|0x20 > 'z' {
		return false
	}
	for i := range len(text) {
		letter := text[i]
		lower := letter | 0x20
		if (lower < 'a' || lower > 'z') && (letter < '0' || letter > '9') && letter != ' ' && letter != '_' && letter != '.' {
			return false
		}
	}
	return true
}
