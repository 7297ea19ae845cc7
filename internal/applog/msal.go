package applog

import (
	"strings"
	"time"
)

// msal is the grammar of messages of MSAL and ADAL in the log of an application that prints them [docs/log-formats.md;
// MSIDLogger.m of microsoft-authentication-library-common-for-objc]:
//
//	TID=753075 MSAL 1.1.2 Mac 10.15.4 [2020-06-15 15:01:50 - UUID] [MSAL] message
//	TID = 11075 ADAL 2.7.12 Mac 10.15.4 [2020-04-27 03:07:22 - UUID] message
//
// The text that the application writes before the message differs (issues 958, 974 and 1386 of
// microsoft-authentication-library-for-objc, 803 of that for Python, 1191 of azure-activedirectory-library-for-objc):
//
//	2020-06-15 08:01:50.860-07:00 [Info][AppDelegate]: MSAL log - TID=…
//	2020-07-01 22:12:51.028 Auth[926:38699] MSAL log: TID=…
//	MSAL log: Optional("TID=…")
//	DEBUG:msal.broker:[MSAL:0004]<tab>ERROR  <tab>-[Class method]:229<tab>TID=…
//	2018-04-10 19:07:20.815375+0200 App[37405:1100457] ADAL 2.6.2 Mac 10.13 [2018-04-10 17:07:20] VERBOSE: message
//
// The time in brackets is UTC.
var msal = grammar{format: MSAL, head: msalHead, body: msalBody}

// MSALLine is the content of a message of MSAL or ADAL. Older versions leave out the thread.
type MSALLine struct {
	// Thread is the thread's number, ThreadName "main thread" or the name that its program gave it.
	Thread, ThreadName string
	// SDK is MSAL, ADAL, or MSAL with a variant after a dot.
	SDK, Version string
	// OS is the system and its version, as "Mac 13.0.1".
	OS string
	// Correlation is the identifier of the request, "" outside of one. Component is the part of the library.
	Correlation, Component string
	Message                string
}

// ParseMSAL reads a message that begins with "TID=", as those of MSAL and ADAL do. It returns false for any other text.
func ParseMSAL(message string) (MSALLine, bool) {
	var d day
	line, _, ok := d.msal(message)
	return line, ok
}

// maximumMSALHead is how far into a text the time in brackets is searched for, in bytes.
const maximumMSALHead = 200

// msal is [ParseMSAL], but returns the time as Unix time.
func (d *day) msal(text string) (line MSALLine, unix int64, ok bool) {
	rest, hasThread := cutThread(text)
	if hasThread {
		end := 0
		for end < len(rest) && rest[end]-'0' <= 9 {
			end++
		}
		if end == 0 {
			return MSALLine{}, 0, false
		}
		line.Thread, rest = rest[:end], rest[end:]
	}
	at := strings.Index(rest[:min(len(rest), maximumMSALHead)], " [")
	for at >= 0 {
		var after string
		if unix, after, ok = d.dateTime(rest[at+len(" ["):]); ok && line.readHeading(rest[:at], hasThread) &&
			line.readContext(after) {
			return line, unix, true
		}
		next := strings.Index(rest[at+1:min(len(rest), maximumMSALHead)], " [")
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return MSALLine{}, 0, false
}

// cutThread removes "TID=" or "TID = ".
func cutThread(text string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(text, "TID"); !ok {
		return text, false
	}
	if rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), "="); !ok {
		return text, false
	}
	return strings.TrimLeft(rest, " "), true
}

// readHeading reads " (main thread) MSAL 1.2.4 Mac 13.0.1", where the name of the thread may be anything or be absent.
func (l *MSALLine) readHeading(text string, hasThread bool) bool {
	at := max(strings.LastIndex(text, "MSAL"), strings.LastIndex(text, "ADAL"))
	if at < 0 || at > 0 && text[at-1] != ' ' || at == 0 && hasThread {
		return false
	}
	sdk, rest, ok1 := strings.Cut(text[at:], " ")
	version, system, ok2 := strings.Cut(rest, " ")
	if !ok1 || !ok2 || version == "" || version[0]-'0' > 9 {
		return false
	}
	l.ThreadName = strings.Trim(text[:at], " ()")
	if l.ThreadName != "" && !hasThread {
		return false
	}
	l.SDK, l.Version, l.OS = sdk, version, system
	return true
}

