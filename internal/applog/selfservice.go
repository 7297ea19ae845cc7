package applog

import "time"

// selfService is the grammar of the log of Jamf's Self Service [CMT]:
//
//	[2026-04-29 14:59:40] Request: getPolicies
//	[2026-04-29 15:00:01] WARNING: A customized icon is larger than recommended.
//
// Times are local. Its debug log has requests and answers on further lines.
var selfService = grammar{format: SelfService, head: selfServiceHead, body: textBody}

func selfServiceHead(text string, s *state, record *Record) bool {
	const length = len("[2026-04-29 14:59:40]")
	if len(text) < length || text[0] != '[' || text[length-1] != ']' {
		return false
	}
	local, rest, ok := s.day.dateTime(text[1:])
	if !ok || len(rest) > 1 && rest[1] != ' ' {
		return false
	}
	unix := s.jamf.selfService.unix(local, s.options.zone())
	record.Time = moment(unix, 0, time.Second, s.options.certainty())
	record.Message = rest[min(len(rest), len("] ")):]
	if record.Level = embeddedLevel(record.Message); record.Level == "" {
		record.Level = LevelInfo
	}
	return true
}
