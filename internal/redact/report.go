package redact

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"usher.internal/internal/timeline"
)

// own are the fields of a report that hold only usher's own words.
var own = []string{"Report.Schema", "Report.Zone", "Event.Name", "Event.Title", "Event.Advice", "Event.Code", "Verdict.Cause", "Phase.Title", "Line.Event"}

// Report redacts every text of a report in its place, having learnt from all of it. A report of which ctx ended before that is
// redacted in part, and must not be shown.
func Report(ctx context.Context, report *timeline.Report, r *Redactor) error {
	for _, attempt := range report.Attempts {
		r.learnUser(attempt.User)
	}
	users, computers := report.Names()
	for _, user := range users {
		r.learnUser(user)
	}
	for _, computer := range computers {
		r.learnComputer(computer)
	}
	value := reflect.ValueOf(report)
	for _, each := range []func(string) string{func(text string) string { r.LearnText(text); return text }, r.Text} {
		walk(value, "", func(text string) string {
			if ctx.Err() != nil {
				return text
			}
			return each(text)
		})
		if ctx.Err() != nil {
			return fmt.Errorf("redact report: %w", context.Cause(ctx))
		}
	}
	report.Redacted = true
	return nil
}

// walk replaces every text in a value that is not named in own. Texts that have a type of their own have a fixed set of
// values, and are left alone.
func walk(value reflect.Value, field string, replace func(string) string) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			walk(value.Elem(), field, replace)
		}
	case reflect.Slice:
		for i := range value.Len() {
			walk(value.Index(i), field, replace)
		}
	case reflect.Struct:
		for i := range value.NumField() {
			if of := value.Type().Field(i); of.IsExported() {
				walk(value.Field(i), value.Type().Name()+"."+of.Name, replace)
			}
		}
	case reflect.String:
		if value.Type() == reflect.TypeFor[string]() && !slices.Contains(own, field) {
			value.SetString(replace(value.String()))
		}
	}
}
