package timeline

import (
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
)

// Schema is the version of a report's JSON; docs/timeline.md says what may change within it.
const Schema = "usher.timeline.v1"

// Report is what the logs of a Mac show about its registrations.
type Report struct {
	Schema     string    `json:"schema"`
	CreateTime time.Time `json:"create_time"`
	// Zone is the zone of the Mac, for example America/Chicago or UTC-05:00. Local times are read in it, and times are
	// shown in it. ZoneFrom says how it was found.
	Zone     string      `json:"zone"`
	ZoneFrom applog.Zone `json:"zone_from"`
	// Redacted is true if personal data is replaced by pseudonyms.
	Redacted bool `json:"redacted"`
	// Logs are the logs that were read; events and lines refer to them by index.
	Logs  []Log  `json:"logs"`
	Skews []Skew `json:"skews,omitempty"`
	// Attempts are the registration attempts, the oldest first. Older attempts beyond the limit are only counted.
	Attempts        []Attempt `json:"attempts"`
	OmittedAttempts int       `json:"omitted_attempts,omitempty"`
	// Trouble is the newest trouble outside of any attempt.
	Trouble []Event `json:"trouble,omitempty"`
	// Lines are the records around the attempts in the order of their times, up to a limit, if they were requested.
	Lines        []Line `json:"lines,omitempty"`
	OmittedLines int64  `json:"omitted_lines,omitempty"`

	location *time.Location
	// users and computers are the names in the logs, also outside of the reported events.
	users, computers []string
}

// Location is the zone for showing the report's times. It is UTC for a report that [Build] has not built.
func (r *Report) Location() *time.Location {
	if r.location == nil {
		return time.UTC
	}
	return r.location
}

// Names returns the users and computers that the logs name in fields of their own, for redaction of the report.
func (r *Report) Names() (users, computers []string) { return r.users, r.computers }

// Log is one log that was read, or could not be.
type Log struct {
	// Name is the path. A "!" comes before the path inside an archive.
	Name    string          `json:"name"`
	Formats []applog.Format `json:"formats,omitempty"`
	Bytes   int64           `json:"bytes"`
	// Entries, Notes and Unparsed count its records.
	Entries  int64 `json:"entries"`
	Notes    int64 `json:"notes"`
	Unparsed int64 `json:"unparsed"`
	// FirstUnparsed is the first line that no grammar knows, and FirstUnparsedLine its number.
	FirstUnparsed     string      `json:"first_unparsed,omitempty"`
	FirstUnparsedLine int         `json:"first_unparsed_line,omitempty"`
	FirstTime         time.Time   `json:"first_time,omitzero"`
	LastTime          time.Time   `json:"last_time,omitzero"`
	Zone              applog.Zone `json:"zone,omitempty"`
	// Error says why the log could not be read, or not to its end.
	Error string `json:"error,omitempty"`
	// Note describes a log that cannot show a registration, and says what to do; it is "" for every other log.
	Note string `json:"note,omitempty"`
}

// Skew is the difference between the clocks of two sources' logs, found from events that both report.
type Skew struct {
	Source  applog.Source `json:"source"`
	Against applog.Source `json:"against"`
	// Milliseconds is how much later the same event is in Source.
	Milliseconds int64 `json:"milliseconds"`
	// Detail is one sentence: which events show the difference, and what follows.
	Detail string `json:"detail"`
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
	// Silent is an attempt that ended without success and without any error of its own.
	Silent Outcome = "silent"
	// Unfinished is an attempt whose end no log shows: it continues, or the logs end before it.
	Unfinished Outcome = "unfinished"
)

// Attempt is one registration of one user, from its start to its end.
type Attempt struct {
	// Number is the attempt's number from 1, the oldest first.
	Number int `json:"number"`
	// User is the account name, or "" if no log has it.
	User string `json:"user,omitempty"`
	// Registration is usher's id of the attempt, or "" if usher did not start it.
	Registration string    `json:"registration,omitempty"`
	Begin        time.Time `json:"begin_time"`
	End          time.Time `json:"end_time"`
	Outcome      Outcome   `json:"outcome"`
	Verdict      Verdict   `json:"verdict"`
	Phases       []Phase   `json:"phases"`
	// Events are the known events in the order of their times, without noise; Omitted is the number of events beyond
	// the limit.
	Events  []Event `json:"events"`
	Omitted int     `json:"omitted_events,omitempty"`
}

// Verdict says how an attempt went and why.
type Verdict struct {
	// Sentence is one sentence: what happened, and the first cause.
	Sentence string `json:"sentence"`
	// Cause is the stable name of the first cause, or "" for a success. It is the name of an event or an exit code, or
	// "silent-end".
	Cause string `json:"cause,omitempty"`
	// Evidence are the indexes of the events that support it, in the attempt's Events.
	Evidence []int `json:"evidence"`
	// Absent is what should be in the logs and is not, if the verdict is based on that.
	Absent []string `json:"absent,omitempty"`
	// Next is what to do, the first thing first.
	Next []string `json:"next,omitempty"`
}

// Phase is a part of an attempt that took time.
type Phase struct {
	Name event.Phase `json:"name"`
	// Title is the phase as it is shown, for example "Signing in".
	Title string    `json:"title"`
	Begin time.Time `json:"begin_time"`
	End   time.Time `json:"end_time"`
	// Milliseconds is End - Begin.
	Milliseconds int64 `json:"milliseconds"`
	// WaitingFor is the party for which the phase waited.
	WaitingFor event.Party `json:"waiting_for"`
	// Unfinished is true if the attempt ended in this phase.
	Unfinished bool `json:"unfinished,omitempty"`
}

// Event is a known event of an attempt.
type Event struct {
	// Name is the stable name, Title the meaning as one sentence.
	Name  string      `json:"name"`
	Title string      `json:"title"`
	Phase event.Phase `json:"phase,omitempty"`
	Class event.Class `json:"class"`
	// Consequence is true for trouble that followed from earlier trouble.
	Consequence bool        `json:"consequence,omitempty"`
	Time        applog.Time `json:"time"`
	// Detail is additional information in the entry, for example "Succeeded after 2.1 s" or "exit code 66,
	// registrationDeviceCapError".
	Detail string `json:"detail,omitempty"`
	// Code is the error code in the entry with its name, or "" if no known code is there.
	Code string `json:"code,omitempty"`
	// Advice says what to do about trouble.
	Advice string        `json:"advice,omitempty"`
	Source applog.Source `json:"source"`
	// Log is the index of the log, Line the number of its line, and Raw the text there.
	Log  int    `json:"log"`
	Line int    `json:"line"`
	Raw  string `json:"raw"`
}

// Line is a record of a log, known or not.
type Line struct {
	Log   int          `json:"log"`
	Line  int          `json:"line"`
	Time  applog.Time  `json:"time,omitzero"`
	Kind  applog.Kind  `json:"kind"`
	Level applog.Level `json:"level,omitempty"`
	Class event.Class  `json:"class,omitempty"`
	Event string       `json:"event,omitempty"`
	// Attempt is the number of the attempt to which the line belongs, or 0.
	Attempt int `json:"attempt,omitempty"`
	// Origin is the process or subsystem.
	Origin  string `json:"origin,omitempty"`
	Message string `json:"message"`
	// Raw is the text in the log, if it is more than the message.
	Raw string `json:"raw"`
}
