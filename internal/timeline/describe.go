package timeline

import (
	"strconv"
	"strings"
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/errorcode"
	"usher.internal/internal/event"
	"usher.internal/internal/lazyregexp"
	"usher.internal/internal/wpj"
)

// describe builds an event from a sighting.
func (l *collected) describe(s sighting) found {
	known, record := s.known, s.record()
	f := found{
		known: known, user: l.user,
		Event: Event{
			Name: known.Name, Title: known.Title(), Phase: known.Phase, Class: known.Class, Advice: known.Advice,
			Time: s.time, Source: s.format.Source(), Line: s.line,
			Raw: strings.ToValidUTF8(strings.TrimRight(s.raw, "\r\n"), "\uFFFD"),
		},
	}
	fields := record.Fields
	if text := fields.Get("durationMs"); text != "" {
		if milliseconds, err := strconv.ParseFloat(text, 64); err == nil && milliseconds > 0 && milliseconds < 1e10 {
			f.duration = time.Duration(milliseconds * float64(time.Millisecond))
		}
	}
	switch known.Name {
	case event.PolicyStarted:
		f.name = fields.Get("policy")
		if f.name == "" {
			_, f.name, _ = strings.Cut(record.Message, "Executing Policy ")
		}
		f.name = bounded(f.name, 100)
		f.Detail = f.name
	case event.PortalExited, event.PortalFailed:
		f.Detail = "resultData is " + bounded(fields.Get("resultData"), 20)
		if code, err := strconv.ParseUint(fields.Get("resultData"), 10, 8); err == nil {
			f.exit = wpj.ExitCode(code)
			info, _ := f.exit.Info()
			f.Detail = f.exit.String()
			if known.Class == event.Trouble {
				f.Advice = info.Admin
			}
		}
	case event.IdentityAcquired:
		if match := accountPattern.FindStringSubmatch(record.Message); match != nil {
			f.user = strings.Clone(match[1])
		}
	default:
		f.Detail = detailOf(record, f.duration)
		if known.Class == event.Trouble {
			f.explain(record)
		}
	}
	return f
}

// record parses the text of the sighting again. A record that was cut may be parsed differently than the whole one.
func (s sighting) record() *applog.Record {
	record := applog.Parse(s.raw, applog.Options{Zone: time.UTC})
	return &record
}

// explain adds what is known about the error in an entry. It explains the deepest code that usher knows, and mentions a
// deeper code that usher does not know.
func (f *found) explain(record *applog.Record) {
	known, unknown := errorcode.Deepest(errorcode.InText(bounded(record.Raw, maximumRaw)))
	if known == nil {
		return
	}
	name := known.String()
	if unknown != nil && unknown.Chain == known.Chain && unknown.Depth > known.Depth {
		name = strings.TrimSuffix(name, ")") + "; inside it " + unknown.Written() + ", which is not known)"
	}
	f.Code = name + ": " + known.Phrase
	if known.Advice != "" {
		f.Advice = known.Advice
	}
}

// accountPattern finds the account of "AAD ID acquired for macOS user account jane" and of its successor.
var accountPattern = lazyregexp.New(`macOS user (?:account )?([^\s,.]+(?:\.[^\s,.]+)*)`)

// timeOf returns when a record was written. A record without a time gets that of the records before it, or of its file.
func (l *collected) timeOf(record *applog.Record) applog.Time {
	if !record.Time.At.IsZero() {
		return record.Time
	}
	if !l.last.At.IsZero() {
		return l.last
	}
	return applog.Time{At: l.modified.UTC(), Precision: time.Hour, Zone: applog.ZoneAssumed}
}

// detailOf returns what an entry says in addition to its event's meaning.
func detailOf(record *applog.Record, duration time.Duration) string {
	fields := record.Fields
	title := fields.Get("eventTitle")
	if title == "" {
		detail := record.Message
		if line, ok := applog.ParseMSAL(detail); ok {
			detail = line.Message
		}
		if domain := fields.Get("Error domain"); domain != "" {
			detail = domain + " " + fields.Get("Code")
		}
		return oneLine(detail, 160)
	}
	parts := []string{title}
	if result := fields.Get("result"); result != "" {
		parts = append(parts, result)
	}
	if duration > 0 {
		parts = append(parts, "after "+Brief(duration))
	}
	text := strings.Join(parts, " ")
	for _, name := range []string{"error", "errorCode", "resultData"} {
		if value := fields.Get(name); value != "" {
			text += ", " + name + " " + value
		}
	}
	return oneLine(text, 200)
}

// oneLine makes one bounded line of text.
func oneLine(text string, limit int) string {
	return bounded(strings.Join(strings.Fields(text), " "), limit)
}

// Brief writes a duration for a person: "305 ms", "2.1 s", "1 min 55 s", "1 h 3 min".
func Brief(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Round(time.Second).Seconds())) + " s"
	case d < time.Hour:
		d = d.Round(time.Second)
		return joined(int(d.Minutes()), "min", int(d.Seconds())%60, "s")
	default:
		d = d.Round(time.Minute)
		return joined(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
}

func joined(large int, largeUnit string, small int, smallUnit string) string {
	text := strconv.Itoa(large) + " " + largeUnit
	if small > 0 {
		text += " " + strconv.Itoa(small) + " " + smallUnit
	}
	return text
}
