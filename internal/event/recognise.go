package event

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"usher.internal/internal/applog"
	"usher.internal/internal/errorcode"
)

// All returns every event that is known, grouped as the tables of this package are.
func All() []Known { return slices.Clone(all) }

// Named returns the event of a stable name.
func Named(name string) (*Known, bool) {
	at := slices.IndexFunc(all, func(k Known) bool { return k.Name == name })
	if at < 0 {
		return nil, false
	}
	return &all[at], true
}

// all are the tables. The first sign that fits wins: a cancellation before the failures that it shows itself as, and
// errors of Jamf's keychain before those of the user's.
var all = slices.Concat(cancellationEvents, jamfEvents, companyPortalEvents, microsoftLibraryEvents, brokerEvents,
	ssoExtensionEvents,
	unifiedLogEvents, platformSSOEvents, usherEvents)

// Names of events that more than the tables know by name.
const (
	PolicyStarted       = "policy-started"
	PortalLaunching     = "portal-launching"
	PortalStarted       = "portal-started"
	SignInStarted       = "sign-in-started"
	SignInFailed        = "sign-in-failed"
	SignInFinished      = "sign-in-finished"
	SignInCancelled     = "sign-in-cancelled"
	SignInStopped       = "sign-in-stopped"
	SignInFlowFailed    = "sign-in-flow-failed"
	AcquireTokenFailed  = "acquire-token-failed"
	TokenFetched        = "token-fetched"
	DeviceRegistered    = "device-registered"
	JoinCompleted       = "workplace-join-completed"
	CertificateStored   = "certificate-stored"
	JoinedState         = "join-state-registered"
	NotJoinedState      = "join-state-not-registered"
	PortalExited        = "portal-exited"
	PortalFailed        = "portal-failed"
	IdentityCollecting  = "identity-collecting"
	IdentityAcquired    = "identity-acquired"
	KeychainChanged     = "keychain-changed"
	EnrolmentCompleted  = "enrolment-completed"
	ScriptFailed        = "script-failed"
	ScriptRan           = "script-ran"
	StepFailed          = "step-failed"
	ErrorWritten        = "error-written"
	RegistrationStarted = "usher-registration-started"
	RegistrationFailed  = "usher-registration-failed"
)

// index finds signs without walking the whole table for each record of a log.
type index struct {
	// telemetry are the signs with an eventTitle, by it.
	telemetry map[string][]candidate
	// messages are the signs with a message, by the source whose records they are compared with, and text are all of
	// them, for a message of unknown origin.
	messages map[applog.Source]*matcher
	text     *matcher
	// errors are the signs of an NSError, by it.
	errors map[code]*Known
	// titles are the events by their titles.
	titles map[string]*Known
	// stepFailed and errorWritten are what nothing else explains.
	stepFailed, errorWritten *Known
}

type candidate struct {
	known *Known
	sign  Sign
}

var signs = sync.OnceValue(newIndex)

func newIndex() *index {
	i := &index{telemetry: map[string][]candidate{}, messages: map[applog.Source]*matcher{}, text: &matcher{},
		errors: map[code]*Known{}, titles: map[string]*Known{}}
	sources := slices.DeleteFunc(applog.Sources(), func(s applog.Source) bool { return s == applog.SourceIntuneAgent })
	for _, source := range sources {
		i.messages[source] = &matcher{}
	}
	place := 0
	for at := range all {
		known := &all[at]
		switch known.Name {
		case StepFailed:
			i.stepFailed = known
		case ErrorWritten:
			i.errorWritten = known
		}
		if _, taken := i.titles[known.Title()]; !taken {
			i.titles[known.Title()] = known
		}
		for _, sign := range known.Signs {
			one := candidate{known, sign}
			place++
			if sign.Event != "" {
				i.telemetry[sign.Event] = append(i.telemetry[sign.Event], one)
				if sign.Target == "" {
					i.text.addAnyones(one, sign.Event, place)
				}
				continue
			}
			if _, taken := i.errors[code{sign.Domain, sign.Number}]; sign.Domain != "" && !taken {
				i.errors[code{sign.Domain, sign.Number}] = known
			}
			of := sources
			if sign.From != "" {
				of = []applog.Source{sign.From}
			}
			for _, source := range of {
				i.messages[source].add(one, sign.text(), place)
			}
			i.text.addAnyones(one, sign.text(), place)
		}
	}
	return i
}

// code is an error code.
type code struct {
	domain errorcode.Domain
	number int64
}

// wholeErrors are the sources of which an entry at error level is trouble even if nothing is known of it.
var wholeErrors = []applog.Source{applog.SourceCompanyPortal, applog.SourceSSOExtension, applog.SourceErrorText}

// Recognise returns the event that a record shows, nil for none. The first sign of the tables that fits counts. An
// entry of Company Portal's at error level that nothing else explains is [ErrorWritten].
func Recognise(record *applog.Record) *Known {
	if record.Kind != applog.Entry {
		return nil
	}
	if len(record.Fields) > 0 {
		if known := ofFields(record.Fields); known != nil {
			return known
		}
		if title := record.Fields.Get("eventTitle"); title != "" {
			return telemetry(record, title)
		}
	}
	source := record.Format.Source()
	if messages := signs().messages[source]; messages != nil {
		if known := messages.find(record); known != nil {
			return known
		}
	}
	if record.Level == applog.LevelError && slices.Contains(wholeErrors, source) {
		return signs().errorWritten
	}
	return nil
}

// ofFields returns the event of the error that fields hold: those of an error in Company Portal 5's log, and those of a
// telemetry event.
func ofFields(fields applog.Fields) *Known {
	for _, names := range [][2]string{{"Error domain", "Code"}, {"errorDomain", "errorCode"}} {
		domain := fields.Get(names[0])
		if domain == "" {
			continue
		}
		if number, err := strconv.ParseInt(fields.Get(names[1]), 10, 64); err == nil {
			if known := signs().errors[code{errorcode.Domain(domain), number}]; known != nil {
				return known
			}
		}
	}
	return nil
}

// InMessage returns the event that a mere message shows, whichever program wrote it; nil for none. Common words are a
// sign only at the message's beginning.
func InMessage(message string) *Known {
	return signs().text.find(&applog.Record{Message: strings.TrimLeft(message, " \t\r\n")})
}

// Titled returns the event of a title, nil for none. usherd's journal has titles.
func Titled(title string) *Known { return signs().titles[title] }

// exitTitle is the eventTitle of Company Portal's last event, whose resultData is its exit code [SEED].
const exitTitle = "CompanyPortalExited"

func telemetry(record *applog.Record, title string) *Known {
	failed := !goodResult(record.Fields.Get("result"))
	if title == exitTitle {
		failed = record.Fields.Get("resultData") != "0"
	}
	return OfTelemetry(title, cmp.Or(record.Fields.Get("target"), "none"), failed)
}

// OfTelemetry returns the event that a telemetry event of Company Portal's stands for, by its title, its target ("" for
// any) and whether it failed; nil for none that means anything.
func OfTelemetry(title, target string, failed bool) *Known {
	for i := range signs().telemetry[title] {
		one := &signs().telemetry[title][i]
		if one.sign.Failed == failed && (one.sign.Target == "" || target == "" || one.sign.Target == target) {
			return one.known
		}
	}
	if failed {
		return signs().stepFailed
	}
	return nil
}

// goodResult tells whether a telemetry event ended well: one without an outcome has none, or None.
func goodResult(result string) bool { return result == "Succeeded" || result == "None" || result == "" }
