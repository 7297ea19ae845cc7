package applog

import (
	"strings"
	"time"
)

// Record is one entry of a log: its first line and the lines that belong to it.
type Record struct {
	// Time is when the entry was written, in UTC; zero for an unparsed one.
	Time time.Time
	// Level is how severe the entry is meant to be, WrittenLevel what its level column says ("" where it has none). They
	// differ for entries of Microsoft's SDK, which are written as INFO and begin with "ERROR:".
	Level        Level
	WrittenLevel string
	// Subsystem is as written: com.microsoft.ssp.telemetry in older logs, telemetry in newer ones.
	Subsystem string
	// Thread is the thread's number.
	Thread string
	// Location is where in Company Portal's source the entry comes from, "" where that is not written.
	Location string
	// Message is the rest of the first line; for an unparsed entry all of its line.
	Message string
	// Fields are the keys and values of the entry's payload, nil where there is none. Keys of nested dictionaries are
	// joined with dots, elements of lists with ", ".
	Fields map[string]string

	// Unparsed is true for a line that no grammar knows.
	Unparsed bool
	// Torn is true for an entry whose payload was not closed.
	Torn bool

	// Raw is exactly what stands in the file, with line ends, except for the Cut bytes by which its lines were too long.
	Raw string
	Cut int64
	// File is the base name of the file when the record was followed, "" when it was read.
	File string
	// Line is the number of the first line, counted from 1 where reading began.
	Line int
	// Offset and End are where the record begins and ends in what was read: End - Offset = len(Raw) + Cut.
	Offset, End int64
}

// Lines returns the lines of the record without their ends.
func (r Record) Lines() []string {
	var lines []string
	for raw := range strings.Lines(r.Raw) {
		lines = append(lines, trimLineEnd(raw))
	}
	return lines
}

// Level is the severity of an entry. "" is that of an unparsed one.
type Level string

// The levels, the least severe first.
const (
	LevelVerbose Level = "VERBOSE"
	LevelInfo    Level = "INFO"
	LevelWarning Level = "WARNING"
	LevelError   Level = "ERROR"
)

// levels is how severities have been written, or (ERR and the like) may be expected to be.
var levels = map[string]Level{
	"VERB": LevelVerbose, "VERBOSE": LevelVerbose, "DEBUG": LevelVerbose, "DBG": LevelVerbose,
	"INFO": LevelInfo,
	"WARN": LevelWarning, "WARNING": LevelWarning,
	"ERR": LevelError, "ERRR": LevelError, "ERROR": LevelError, "FATAL": LevelError,
}

// meantLevel is the level of an entry, given what its column says and its message. The SDK's messages carry their own
// [reference/domain.md 2.4].
func meantLevel(written, subsystem, message string) Level {
	if strings.HasSuffix(subsystem, "workplaceJoinSdk") {
		if word, _, ok := strings.Cut(message, ":"); ok {
			if level, ok := levels[word]; ok {
				return level
			}
		}
	}
	if level, ok := levels[written]; ok {
		return level
	}
	return LevelInfo
}

func trimLineEnd(raw string) string {
	return strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
}
