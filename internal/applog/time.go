package applog

import "time"

// Time is a moment as written in a log.
type Time struct {
	// At is the moment in UTC; zero if the record has none.
	At time.Time `json:"at,omitzero"`
	// Precision is the unit in which the log writes it: the moment lies in [At, At+Precision).
	Precision time.Duration `json:"precision,omitempty"`
	Zone      Zone          `json:"zone,omitempty"`
}

// Zone is how certain the moment of a written time is.
type Zone string

// The certainties, the most certain first.
const (
	// ZoneWritten: the entry says its offset from UTC, or the same moment in UTC too.
	ZoneWritten Zone = "written"
	// ZoneUTC: the format always writes UTC.
	ZoneUTC Zone = "utc"
	// ZoneLikelyUTC: the format seems to write UTC; nobody has documented it.
	ZoneLikelyUTC Zone = "likely-utc"
	// ZoneInferred: local time, with the offset of other entries of the same log or of the other logs.
	ZoneInferred Zone = "inferred"
	// ZoneAssumed: local time, assumed to be in [Options.Zone].
	ZoneAssumed Zone = "assumed"
)

// day remembers the last date that was read, since a log has thousands of entries for each date.
type day struct {
	text string
	unix int64
}

// dateLength is the length of "2006-01-02".
const dateLength = 10

// date reads "2006-01-02" at the beginning of text and returns the Unix time of its midnight in UTC. It is strict:
// every digit in its place, no 30 February.
func (d *day) date(text string) (unix int64, ok bool) {
	if len(text) < dateLength {
		return 0, false
	}
	if text[:dateLength] == d.text {
		return d.unix, true
	}
	if text[4] != '-' || text[7] != '-' {
		return 0, false
	}
	at, err := time.Parse(time.DateOnly, text[:dateLength])
	if err != nil {
		return 0, false
	}
	d.text, d.unix = text[:dateLength], at.Unix()
	return d.unix, true
}

// clock reads "15:04:05" at the beginning of text and returns the seconds since midnight.
func clock(text string) (seconds int64, ok bool) {
	if len(text) < 8 || text[2] != ':' || text[5] != ':' {
		return 0, false
	}
	hour, ok1 := twoDigits(text)
	minute, ok2 := twoDigits(text[3:])
	second, ok3 := twoDigits(text[6:])
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return int64(hour*3600 + minute*60 + second), true
}

func twoDigits(text string) (int, bool) {
	tens, ones := text[0]-'0', text[1]-'0'
	return int(tens)*10 + int(ones), tens <= 9 && ones <= 9
}

// fraction reads exactly count digits at the beginning of text as a part of a second.
func fraction(text string, count int) (part time.Duration, ok bool) {
	if len(text) < count {
		return 0, false
	}
	unit := time.Second
	for i := range count {
		digit := text[i] - '0'
		if digit > 9 {
			return 0, false
		}
		unit /= 10
		part += time.Duration(digit) * unit
	}
	return part, true
}

// dateTime reads "2006-01-02 15:04:05" at the beginning of text, as if it were UTC.
func (d *day) dateTime(text string) (unix int64, rest string, ok bool) {
	const length = dateLength + 1 + 8
	if len(text) < length || text[dateLength] != ' ' {
		return 0, "", false
	}
	midnight, ok := d.date(text)
	if !ok {
		return 0, "", false
	}
	seconds, ok := clock(text[dateLength+1:])
	return midnight + seconds, text[length:], ok
}

// moment builds a [Time] from the parts that were read.
func moment(unix int64, part, precision time.Duration, zone Zone) Time {
	return Time{At: time.Unix(unix, int64(part)).UTC(), Precision: precision, Zone: zone}
}
