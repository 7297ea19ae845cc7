package applog

import (
	"strings"
	"time"
)

// intuneAgent is the grammar of Intune's own agent, IntuneMDMDaemon*.log in /Library/Logs/Microsoft/Intune and
// IntuneMDMAgent*.log of a user (https://github.com/gilburns/IntuneLogWatch; the README files of projects that deploy
// with it have real lines):
//
//	2024-05-15 02:15:12:703 | IntuneMDM-Daemon | I | 11254 | SyncActivityTracer | message
//
// Milliseconds follow a colon. The agent installs apps and runs scripts; its log does not show how a registration went.
var intuneAgent = grammar{format: IntuneAgent, head: intuneAgentHead, body: textBody}

// isIntuneAgent reports whether the second column is one of the agent's programs.
func isIntuneAgent(text string) bool {
	rest, ok := cutPrefixFold(text, "IntuneMDM")
	if !ok {
		return false
	}
	rest = strings.TrimLeft(rest, "- ")
	_, daemon := cutPrefixFold(rest, "Daemon")
	_, agent := cutPrefixFold(rest, "Agent")
	return daemon || agent
}

func cutPrefixFold(text, prefix string) (rest string, ok bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return text, false
	}
	return text[len(prefix):], true
}

func intuneAgentHead(text string, s *state, record *Record) bool {
	local, rest, ok := s.day.dateTime(text)
	if !ok || rest == "" || rest[0] != ':' && rest[0] != '.' {
		return false
	}
	part, ok := fraction(rest[1:], 3)
	if !ok {
		return false
	}
	program, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimLeft(rest[4:], blanks), "|"), "|")
	program = strings.Trim(program, blanks)
	if !ok || !isIntuneAgent(program) {
		return false
	}
	record.Process = program
	var columns [3]string
	for i := range columns {
		before, after, ok := strings.Cut(rest, "|")
		if !ok {
			break
		}
		columns[i], rest = strings.Trim(before, blanks), after
	}
	record.WrittenLevel, record.Thread, record.Category = columns[0], columns[1], columns[2]
	if record.Level = ssoLevel(record.WrittenLevel); record.Level == "" {
		record.Level = LevelInfo
	}
	record.Message = strings.TrimPrefix(rest, " ")
	record.Time = moment(s.intune.unix(local, s.options.zone()), part, time.Millisecond, s.options.certainty())
	return true
}
