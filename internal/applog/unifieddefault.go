package applog

import (
	"strings"
	"time"
)

// unifiedDefault is the style that `log show` prints by itself (docs/log-formats.md):
//
//	Timestamp                       Thread     Type        Activity             PID    TTL
//	2026-01-25 23:03:22.041859+0200 0x150d23a  Info        0x0                  6103   0    logger: (sender) […] …
//
// Columns are as wide as they need to be, and the program's name may have spaces.
var unifiedDefault = grammar{format: UnifiedDefault, head: unifiedDefaultHead, body: textBody}

func unifiedDefaultHead(text string, s *state, record *Record) bool {
	at, rest, ok := s.day.withOffset(text)
	if !ok {
		return false
	}
	thread, rest := cutWord(rest)
	if !strings.HasPrefix(thread, "0x") {
		return false
	}
	written, rest := cutWord(rest)
	level, ok := unifiedLevels[written]
	if !ok {
		return false
	}
	activity, rest := cutWord(rest)
	pid, rest := cutWord(rest)
	ttl, rest := cutWord(rest)
	if !strings.HasPrefix(activity, "0x") || !isNumber(pid) || !isNumber(ttl) {
		return false
	}
	record.Time, record.Thread, record.WrittenLevel, record.Level, record.PID = at, thread, written, level, pid
	message := strings.TrimLeft(rest, blanks)
	if process, after, ok := strings.Cut(message, ": "); ok && isProcess(process) {
		record.Process, message = process, cutSender(after, record)
	}
	record.Message = message
	return true
}

// isProcess reports whether text can be the name of a program.
func isProcess(text string) bool {
	return text != "" && len(text) <= 64 && !strings.ContainsAny(text, "()[]{}\"=")
}

// unifiedSyslog is the style of `log show --style syslog`:
//
//	Timestamp                       (process)[PID]
//	2023-05-26 13:42:44.136082+0200  localhost kernel[0]: (Sandbox) message
//
// A type may come before the message, such as `<Error>: `.
var unifiedSyslog = grammar{format: UnifiedSyslog, head: unifiedSyslogHead, body: textBody}

func unifiedSyslogHead(text string, s *state, record *Record) bool {
	at, rest, ok := s.day.withOffset(text)
	if !ok || !strings.HasPrefix(rest, " ") {
		return false
	}
	host, rest := cutWord(rest)
	rest = strings.TrimPrefix(rest, " ")
	process, pid, after, ok := cutProcess(rest)
	if !ok || host == "" || strings.HasPrefix(host, "0x") {
		return false
	}
	after, ok = strings.CutPrefix(after, ":")
	if !ok {
		return false
	}
	record.Time, record.Process, record.PID, record.Level = at, process, pid, LevelInfo
	if host != "localhost" {
		record.Fields = Fields{{"computer", host}}
	}
	message := strings.TrimPrefix(after, " ")
	if written, rest, ok := strings.Cut(message, ">: "); ok && strings.HasPrefix(written, "<") {
		if level, known := unifiedLevels[written[1:]]; known {
			record.WrittenLevel, record.Level, message = written[1:], level, rest
		}
	}
	record.Message = cutSender(message, record)
	return true
}

// cutProcess splits "name[pid:thread]rest" or "name[pid]rest"; the name may have spaces.
func cutProcess(text string) (process, inside, rest string, ok bool) {
	open := strings.IndexByte(text, '[')
	if open <= 0 || open > 64 {
		return "", "", "", false
	}
	end := strings.IndexByte(text[open:], ']')
	if end < 2 {
		return "", "", "", false
	}
	inside = text[open+1 : open+end]
	if inside[0]-'0' > 9 {
		return "", "", "", false
	}
	return text[:open], inside, text[open+end+1:], true
}

// unifiedCompact is the style of `log show --style compact`, whose times are local and have no offset:
//
//	Timestamp               Ty Process[PID:TID]
//	2026-08-29 08:12:55.956 E  backupd[669:4cf173] [com.apple.TimeMachine:General] message
var unifiedCompact = grammar{format: UnifiedCompact, head: unifiedCompactHead, body: textBody}

func unifiedCompactHead(text string, s *state, record *Record) bool {
	unix, part, rest, ok := s.day.withMilliseconds(text)
	if !ok || len(rest) < 4 || rest[0] != ' ' {
		return false
	}
	written, rest := cutWord(rest)
	level, ok := unifiedLevels[written]
	if !ok || len(written) > 2 {
		return false
	}
	process, inside, rest, ok := cutProcess(strings.TrimLeft(rest, blanks))
	pid, thread, hasThread := strings.Cut(inside, ":")
	if !ok || !hasThread || !isNumber(pid) {
		return false
	}
	local := s.compact.unix(unix, s.options.zone())
	record.Time = moment(local, part, time.Millisecond, s.options.certainty())
	record.WrittenLevel, record.Level, record.Process, record.PID, record.Thread = written, level, process, pid, thread
	record.Message = cutSender(strings.TrimPrefix(rest, " "), record)
	return true
}

// unifiedConsole is the style in which Console copies, with spaces or tabs between the columns:
//
//	default 2020-04-26 22:06:15.055131 -0500 JamfAAD message
//
// Nothing marks the end of the program's name; spacedProcesses lists the names that have spaces.
var unifiedConsole = grammar{format: UnifiedConsole, head: unifiedConsoleHead, body: textBody}

// spacedProcesses are the programs of a registration whose names have spaces.
var spacedProcesses = []string{"Company Portal", "Jamf Conditional Access", "Mac SSO Extension",
	"JAMF Conditional Access", "Self Service", "Self Service+", "Jamf Connect"}

func unifiedConsoleHead(text string, s *state, record *Record) bool {
	if len(text) < 40 || text[0]-'a' > 25 {
		return false
	}
	written, rest := cutWord(text)
	level, ok := unifiedLevels[written]
	if !ok {
		return false
	}
	at, rest, ok := s.day.withOffset(strings.TrimLeft(rest, blanks))
	if !ok {
		return false
	}
	process, message, tabbed := strings.Cut(strings.TrimLeft(rest, blanks), "\t")
	if !tabbed {
		process, message = cutWord(rest)
		for _, known := range spacedProcesses {
			if after, ok := strings.CutPrefix(strings.TrimLeft(rest, blanks), known); ok &&
				(after == "" || after[0] == ' ') {
				process, message = known, after
			}
		}
	}
	record.Time, record.WrittenLevel, record.Level, record.Process = at, written, level, process
	record.Message = cutSender(strings.TrimLeft(message, blanks), record)
	return true
}