// readContext reads what follows the time: " - UUID] [MSAL] message", "] message".
func (l *MSALLine) readContext(text string) bool {
	inside, rest, ok := strings.Cut(text, "]")
	if !ok {
		return false
	}
	if l.Correlation, ok = strings.CutPrefix(inside, " - "); !ok && inside != "" && inside != " +0000" {
		return false
	}
	rest = strings.TrimPrefix(rest, " ")
	l.Component = ""
	if component, message, ok := strings.Cut(rest, "]"); ok && strings.HasPrefix(component, "[") &&
		isComponent(component[1:]) && (message == "" || message[0] == ' ') {
		l.Component, rest = component[1:], strings.TrimPrefix(message, " ")
	}
	l.Message = rest
	return true
}

// isComponent reports whether text is the name of a part of a library, and not another text in brackets.
func isComponent(text string) bool {
	return strings.HasPrefix(text, "MSAL") || strings.HasPrefix(text, "ADAL") || strings.HasPrefix(text, "MSID") ||
		isUpper(text)
}

// fields appends the content of the line other than its message.
func (l *MSALLine) fields(fields Fields) Fields {
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, Field{name, value})
		}
	}
	add("sdk", l.SDK)
	if strings.HasPrefix(l.SDK, "ADAL") {
		add("adal", l.Version)
	} else {
		add("msal", l.Version)
	}
	add("os", l.OS)
	add("correlationId", l.Correlation)
	add("component", l.Component)
	add("threadName", l.ThreadName)
	return fields
}

// maximumMSALPrefix is the most that an application may write before MSAL's message, in bytes.
const maximumMSALPrefix = 300

func msalHead(text string, s *state, record *Record) bool {
	start := msalStart(text)
	if start < 0 {
		return false
	}
	prefix, message := text[:start], text[start:]
	prefix, isOptional := strings.CutSuffix(prefix, `Optional("`)
	if isOptional {
		message = strings.TrimSuffix(strings.TrimSuffix(message, ")"), `"`)
	}
	line, utc, ok := s.sso.day.msal(message)
	if !ok {
		return false
	}
	at, before, ok := s.readPrefix(prefix, utc)
	if !ok {
		return false
	}
	record.Time = at
	record.Process, record.PID, before = cutNSLog(before)
	record.WrittenLevel, record.Category = readApplication(before)
	record.Thread, record.Message = line.Thread, line.Message
	record.Fields = line.fields(make(Fields, 0, 6))
	record.Level = levelOf(strings.ToUpper(record.WrittenLevel))
	if record.Level == "" {
		record.Level = embeddedLevel(line.Message)
	}
	if record.Level == "" {
		record.Level = LevelInfo
	}
	return true
}

// msalBody is textBody, unless the application closes the message with a quote.
func msalBody(record *Record) body {
	if !strings.HasSuffix(unescaped(trimLineEnd(record.Raw)), record.Message) {
		return nil
	}
	return textBody(record)
}

// msalStart is the index in a line where MSAL's message begins, or -1.
func msalStart(text string) int {
	near := text[:min(len(text), maximumMSALPrefix)]
	if start := strings.Index(near, "TID"); start >= 0 {
		if _, ok := cutThread(text[start:]); ok {
			return start
		}
	}
	if start := strings.Index(near, "ADAL "); start >= 0 {
		return start
	}
	return -1
}

// readPrefix reads the time at the beginning of an application's line, if it has one, and returns the text after it.
// Otherwise the time is that of the message. It returns false for a line of another format that only quotes MSAL, such
// as the unified log.
func (s *state) readPrefix(text string, utc int64) (at Time, rest string, ok bool) {
	local, rest, ok := s.day.dateTime(text)
	if !ok {
		if isForeign := text != "" && (text[0] == '{' || looksDated(text) || strings.Contains(text, " -0") ||
			strings.Contains(text, " +0") || !mentionsMSAL(text)); isForeign {
			return Time{}, "", false
		}
		return moment(utc, 0, time.Second, ZoneUTC), text, true
	}
	part, precision, rest := cutFraction(rest)
	offset, rest, hasOffset := cutOffset(rest)
	at = moment(local-offset, part, precision, ZoneWritten)
	if !hasOffset {
		switch offset, ok = offsetBetween(local, utc); {
		case ok:
			at = moment(local-offset, part, precision, ZoneWritten)
		// written long after the message, or edited: the other entries have this clock
		case strings.HasPrefix(rest, column):
			at = moment(local, part, precision, ZoneLikelyUTC)
		default:
			at = moment(utc, 0, time.Second, ZoneUTC)
		}
	}
	if rest != "" {
		if rest[0] != ' ' {
			return Time{}, "", false
		}
		rest = rest[1:]
	}
	if isUnified := strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "0x") ||
		len(rest) > 2 && rest[2] == ' '; isUnified {
		return Time{}, "", false
	}
	return at, rest, true
}

