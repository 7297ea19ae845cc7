package timeline

import (
	"slices"
	"strings"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
	"usher.internal/internal/wpj"
)

// Collector collects the events in the records of several logs, and returns them as a [Report] at any time. One
// goroutine per log may call [Collector.Take]. All other methods are for one goroutine.
type Collector struct {
	options Options
	logs    []*collected
	zone    zone
}

// collected is what is known from one log so far.
type collected struct {
	index    int
	info     Log
	modified time.Time
	// origin is where the log is from; its user is the owner of that home.
	origin
	// sightings are the newest events. It is a ring once it is full.
	sightings []sighting
	next      int
	// journal are the events from usher's journal, found the events in the log, for the report that is being built.
	journal, found []found
	formats        map[applog.Format]bool
	last           applog.Time
	// dated is the latest moment of an entry with a whole date.
	dated time.Time
	// computers and users are the names in fields of entries, for redaction.
	computers, users names
	offsets          map[time.Duration]int
	// skew is subtracted from the times when the report is built.
	skew time.Duration
}

// sighting is an event that was recognised. Its content is read only for a report: most sightings of a long log are
// dropped before that.
type sighting struct {
	known  *event.Known
	format applog.Format
	time   applog.Time
	line   int
	raw    string
}

// found is an event in a log.
type found struct {
	Event
	known *event.Known
	user  string
	// registration is usher's id of the registration.
	registration string
	// duration is how long it took until Time, or 0 if it is not known.
	duration time.Duration
	// exit is Company Portal's exit code.
	exit wpj.ExitCode
	// name is the name of a policy.
	name string
}

// maximumFound is how many events of a log are kept, and maximumRaw how much of an event's text.
const (
	maximumFound = 10_000
	maximumRaw   = 2 << 10
)

// NewCollector returns a collector without logs.
func NewCollector(options Options) *Collector {
	if options.Attempts == 0 {
		options.Attempts = DefaultAttempts
	}
	if options.Now.IsZero() {
		options.Now = time.Now()
	}
	c := &Collector{options: options, zone: newZone(options.Zone)}
	return c
}

// Add adds a log and returns its index.
func (c *Collector) Add(name string, modified time.Time) int {
	index := len(c.logs)
	c.logs = append(c.logs, newCollected(index, name, modified))
	return index
}

func newCollected(index int, name string, modified time.Time) *collected {
	return &collected{index: index, info: Log{Name: name}, modified: modified, origin: originOf(name),
		formats: map[applog.Format]bool{}, offsets: map[time.Duration]int{}}
}

// Take gives a record of a log to the collector.
func (c *Collector) Take(index int, record *applog.Record) { c.logs[index].take(record) }

func (l *collected) take(record *applog.Record) {
	l.info.Bytes = record.End
	switch record.Kind {
	case applog.Note:
		l.info.Notes++
		return
	case applog.Unparsed:
		if l.info.Unparsed++; l.info.FirstUnparsedLine == 0 {
			l.info.FirstUnparsed, l.info.FirstUnparsedLine = bounded(record.Message, 200), record.Line
		}
		return
	}
	l.info.Entries++
	if !slices.Contains(l.info.Formats, record.Format) {
		l.formats[record.Format] = true
		l.info.Formats = append(l.info.Formats, record.Format)
	}
	if at := record.Time.At; !at.IsZero() {
		if l.info.FirstTime.IsZero() || at.Before(l.info.FirstTime) {
			l.info.FirstTime = at
		}
		if at.After(l.info.LastTime) {
			l.info.LastTime = at
		}
		if at.After(l.dated) && !slices.Contains(localFormats, record.Format) {
			l.dated = at
		}
		l.last = record.Time
		l.info.Zone = record.Time.Zone
		if record.Time.Zone == applog.ZoneWritten && (l.info.Entries < 64 || l.info.Entries%1024 == 0) {
			if offset, ok := writtenOffset(record); ok {
				l.offsets[offset]++
			}
		}
	}
	if fields := record.Fields; len(fields) > 0 && fields[0].Name == "computer" {
		l.computers.add(fields[0].Value)
		if len(fields) > 1 { // the user comes after it, if there is one
			l.users.add(fields.Get("user"))
		}
	}
	if record.Format == applog.UsherJournal {
		l.takeJournal(record)
		return
	}
	if known := event.Recognise(record); known != nil {
		l.keep(sighting{known, record.Format, l.timeOf(record), record.Line,
			strings.Clone(record.Raw[:min(len(record.Raw), maximumRaw)])})
	}
}

// keep adds an event, and drops the oldest if there are too many.
func (l *collected) keep(s sighting) {
	if len(l.sightings) < maximumFound {
		l.sightings = append(l.sightings, s)
		return
	}
	l.sightings[l.next] = s
	l.next = (l.next + 1) % maximumFound
}

// find fills found from the journal and the sightings, in the order of the log.
func (l *collected) find() {
	l.skew = 0
	l.found = slices.Clone(l.journal)
	for _, s := range slices.Concat(l.sightings[l.next:], l.sightings[:l.next]) {
		l.found = append(l.found, l.describe(s))
	}
	for i := range l.found {
		l.found[i].Log = l.index
	}
}

// names are the different names in a log, in the order of the log, up to a limit.
type names []string

const maximumNames = 100

func (n *names) add(name string) {
	if last := len(*n) - 1; name == "" || last >= 0 && (*n)[last] == name || len(*n) >= maximumNames ||
		slices.Contains(*n, name) {
		return
	}
	*n = append(*n, strings.Clone(name))
}

// bounded cuts text to at most about limit bytes of valid UTF-8.
func bounded(text string, limit int) string {
	if len(text) <= limit {
		return strings.Clone(strings.ToValidUTF8(text, "\uFFFD"))
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
