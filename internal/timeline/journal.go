package timeline

import (
	"encoding/json"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"usher.internal/internal/applog"
	"usher.internal/internal/contract"
	"usher.internal/internal/event"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// transitions are the events of a registration's states.
var transitions = map[usherv1.RegistrationState]string{
	usherv1.RegistrationState_REGISTRATION_STATE_PREFLIGHT:           event.RegistrationStarted,
	usherv1.RegistrationState_REGISTRATION_STATE_WAITING_FOR_SESSION: "usher-waiting-for-session",
	usherv1.RegistrationState_REGISTRATION_STATE_LAUNCHING_PORTAL:    "usher-launching-portal",
	usherv1.RegistrationState_REGISTRATION_STATE_WAITING_FOR_SIGN_IN: "usher-waiting-for-sign-in",
	usherv1.RegistrationState_REGISTRATION_STATE_READING_IDENTITY:    "usher-reading-identity",
	usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING:          "usher-delivering",
	usherv1.RegistrationState_REGISTRATION_STATE_SUCCEEDED:           "usher-registration-succeeded",
	usherv1.RegistrationState_REGISTRATION_STATE_FAILED:              event.RegistrationFailed,
	usherv1.RegistrationState_REGISTRATION_STATE_CANCELLED:           "usher-registration-cancelled",
}

// JournalName is the name of usherd's journal among the logs.
const JournalName = "usherd's journal"

// TakeRegistrations replaces usherd's registrations in the collector by their present state.
func (c *Collector) TakeRegistrations(index int, registrations []*usherv1.Registration) {
	log := c.logs[index]
	log.journal = nil
	log.info.Entries, log.info.Formats = int64(len(registrations)), []applog.Format{applog.UsherJournal}
	log.formats[applog.UsherJournal] = true
	for i, each := range registrations {
		log.takeRegistration(each, &applog.Record{Line: i + 1})
	}
}

// takeJournal reads the output of `usherctl registrations show --json` and `list --json`, as in a support archive too.
func (l *collected) takeJournal(record *applog.Record) {
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal([]byte(record.Raw), &envelope) != nil || len(envelope.Data) == 0 {
		return
	}
	reader := protojson.UnmarshalOptions{DiscardUnknown: true}
	var one usherv1.Registration
	if reader.Unmarshal(envelope.Data, &one) == nil && one.GetId() != "" {
		l.takeRegistration(&one, record)
		return
	}
	var list usherv1.ListRegistrationsResponse
	if reader.Unmarshal(envelope.Data, &list) == nil {
		for _, each := range list.GetRegistrations() {
			l.takeRegistration(each, record)
		}
	}
}

// takeRegistration builds events from a registration in usher's journal.
func (l *collected) takeRegistration(r *usherv1.Registration, record *applog.Record) {
	add := func(name string, at time.Time, detail string) *found {
		known, ok := event.Named(name)
		if !ok || at.IsZero() {
			return nil
		}
		if at.After(l.info.LastTime) {
			l.info.LastTime = at
		}
		if l.info.FirstTime.IsZero() || at.Before(l.info.FirstTime) {
			l.info.FirstTime = at
		}
		l.journal = append(l.journal, found{
			known: known, user: r.GetUser().GetName(), registration: r.GetId(), exit: exitOf(r),
			Event: Event{
				Name: name, Title: known.Title(), Phase: known.Phase, Class: known.Class, Advice: known.Advice,
				Detail: oneLine(detail, 300),
				Time:   applog.Time{At: at.UTC(), Precision: time.Microsecond, Zone: applog.ZoneUTC},
				Source: applog.SourceUsher, Line: record.Line,
				Raw: oneLine(at.UTC().Format(time.RFC3339Nano)+" "+strings.ToLower(name)+" "+detail, maximumRaw),
			},
		})
		return &l.journal[len(l.journal)-1]
	}
	if r.GetKind() == usherv1.RegistrationKind_REGISTRATION_KIND_GATHER {
		return // it reads an existing registration, and is not an attempt to register
	}
	for _, transition := range r.GetTransitions() {
		name := transitions[transition.GetState()]
		detail := transition.GetEvidence()
		if name == event.RegistrationFailed {
			detail = contract.Name(r.GetFailureReason()) + ": " + r.GetFailureDetail()
		}
		add(name, transition.GetTime().AsTime(), detail)
	}
	for _, message := range r.GetMilestones() {
		milestone := contract.MilestoneFromProto(message)
		if milestone.Kind == wpj.MilestoneExited {
			addExit(r, milestone.At, add)
			continue
		}
		add(event.OfMilestone(milestone), milestone.At, milestone.Detail)
	}
}

// addExit adds the end of Company Portal.
func addExit(r *usherv1.Registration, at time.Time, add func(name string, at time.Time, detail string) *found) {
	code := exitOf(r)
	if code == wpj.ExitSuccess {
		add(event.PortalExited, at, code.String())
		return
	}
	if f := add(event.PortalFailed, at, code.String()); f != nil {
		info, _ := code.Info()
		f.Advice = info.Admin
	}
}

// exitOf returns the exit code of Company Portal. It is success if Company Portal ended without a code, or has not
// ended.
func exitOf(r *usherv1.Registration) wpj.ExitCode {
	if exit := contract.ExitFromProto(r.GetPortalExit()); exit != nil && exit.Code != nil {
		return *exit.Code
	}
	return wpj.ExitSuccess
}
