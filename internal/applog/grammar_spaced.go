package applog

import (
	"strings"
	"time"
)

// spaced is the grammar of Company Portal's log from 2018 to 2020, whose columns stand apart by spaces or tabs
// [reference/domain.md 2.4 A]:
//
//	2020-04-27 03:07:12.156 VERB com.microsoft.ssp.telemetry TID=10971 File.swift: 283 (function(label:)) message
//
// Times are UTC. A message that ends with an open brace is followed by a payload in the style of NSDictionary.
var spaced = grammar{head: spacedHead, body: spacedBody}

const timeLayout = "2006-01-02 15:04:05.000"

const blanks = " \t"

func spacedHead(text string) (Record, bool) {
	at, rest, ok := cutTime(text)
	if !ok || rest == "" || !strings.ContainsRune(blanks, rune(rest[0])) {
		return Record{}, false
	}
	level, rest := cutWord(rest)
	subsystem, rest := cutWord(rest)
	thread, rest := cutWord(rest)
	number, isThread := strings.CutPrefix(thread, "TID=")
	if !isUpper(level) || !isThread || !isNumber(number) {
		return Record{}, false
	}
	record := Record{Time: at, WrittenLevel: level, Subsystem: subsystem, Thread: number}
	record.Location, record.Message = cutLocation(strings.TrimLeft(rest, blanks))
	record.Level = meantLevel(level, subsystem, record.Message)
	return record, true
}

func spacedBody(record *Record) body {
	message := strings.TrimRight(record.Message, blanks)
	if message != "{" && !strings.HasSuffix(message, " {") {
		return nil
	}
	// "Sending event using aria: InAppProcess : {" names the kind of event.
	if _, name, ok := strings.Cut(message, "event using aria: "); ok {
		name = strings.TrimRight(strings.TrimSuffix(name, "{"), " :")
		record.Fields = map[string]string{"eventName": name}
	}
	return &dictionary{open: []container{{}}}
}

// cutTime reads the time at the beginning of a line. It is strict: every digit in its place.
func cutTime(text string) (at time.Time, rest string, ok bool) {
	if len(text) < len(timeLayout) {
		return time.Time{}, "", false
	}
	at, err := time.Parse(timeLayout, text[:len(timeLayout)])
	return at, text[len(timeLayout):], err == nil
}

func cutWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, blanks)
	if end := strings.IndexAny(text, blanks); end >= 0 {
		return text[:end], text[end:]
	}
	return text, ""
}

// cutLocation splits "File.swift: 283 (function(label:)) message". Without a location all of it is the message.
func cutLocation(text string) (location, message string) {
	file, rest, ok := strings.Cut(text, ": ")
	if !ok || !strings.HasSuffix(file, ".swift") && !strings.HasSuffix(file, ".m") || strings.ContainsAny(file, blanks) {
		return "", text
	}
	number, function, ok := strings.Cut(rest, " ")
	if !ok || !isNumber(number) || !strings.HasPrefix(function, "(") {
		return "", text
	}
	depth := 0
	for i, letter := range function {
		switch letter {
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
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func isUpper(text string) bool {
	return len(text) >= 2 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
