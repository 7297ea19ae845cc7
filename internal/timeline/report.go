package timeline

import (
	"time"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
)

// Schema is the version of a report's JSON; docs/timeline.md says what may change within it.
const Schema = "usher.timeline.v1"

// Report is what the logs of a Mac tell of its registrations.
type Report struct {
	Schema     string    `json:"schema"`
	CreateTime time.Time `json:"create_time"`
	// Zone is the zone of the Mac, in which local times were taken to be and times are shown, for example
	// America/Chicago or UTC-05:00; ZoneFrom tells how it was found.
	Zone     string      `json:"zone"`
	ZoneFrom applog.Zone `json:"zone_from"`
	// Redacted is true where names and the like are pseudonyms.
	Redacted bool `json:"redacted"`
	// Logs are what was read; events and lines refer to them by index.
	Logs  []Log  `json:"logs"`
	Skews []Skew `json:"skews,omitempty"`
	// Attempts are the registration attempts, the oldest first. Older ones than are kept are counted alone.
	Attempts        []Attempt `json:"attempts"`
	OmittedAttempts int       `json:"omitted_attempts,omitempty"`
	// Trouble is what the logs show besides, outside of any attempt: the newest of it.
	Trouble []Event `json:"trouble,omitempty"`
	// Lines are the records around the attempts in the order of their times, where they were asked for, up to a limit.
	Lines        []Line `json:"lines,omitempty"`
	OmittedLines int64  `json:"omitted_lines,omitempty"`

	location *time.Location
	// users and computers are those that the logs name, also outside of what is reported.
	users, computers []string
}

// Location is the zone in which the report's times are to be shown, UTC for one that [Build] has not made.
func (r *Report) Location() *time.Location {
	if r.location == nil {
		return time.UTC
	}
	return r.location
}

// Names returns the users and computers that the logs name in places of their own, for whoever redacts the report.
func (r *Report) Names() (users, computers []string) { return r.users, r.computers }

// Log is one log that was read, or could not be.
type Log struct {
	// Name is the path, with that inside an archive behind a "!".
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
	// Error says why it could not be read, or not to its end.
	Error string `json:"error,omitempty"`
	// Note says what the log is and what to do, for one in which no registration can show; "" for every other.
	Note string `json:"note,omitempty"`
}

// Skew is by how much the clock of one source's logs differs from another's, found from what both report.
type Skew struct {
	Source  applog.Source `json:"source"`
	Against applog.Source `json:"against"`
	// Milliseconds is how much later Source says that the same thing happened.
	Milliseconds int64 `json:"milliseconds"`
	// Detail is one sentence: which events tell it, and what follows.
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
	// Unfinished is an attempt whose end no log shows: it still goes on, or the logs end before it.
	Unfinished Outcome = "unfinished"
)

// Attempt is one user's way from one start to one end.
type Attempt struct {
	// Number counts from 1, the oldest first.
	Number int `json:"number"`
	// User is the account name, "" where no log tells it.
	User string `json:"user,omitempty"`
	// Registration is the id that usher gave it, "" where usher did not start it.
	Registration string    `json:"registration,omitempty"`
	Begin        time.Time `json:"begin_time"`
	End          time.Time `json:"end_time"`
	Outcome      Outcome   `json:"outcome"`
	Verdict      Verdict   `json:"verdict"`
	Phases       []Phase   `json:"phases"`
	// Events are the known events in the order of their times, noise left out; Omitted are those beyond the limit.
	Events  []Event `json:"events"`
	Omitted int     `json:"omitted_events,omitempty"`
}

// Verdict says how an attempt went and why.
type Verdict struct {
	// Sentence is one sentence: what happened, and the first cause.
	Sentence string `json:"sentence"`
	// Cause is the stable name of the first cause, "" for a success: that of an event, an exit code or "silent-end".
	Cause string `json:"cause,omitempty"`
	// Evidence are the indexes of the events that it rests on, in the attempt's Events.
	Evidence []int `json:"evidence"`
	// Absent is what should stand in the logs and does not, where the verdict rests on that.
	Absent []string `json:"absent,omitempty"`
	// Next is what to do, the first thing first.
	Next []string `json:"next,omitempty"`
}

// Phase is a part of an attempt that took time.
type Phase struct {
	Name event.Phase `json:"name"`
	// Title is how it is shown, for example "Signing in".
	Title string    `json:"title"`
	Begin time.Time `json:"begin_time"`
	End   time.Time `json:"end_time"`
	// Milliseconds is End - Begin.
	Milliseconds int64 `json:"milliseconds"`
	// WaitingFor is whom the time was spent on.
	WaitingFor event.Party `json:"waiting_for"`
	// Unfinished is true where the attempt ended in it.
	Unfinished bool `json:"unfinished,omitempty"`
}

// Event is a known event of an attempt.
type Event struct {
	// Name is the stable name, Title what it means, one sentence.
	Name  string      `json:"name"`
	Title string      `json:"title"`
	Phase event.Phase `json:"phase,omitempty"`
	Class event.Class `json:"class"`
	// Consequence is true for trouble that followed from earlier trouble.
	Consequence bool        `json:"consequence,omitempty"`
	Time        applog.Time `json:"time"`
	// Detail is what the entry adds, for example "Succeeded after 2.1 s" or "exit code 66, registrationDeviceCapError".
	Detail string `json:"detail,omitempty"`
	// Code is the error code in the entry with its name, "" for none that is known.
	Code string `json:"code,omitempty"`
	// Advice is what to do about trouble.
	Advice string        `json:"advice,omitempty"`
	Source applog.Source `json:"source"`
	// Log is the index of the log, Line the number of its line, and Raw what stands there.
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
	// Attempt is the number of the attempt to which the line belongs, 0 for none.
	Attempt int `json:"attempt,omitempty"`
	// Origin is the process or subsystem.
	Origin  string `json:"origin,omitempty"`
	Message string `json:"message"`
	// Raw is what stands in the log, where that is more than the message.
	Raw string `json:"raw"`
}
