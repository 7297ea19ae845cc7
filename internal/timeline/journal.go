package timeline

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// transitions are the events that a registration's states stand for.
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

// milestones are the events that what Company Portal did stands for, where its log is not there.
var milestones = map[usherv1.MilestoneKind]string{
	usherv1.MilestoneKind_MILESTONE_KIND_SIGN_IN_STARTED:          event.SignInStarted,
	usherv1.MilestoneKind_MILESTONE_KIND_TOKEN_FETCHED:            event.TokenFetched,
	usherv1.MilestoneKind_MILESTONE_KIND_DEVICE_REGISTERED:        event.DeviceRegistered,
	usherv1.MilestoneKind_MILESTONE_KIND_WORKPLACE_JOIN_COMPLETED: event.JoinCompleted,
	usherv1.MilestoneKind_MILESTONE_KIND_CERTIFICATE_STORED:       event.CertificateStored,
	usherv1.MilestoneKind_MILESTONE_KIND_TROUBLE:                  event.StepFailed,
}

// JournalName is what usherd's journal is called among the logs.
const JournalName = "usherd's journal"

// TakeRegistrations gives what usherd knows now to the collector, in the place of what it knew before.
func (c *Collector) TakeRegistrations(index int, registrations []*usherv1.Registration) {
	log := c.logs[index]
	log.told = nil
	log.info.Entries, log.info.Formats = int64(len(registrations)), []applog.Format{applog.UsherJournal}
	log.formats[applog.UsherJournal] = true
	for i, each := range registrations {
		log.takeRegistration(each, &applog.Record{Line: i + 1})
	}
}

// takeJournal reads what `usherctl registrations show --json`, `list --json` and a support bundle write.
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

// takeRegistration makes events of a registration in usher's journal.
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
		l.told = append(l.told, found{
			known: known, user: r.GetUser().GetName(), registration: r.GetId(), exit: exitOf(r),
			Event: Event{
				Name: name, Title: known.Title, Phase: known.Phase, Class: known.Class, Advice: known.Advice,
				Detail: oneLine(detail, 300),
				Time:   applog.Time{At: at.UTC(), Precision: time.Microsecond, Zone: applog.ZoneUTC},
				Source: applog.SourceUsher, Line: record.Line,
				Raw: oneLine(at.UTC().Format(time.RFC3339Nano)+" "+strings.ToLower(name)+" "+detail, maximumRaw),
			},
		})
		return &l.told[len(l.told)-1]
	}
	if r.GetKind() == usherv1.RegistrationKind_REGISTRATION_KIND_GATHER {
		return // reads what there is, and is no attempt at registering
	}
	for _, transition := range r.GetTransitions() {
		name := transitions[transition.GetState()]
		detail := transition.GetEvidence()
		if name == event.RegistrationFailed {
			detail = strings.TrimPrefix(r.GetFailureReason().String(), "FAILURE_REASON_") + ": " + r.GetFailureDetail()
		}
		add(name, transition.GetTime().AsTime(), detail)
	}
	for _, milestone := range r.GetMilestones() {
		name, at := milestones[milestone.GetKind()], milestone.GetTime().AsTime()
		switch milestone.GetKind() {
		case usherv1.MilestoneKind_MILESTONE_KIND_EXITED:
			addExit(r, at, add)
			continue
		case usherv1.MilestoneKind_MILESTONE_KIND_TROUBLE:
			// The agent writes Company Portal's name of what happened, or the title of ours.
			title, _, _ := strings.Cut(milestone.GetDetail(), ":")
			if known := cmp.Or(event.Titled(milestone.GetDetail()), event.Titled(title)); known != nil {
				name = known.Name
			} else if known := event.OfTelemetry(title, "", true); known != nil {
				name = known.Name
			}
		}
		add(name, at, milestone.GetDetail())
	}
}

// addExit adds the end of Company Portal.
func addExit(r *usherv1.Registration, at time.Time, add func(name string, at time.Time, detail string) *found) {
	exit, ok := r.GetPortalExit().GetHow().(*usherv1.PortalExit_Code)
	if !ok || exit.Code == 0 {
		add(event.PortalExited, at, exitOf(r).String())
		return
	}
	if f := add(event.PortalFailed, at, exitOf(r).String()); f != nil {
		info, _ := exitOf(r).Info()
		f.Advice = info.Admin
	}
}

func exitOf(r *usherv1.Registration) wpj.ExitCode {
	if exit, ok := r.GetPortalExit().GetHow().(*usherv1.PortalExit_Code); ok {
		return wpj.ExitCode(exit.Code)
	}
	return 0
}
