package event

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"usher.internal/internal/applog"
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

var all = slices.Concat(companyPortalEvents, microsoftLibraryEvents, ssoExtensionEvents, jamfEvents, unifiedLogEvents, usherEvents)

// Names of events that more than the tables know by name.
const (
	PolicyStarted       = "policy-started"
	PortalLaunching     = "portal-launching"
	PortalStarted       = "portal-started"
	SignInStarted       = "sign-in-started"
	SignInFailed        = "sign-in-failed"
	SignInFinished      = "sign-in-finished"
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
	StepFailed          = "step-failed"
	ErrorWritten        = "error-written"
	RegistrationStarted = "usher-registration-started"
	RegistrationFailed  = "usher-registration-failed"
)

// index finds signs without walking the whole table for each record of a log.
type index struct {
	// telemetry are the signs with an eventTitle, by it.
	telemetry map[string][]candidate
	// messages are the signs with a message, by the source whose records they are compared with.
	messages map[applog.Source]*matcher
	// stepFailed and errorWritten are what nothing else explains.
	stepFailed, errorWritten *Known
}

type candidate struct {
	known *Known
	sign  Sign
}

var signs = sync.OnceValue(newIndex)

func newIndex() *index {
	i := &index{telemetry: map[string][]candidate{}, messages: map[applog.Source]*matcher{}}
	for _, source := range applog.Sources() {
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
		for _, sign := range known.Signs {
			one := candidate{known, sign}
			place++
			switch {
			case sign.Event != "":
				i.telemetry[sign.Event] = append(i.telemetry[sign.Event], one)
			case sign.From != "":
				i.messages[sign.From].add(one, place)
			default:
				for _, source := range applog.Sources() {
					i.messages[source].add(one, place)
				}
			}
		}
	}
	return i
}

// Recognise returns the event that a record shows, nil for none. The first sign of the tables that fits counts. An entry
// of Company Portal's at error level that nothing else explains is [ErrorWritten].
func Recognise(record *applog.Record) *Known {
	if record.Kind != applog.Entry {
		return nil
	}
	if len(record.Fields) > 0 {
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
	if record.Level == applog.LevelError && (source == applog.SourceCompanyPortal || source == applog.SourceSSOExtension) {
		return signs().errorWritten
	}
	return nil
}

// InMessage returns the event that a mere message shows, whichever program wrote it; nil for none.
func InMessage(message string) *Known {
	for i := range all {
		for _, sign := range all[i].Signs {
			if text := sign.text(); text != "" && strings.Contains(message, text) && sign.fits(message) || sign.Event != "" && sign.Target == "" && strings.Contains(message, sign.Event) {
				return &all[i]
			}
		}
	}
	return nil
}

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