func mentionsMSAL(text string) bool {
	lower := strings.ToLower(text)
	return strings.Contains(lower, "msal") || strings.Contains(lower, "adal")
}

// cutFraction reads ".860" or ".815375", also ",860".
func cutFraction(text string) (part, precision time.Duration, rest string) {
	if text == "" || text[0] != '.' && text[0] != ',' {
		return 0, time.Second, text
	}
	count := 0
	for count < 9 && count+1 < len(text) && text[count+1]-'0' <= 9 {
		count++
	}
	if count == 0 {
		return 0, time.Second, text
	}
	part, _ = fraction(text[1:], count)
	precision = time.Second
	for range count {
		precision /= 10
	}
	return part, precision, text[1+count:]
}

// cutOffset reads "-07:00", "+0200", " +0000" or "Z" and returns the seconds by which the clock is ahead of UTC.
func cutOffset(text string) (offset int64, rest string, ok bool) {
	if rest, ok = strings.CutPrefix(text, "Z"); ok {
		return 0, rest, true
	}
	sign, digits := int64(1), strings.TrimPrefix(text, " ")
	if len(digits) < len("+0200") || digits[0] != '+' && digits[0] != '-' {
		return 0, text, false
	}
	if digits[0] == '-' {
		sign = -1
	}
	hours, ok1 := twoDigits(digits[1:])
	digits = strings.TrimPrefix(digits[3:], ":")
	if len(digits) < 2 {
		return 0, text, false
	}
	minutes, ok2 := twoDigits(digits)
	if !ok1 || !ok2 {
		return 0, text, false
	}
	return sign * int64(hours*3600+minutes*60), digits[2:], true
}

// offsetBetween returns by how much a local time is ahead of UTC, for an entry that has both times. Every zone is a
// multiple of 15 minutes ahead. The remainder passes between the reading of the clock and the writing of the message.
func offsetBetween(local, utc int64) (offset int64, ok bool) {
	const step, west, east = 15 * 60, -12 * 60 * 60, 14 * 60 * 60
	const mostBetween = 2 * 60
	difference := local - utc
	offset = difference + step/2
	offset -= (offset%step + step) % step
	left := difference - offset
	return offset, offset >= west && offset <= east && left >= -mostBetween && left <= mostBetween
}

// cutNSLog splits "Auth[926:38699] rest", which NSLog writes.
func cutNSLog(text string) (process, pid, rest string) {
	name, after, ok := strings.Cut(text, "[")
	if !ok || name == "" {
		return "", "", text
	}
	inside, rest, ok := strings.Cut(after, "] ")
	pid, thread, ok2 := strings.Cut(inside, ":")
	if !ok || !ok2 || !isNumber(pid) || thread == "" || strings.Trim(thread, "0123456789abcdef") != "" {
		return "", "", text
	}
	return name, pid, rest
}

// readApplication reads what an application writes before MSAL's message. The level is the last word that names one,
// and the category is in the second pair of brackets of "[Info][AppDelegate]: ".
func readApplication(text string) (written, category string) {
	if inside, rest, ok := strings.Cut(text, "]["); ok && strings.HasPrefix(inside, "[") {
		category, _, _ = strings.Cut(rest, "]")
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r|0x20 < 'a' || r|0x20 > 'z' }) {
		if levelOf(strings.ToUpper(word)) != "" {
			written = word
		}
	}
	return written, category
}

// sdkErrorCode returns the code in a message of Microsoft's SDK for Workplace Join, as -400 in "ERROR:
// [errorCode:-400]-[WorkPlaceJoin …", or "" [MS-25244].
func sdkErrorCode(message string) string {
	_, after, ok := strings.Cut(message, "[errorCode:")
	if !ok {
		return ""
	}
	code, _, ok := strings.Cut(after, "]")
	if !ok || !isNumber(strings.TrimPrefix(code, "-")) {
		return ""
	}
	return code
}

// addErrorCode gives one of Company Portal's entries the code in a message of the SDK.
func addErrorCode(record *Record) {
	if !strings.HasSuffix(record.Subsystem, "workplaceJoinSdk") {
		return
	}
	if code := sdkErrorCode(record.Message); code != "" {
		record.Fields = append(record.Fields, Field{"errorCode", code})
	}
}
