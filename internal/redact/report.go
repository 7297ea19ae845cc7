package redact

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"usher.internal/internal/applog"
	"usher.internal/internal/timeline"
)

// own are the fields of a report that hold only usher's own words.
var own = []string{"Report.Schema", "Report.Zone", "Event.Name", "Event.Title", "Event.Advice", "Event.Code",
	"Verdict.Cause", "Phase.Title", "Line.Event"}

// Report learns the names in a report and then redacts every text of it in place. If ctx ends earlier, the report is
// only partly redacted and must not be shown.
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
	pass := func(each func(string) string) error {
		walk(value, "", func(text string) string {
			if ctx.Err() != nil {
				return text
			}
			return each(text)
		})
		if ctx.Err() != nil {
			return fmt.Errorf("redact report: %w", context.Cause(ctx))
		}
		return nil
	}
	if err := pass(func(text string) string { r.LearnText(text); return text }); err != nil {
		return err
	}
	// Lines are redacted in order, because a secret may span several lines.
	lines := report.Lines
	report.Lines = nil
	err := pass(r.Text)
	report.Lines = lines
	if err != nil {
		return err
	}
	if err := r.lines(ctx, lines); err != nil {
		return err
	}
	report.Redacted = true
	return nil
}

// lines redacts the lines of a log. Each line continues what the line before left unfinished.
func (r *Redactor) lines(ctx context.Context, lines []timeline.Line) error {
	var raw, message open
	for i := range lines {
		if ctx.Err() != nil {
			return fmt.Errorf("redact report: %w", context.Cause(ctx))
		}
		line := &lines[i]
		if line.Kind == applog.Entry { // a new message begins here
			message = open{inBlock: message.inBlock}
		}
		raw.word, message.word = false, false
		line.Raw, raw = r.after(line.Raw, raw)
		line.Message, message = r.after(line.Message, message)
		line.Origin = r.Text(line.Origin)
	}
	return nil
}

// walk replaces every text in a value, except the fields in own. Texts with a type of their own have a fixed set of
// values, and are not replaced.
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
