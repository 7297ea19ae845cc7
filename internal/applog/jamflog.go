package applog

import (
	"strings"
	"time"
)

// jamfLog is the grammar of /var/log/jamf.log (docs/log-formats.md):
//
//	Sun Apr 26 22:06:14 Test's Mac (2) jamf[1480]: Executing Policy Register With AAD
//
// Times are local and have no year. The name of the computer is free text and may change midway. Jamf's ReEnroller
// writes into the same log, without a process number, and does not pad the day
// (https://github.com/jamf/ReEnroller/issues/16):
//
//	Fri Oct 4 13:36:37 Test's Mac [ReEnroller]:    Running: /usr/local/bin/jamf createConf
//
// A message may continue on further lines. If the log begins in the middle of a line, the rest of that line is read.
var jamfLog = grammar{format: JamfLog, head: jamfLogHead, body: textBody}

// jamfState is what jamf.log says once for many entries.
type jamfState struct {
	clock localClock
	// selfService is the clock of Self Service's log.
	selfService localClock
	// date is the last date that was read, as written with its weekday. midnight is its beginning as if it were UTC.
	date     string
	midnight int64
	year     int
	// computer is the last name, fields a list that holds only it.
	computer string
	fields   Fields
	// begun is true after the first line. Only the first line's time may be cut off.
	begun bool
}

func jamfLogHead(text string, s *state, record *Record) bool {
	first := !s.jamf.begun
	s.jamf.begun = true
	date, seconds, rest, ok := cutJamfTime(text)
	torn := false
	if !ok {
		if date, seconds, rest, ok = cutTornJamfTime(text, first); !ok {
			return false
		}
		torn = true
	}
	computer, process, pid, message, ok := cutJamfProcess(rest)
	if !ok {
		return false
	}
	if date != "" {
		midnight, ok := s.jamf.day(date, s.options)
		if !ok {
			return false
		}
		unix := s.jamf.clock.unix(midnight+seconds, s.options.zone())
		record.Time = moment(unix, 0, time.Second, s.options.certainty())
	}
	record.Torn = torn
	record.Process, record.PID, record.Message = process, pid, message
	record.Fields = s.jamf.named(computer)
	readJamfMessage(record)
	return true
}

// cutJamfTime splits "Sun Apr 26 22:06:14 rest", with a day of one digit or two, into its date, the seconds since
// midnight and the rest with the blank before it. A date whose day has one digit may have one blank before it or two.
func cutJamfTime(text string) (date string, seconds int64, rest string, ok bool) {
	if len(text) < len("Sun Apr 6 22:06:14 ") || text[3] != ' ' || text[7] != ' ' || text[0]-'A' > 25 ||
		text[4]-'A' > 25 {
		return "", 0, "", false
	}
	end := len("Sun Apr 26")
	if text[end] != ' ' {
		if end--; text[end] != ' ' {
			return "", 0, "", false
		}
	}
	if seconds, ok = clock(text[end+1:]); !ok {
		return "", 0, "", false
	}
	rest = text[end+1+len("22:06:14"):]
	return text[:end], seconds, rest, rest != "" && rest[0] == ' '
}

// cutTornJamfTime is cutJamfTime for a line whose beginning was cut off. The first line of a log needs only the minutes
// and seconds; then the date is "".
func cutTornJamfTime(text string, first bool) (date string, seconds int64, rest string, ok bool) {
	const whole, month, minute = "Sun Apr 26 22:06:14 ", len("Sun "), len("Sun Apr 26 22:")
	for from := 1; from <= minute && (from <= month || first); from++ {
		if !hasShape(text, whole[from:]) {
			continue
		}
		rest = text[len(whole)-from-1:]
		if from > month {
			return "", 0, rest, true
		}
		if seconds, ok = clock(text[len("Sun Apr 26 ")-from:]); !ok {
			return "", 0, "", false
		}
		return text[:len("Sun Apr 26")-from], seconds, rest, true
	}
	return "", 0, "", false
}

// hasShape reports whether text has the shape of the example: letters match letters, digits match digits, other
// characters are the same.
func hasShape(text, example string) bool {
	if len(text) < len(example) {
		return false
	}
	for i := range len(example) {
		switch want := example[i]; {
		case want-'0' <= 9:
			if text[i]-'0' > 9 {
				return false
			}
		case want|0x20-'a' <= 25:
			if text[i]|0x20-'a' > 25 {
				return false
			}
		case text[i] != want:
			return false
		}
	}
	return true
}

