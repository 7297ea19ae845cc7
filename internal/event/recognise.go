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

// All returns every known event, in the order of the tables of this package.
func All() []Known { return slices.Clone(all) }

// Named returns the event of a stable name.
func Named(name string) (*Known, bool) {
	at := slices.IndexFunc(all, func(k Known) bool { return k.Name == name })
	if at < 0 {
		return nil, false
	}
	return &all[at], true
}

// all are the tables. The first sign that fits is used. So a cancellation comes before the failures in the same
// entries, and errors of Jamf's keychain come before those of the user's.
var all = slices.Concat(cancellationEvents, jamfEvents, companyPortalEvents, microsoftLibraryEvents, brokerEvents,
	ssoExtensionEvents,
	unifiedLogEvents, platformSSOEvents, usherEvents)

// The names of events that code outside the tables uses.
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
	// telemetry are the signs with an eventTitle, by eventTitle.
	telemetry map[string][]candidate
	// messages are the signs with a message, by the source of the records that they are compared with. text are all of
	// them, for a message of unknown origin.
	messages map[applog.Source]*matcher
	text     *matcher
	// errors are the signs of an NSError, by its code.
	errors map[code]*Known
	// titles are the events by their titles.
	titles map[string]*Known
	// stepFailed and errorWritten are for errors that no other event explains.
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
					i.text.addOfUnknownOrigin(one, sign.Event, place)
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
			i.text.addOfUnknownOrigin(one, sign.text(), place)
		}
	}
	return i
}

// code is an error code.
type code struct {
	domain errorcode.Domain
	number int64
}

// wholeErrors are the sources whose entries at error level are trouble even if no event is known for them.
var wholeErrors = []applog.Source{applog.SourceCompanyPortal, applog.SourceSSOExtension, applog.SourceErrorText}

// Recognise returns the event that a record shows, or nil. It uses the first sign in the tables that fits. An entry of
// Company Portal at error level that no other event explains is [ErrorWritten].
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

// ofFields returns the event of the error in an entry's fields. Errors in Company Portal 5's log and telemetry events
// have such fields.
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

// InMessage returns the event that a message of any program shows, or nil. Common words are a sign only at the
// message's beginning.
func InMessage(message string) *Known {
	return signs().text.find(&applog.Record{Message: strings.TrimLeft(message, " \t\r\n")})
}

// Titled returns the event of a title, or nil. usherd's journal has titles.
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

// OfTelemetry returns the event that one of Company Portal's telemetry events shows, or nil. The telemetry event is
// given by its title, its target ("" for any) and whether it failed.
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

// goodResult reports whether a telemetry event succeeded. An event without an outcome has no result, or None.
func goodResult(result string) bool { return result == "Succeeded" || result == "None" || result == "" }
