package applog

import (
	"strings"
	"time"
)

// companyPortal2018 is the grammar of Company Portal's log from 2018 to 2020, with columns separated by spaces or tabs
// (docs/log-formats.md):
//
//	2020-04-27 03:07:12.156 VERB com.microsoft.ssp.telemetry TID=10971 File.swift: 283 (function(label:)) message
//
// Times are UTC. A message that ends with an open brace is followed by a payload in the style of NSDictionary.
var companyPortal2018 = grammar{format: CompanyPortal2018, head: companyPortal2018Head, body: companyPortal2018Body}

const blanks = " \t"

func companyPortal2018Head(text string, s *state, record *Record) bool {
	unix, part, rest, ok := s.day.withMilliseconds(text)
	if !ok || rest == "" || rest[0] != ' ' && rest[0] != '\t' {
		return false
	}
	level, rest := cutWord(rest)
	if !isUpper(level) {
		return false
	}
	subsystem, rest := cutWord(rest)
	thread, rest := cutWord(rest)
	number, isThread := strings.CutPrefix(thread, "TID=")
	if !isThread || !isNumber(number) {
		return false
	}
	record.Time = moment(unix, part, time.Millisecond, ZoneUTC)
	record.WrittenLevel, record.Subsystem, record.Thread = level, subsystem, number
	record.Location, record.Message = cutLocation(strings.TrimLeft(rest, blanks))
	record.Level = meantLevel(level, subsystem, record.Message)
	addErrorCode(record)
	return true
}

// withMilliseconds reads "2006-01-02 15:04:05.000" at the beginning of text, as if it were UTC.
func (d *day) withMilliseconds(text string) (unix int64, part time.Duration, rest string, ok bool) {
	if unix, rest, ok = d.dateTime(text); !ok || rest == "" || rest[0] != '.' {
		return 0, 0, "", false
	}
	if part, ok = fraction(rest[1:], 3); !ok {
		return 0, 0, "", false
	}
	return unix, part, rest[4:], true
}

func companyPortal2018Body(record *Record) body {
	message := strings.TrimRight(record.Message, blanks)
	if message != "{" && !strings.HasSuffix(message, " {") {
		return textBody(record)
	}
	// "Sending event using aria: InAppProcess : {" names the kind of event.
	if _, name, ok := strings.Cut(message, "event using aria: "); ok {
		name = strings.TrimRight(strings.TrimSuffix(name, "{"), " :")
		record.Fields = append(make(Fields, 0, 8), Field{"eventName", name})
	}
	return &dictionary{open: []container{{}}}
}

func cutWord(text string) (word, rest string) {
	from := 0
	for from < len(text) && (text[from] == ' ' || text[from] == '\t') {
		from++
	}
	to := from
	for to < len(text) && text[to] != ' ' && text[to] != '\t' {
		to++
	}
	return text[from:to], text[to:]
}

// cutLocation splits "File.swift: 283 (function(label:)) message". Without a location, the whole text is the message.
func cutLocation(text string) (location, message string) {
	file, rest, ok := strings.Cut(text, ": ")
	if !ok || !strings.HasSuffix(file, ".swift") && !strings.HasSuffix(file, ".m") ||
		strings.ContainsAny(file, blanks) {
		return "", text
	}
	number, function, ok := strings.Cut(rest, " ")
	if !ok || !isNumber(number) || !strings.HasPrefix(function, "(") {
		return "", text
	}
	depth := 0
	for i := range len(function) {
		switch function[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			end := len(text) - len(function) + i + 1
			return text[:end], strings.TrimLeft(text[end:], blanks)
		}
	}
	return "", text
}

func isNumber(text string) bool {
	for i := range len(text) {
		if text[i]-'0' > 9 {
			return false
		}
	}
	return text != ""
}

func isUpper(text string) bool {
	for i := range len(text) {
		if text[i]-'A' > 25 {
			return false
		}
	}
	return len(text) >= 2
}