// cutJamfProcess splits " Test's Mac jamf[1480]: message". It splits at the first " jamf[1480]: ". Without one, it
// splits at the first other process in this form, or at " [ReEnroller]: ".
func cutJamfProcess(text string) (computer, process, pid, message string, ok bool) {
	const jamf = " jamf["
	for from := 0; ; {
		at := strings.Index(text[from:], jamf)
		if at < 0 {
			break
		}
		at += from
		from = at + len(jamf)
		if pid, message, ok = cutPID(text[from:]); ok {
			return strings.Trim(text[:at], blanks), text[at+1 : from-1], pid, message, true
		}
	}
	for from := 0; ; {
		at := strings.IndexByte(text[from:], '[')
		if at < 0 {
			return "", "", "", "", false
		}
		at += from
		from = at + 1
		word := strings.LastIndexByte(text[:at], ' ') + 1
		if pid, message, ok = cutPID(text[from:]); ok && word < at {
			return strings.Trim(text[:word], blanks), text[word:at], pid, message, true
		}
		if process, message, ok = strings.Cut(text[from:], "]:"); ok && word == at && isLetters(process) {
			return strings.Trim(text[:at], blanks), process, "", strings.TrimLeft(message, blanks), true
		}
	}
}

// cutPID splits "1480]: message".
func cutPID(text string) (pid, message string, ok bool) {
	end := 0
	for end < len(text) && text[end]-'0' <= 9 {
		end++
	}
	if end == 0 || !strings.HasPrefix(text[end:], "]:") {
		return "", "", false
	}
	message = text[end+2:]
	if message != "" && message[0] != ' ' {
		return "", "", false
	}
	return text[:end], strings.TrimLeft(message, blanks), true
}

func isLetters(text string) bool {
	for i := range len(text) {
		if text[i]|0x20-'a' > 25 {
			return false
		}
	}
	return text != ""
}

// named returns fields that hold the name of the computer. It returns the same fields until the name changes.
func (j *jamfState) named(computer string) Fields {
	if computer != j.computer || j.fields == nil {
		j.computer = strings.Clone(computer)
		j.fields = Fields{{"computer", j.computer}}
	}
	return j.fields[:1:1]
}

// day returns the midnight at the beginning of a date, as if it were UTC. The beginning of the weekday may be cut off.
func (j *jamfState) day(date string, options Options) (midnight int64, ok bool) {
	if date == j.date {
		return j.midnight, true
	}
	rest, number := date[:len(date)-2], strings.TrimLeft(date[len(date)-2:], " ")
	rest = strings.TrimRight(rest, " ")
	if !isNumber(number) || len(rest) < len("Apr") {
		return 0, false
	}
	weekday := strings.TrimRight(rest[:len(rest)-len("Apr")], " ")
	month := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", rest[len(rest)-len("Apr"):])
	if month < 0 || month%3 != 0 {
		return 0, false
	}
	sought := calendarDay{weekday: weekday, month: time.Month(month/3 + 1), day: int(number[0] - '0')}
	if len(number) == 2 {
		sought.day = sought.day*10 + int(number[1]-'0')
	}
	year, ok := sought.yearAfter(j.year)
	if !ok {
		if year, ok = sought.yearBefore(options); !ok {
			return 0, false
		}
	}
	j.date, j.year, j.midnight = date, year, sought.in(year).Unix()
	return j.midnight, true
}

// calendarDay is a date without its year. The weekday limits the years that are possible.
type calendarDay struct {
	weekday string
	month   time.Month
	day     int
}

func (d calendarDay) in(year int) time.Time {
	return time.Date(year, d.month, d.day, 0, 0, 0, 0, time.UTC)
}

// exists reports whether the year has the date: not every year has a 29 February.
func (d calendarDay) exists(year int) bool { return d.in(year).Day() == d.day }

func (d calendarDay) fits(year int) bool {
	return d.exists(year) && strings.HasSuffix(d.in(year).Weekday().String()[:3], d.weekday)
}

// yearAfter returns the year of a date that follows a date of the year last. It is the same year if the weekday allows
// it, or else the next. If no year nearby fits, it is last.
func (d calendarDay) yearAfter(last int) (year int, ok bool) {
	if last == 0 {
		return 0, false
	}
	for _, year := range []int{last, last + 1, last + 2, last - 1} {
		if d.fits(year) {
			return year, true
		}
	}
	return last, d.exists(last)
}

// yearBefore returns the last year in which the date has this weekday and is not after the log was written. Every
// weekday comes round within 11 years, on a 29 February within 40.
func (d calendarDay) yearBefore(options Options) (year int, ok bool) {
	modified := options.Modified
	if modified.IsZero() {
		modified = time.Now()
	}
	modified = modified.In(options.zone()).AddDate(0, 0, 1) // the zone is a guess, and clocks differ
	for year = modified.Year(); year > modified.Year()-41; year-- {
		if d.fits(year) && d.in(year).Before(modified) {
			return year, true
		}
	}
	return 0, false
}
