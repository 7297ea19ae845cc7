package applog

import (
	"encoding/json"
	"slices"
	"strings"
)

// Record is one entry of a log: its first line and the lines that belong to it, or a line that is not an entry.
//
// Its strings share memory with the block of the file in which they were found. A caller that keeps a record beyond the
// next one needs a [Record.Clone].
type Record struct {
	Kind Kind `json:"kind"`
	// Format is how the record is written, "" for an unparsed one.
	Format Format `json:"format,omitempty"`
	// Time is when the entry was written.
	Time Time `json:"time,omitzero"`
	// Level is the intended severity of the entry. WrittenLevel is the text of its level column, or "" if it has none.
	// They differ for entries of Microsoft's SDK, which are written as INFO and begin with "ERROR:".
	Level        Level  `json:"level,omitempty"`
	WrittenLevel string `json:"written_level,omitempty"`
	// Process is the program that wrote the entry, as the log names it, and PID its process number; "" if not in the
	// log.
	Process string `json:"process,omitempty"`
	PID     string `json:"pid,omitempty"`
	// Thread is the thread's number, as written.
	Thread string `json:"thread,omitempty"`
	// Subsystem is as written: com.microsoft.ssp.telemetry in older logs of Company Portal, telemetry in newer ones.
	// Category is the second part in the unified log.
	Subsystem string `json:"subsystem,omitempty"`
	Category  string `json:"category,omitempty"`
	// Location is the place in the program's source that wrote the entry, or "" if the log does not have it.
	Location string `json:"location,omitempty"`
	// Message is the rest of the first line. In formats whose messages have several lines, it is the whole message. For
	// an unparsed record it is the line.
	Message string `json:"message"`
	// Fields are the keys and values of the entry's payload and of the columns that have no place above, in the order
	// in which they are written. Keys of nested dictionaries are joined with dots, elements of lists with ", ".
	Fields Fields `json:"fields,omitempty"`

	// Torn is true if the payload of the entry was not closed, or the beginning of the entry was cut off.
	Torn bool `json:"torn,omitempty"`

	// Raw is the exact text in the file, with line ends, but without the Cut bytes by which its lines were too long.
	Raw string `json:"raw"`
	Cut int64  `json:"cut,omitempty"`
	// File is the name of the file that the reader was given, or "".
	File string `json:"file,omitempty"`
	// Line is the number of the first line, counted from 1 where reading began.
	Line int `json:"line"`
	// Offset and End are where the record begins and ends in the bytes that were read: End - Offset = len(Raw) + Cut.
	Offset int64 `json:"offset"`
	End    int64 `json:"end"`
}

// Lines returns the lines of the record without their ends.
func (r *Record) Lines() []string {
	var lines []string
	for raw := range strings.Lines(r.Raw) {
		lines = append(lines, trimLineEnd(raw))
	}
	return lines
}

// Clone returns a record that shares no memory with r.
func (r *Record) Clone() Record {
	copied := *r
	for _, text := range []*string{&copied.WrittenLevel, &copied.Process, &copied.PID, &copied.Thread,
		&copied.Subsystem,
		&copied.Category, &copied.Location, &copied.Message, &copied.Raw, &copied.File} {
		*text = strings.Clone(*text)
	}
	copied.Fields = slices.Clone(r.Fields)
	for i, field := range copied.Fields {
		copied.Fields[i] = Field{strings.Clone(field.Name), strings.Clone(field.Value)}
	}
	return copied
}

// Kind distinguishes entries from other lines in a log.
type Kind uint8

const (
	// Unparsed is a line that no grammar knows.
	Unparsed Kind = iota
	// Entry is an entry that a program wrote into its log.
	Entry
	// Note is a line that says something about the log: a heading, a preamble, a footer, a file's name, or nothing.
	Note
)

// String returns the kind as it is printed.
func (k Kind) String() string { return [...]string{"unparsed", "entry", "note"}[k] }

// MarshalText implements [encoding.TextMarshaler].
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Field is one key of an entry and its value.
type Field struct{ Name, Value string }

// Fields are the few fields of an entry.
type Fields []Field

// Get returns the value of a field, or "" if the entry has no such field.
func (f Fields) Get(name string) string {
	for i := range f {
		if f[i].Name == name {
			return f[i].Value
		}
	}
	return ""
}

// set gives a field a value. If a field is written twice, it has the last value.
func (f *Fields) set(name, value string) {
	for i := range *f {
		if (*f)[i].Name == name {
			(*f)[i].Value = value
			return
		}
	}
	*f = append(*f, Field{name, value})
}

// MarshalJSON implements [json.Marshaler]: an object, in the order of the log.
func (f Fields) MarshalJSON() ([]byte, error) {
	object := []byte{'{'}
	for i, field := range f {
		if i > 0 {
			object = append(object, ',')
		}
		for j, text := range []string{field.Name, field.Value} {
			if j > 0 {
				object = append(object, ':')
			}
			quoted, err := json.Marshal(text)
			if err != nil {
				return nil, err
			}
			object = append(object, quoted...)
		}
	}
	return append(object, '}'), nil
}

// Level is the severity of an entry. "" means that the record is not an entry.
type Level string

// The levels, the least severe first.
const (
	LevelVerbose Level = "VERBOSE"
	LevelInfo    Level = "INFO"
	LevelWarning Level = "WARNING"
	LevelError   Level = "ERROR"
)

// levelOf returns the level that a level column names, or "" for any other word. ERR and similar words were not seen,
// but are likely to exist.
func levelOf(written string) Level {
	switch written {
	case "VERB", "VERBOSE", "DEBUG", "DBG":
		return LevelVerbose
	case "INFO":
		return LevelInfo
	case "WARN", "WARNING":
		return LevelWarning
	case "ERR", "ERRR", "ERROR", "FATAL":
		return LevelError
	}
	return ""
}

// meantLevel is the intended level of one of Company Portal's entries, given its level column and its message. Messages
// of Microsoft's SDK carry their own [MS-25244].
func meantLevel(written, subsystem, message string) Level {
	if strings.HasSuffix(subsystem, "workplaceJoinSdk") {
		if level := embeddedLevel(message); level != "" {
			return level
		}
	}
	if level := levelOf(written); level != "" {
		return level
	}
	return LevelInfo
}

// embeddedLevel is the level at the beginning of a message of Microsoft's SDK, or "" if there is none.
func embeddedLevel(message string) Level {
	if word, _, ok := strings.Cut(message, ":"); ok {
		return levelOf(word)
	}
	return ""
}

func trimLineEnd(raw string) string {
	return strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
}
