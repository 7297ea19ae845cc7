package terminal

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/internal/english"
)

// Clock returns a moment for a person: the time of day today, with the date for any other day; "-" for none.
func (t *Terminal) Clock(moment *timestamppb.Timestamp) string {
	if moment == nil {
		return "-"
	}
	local := moment.AsTime().Local()
	if !t.Person {
		return local.Format(time.RFC3339)
	}
	if now := time.Now(); local.YearDay() == now.YearDay() && local.Year() == now.Year() {
		return local.Format("15:04:05")
	}
	return local.Format("2006-01-02 15:04")
}

// Age returns how long ago a moment was, for a person, or the moment, for a program.
func (t *Terminal) Age(moment *timestamppb.Timestamp) string {
	if moment == nil || !t.Person {
		return t.Clock(moment)
	}
	return Ago(moment.AsTime(), time.Now())
}

// Moment is a time for a person.
func (t *Terminal) Moment(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	if !t.Person {
		return at.UTC().Format(time.RFC3339)
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

// Ago returns how long before a moment another one was, for a person.
func Ago(moment, now time.Time) string {
	if moment.IsZero() {
		return "never"
	}
	if age := english.Age(now.Sub(moment)); age != "" {
		return age + " ago"
	}
	return "just now"
}
