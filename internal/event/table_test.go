package event_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/applog"
	"usher.internal/internal/event"
)

var stableName = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

func TestEveryEventIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, known := range event.All() {
		if seen[known.Name] || !stableName.MatchString(known.Name) {
			t.Errorf("%s occurs twice, or is not a name", known.Name)
		}
		seen[known.Name] = true
		if known.Title() == "" || strings.HasSuffix(known.Title(), ".") || known.Source == "" {
			t.Errorf("%s: the title %q or the source %q", known.Name, known.Title(), known.Source)
		}
		if (known.Class == event.Trouble) != (known.Advice != "") ||
			known.Advice != "" && !strings.HasSuffix(known.Advice, ".") {
			t.Errorf("%s is %s, and the advice is %q", known.Name, known.Class, known.Advice)
		}
		for _, settled := range known.Settles {
			if trouble, ok := event.Named(settled); !ok || trouble.Class != event.Trouble {
				t.Errorf("%s settles %s, which is not trouble", known.Name, settled)
			}
		}
		if (known.Passing || known.Cancels) && known.Class != event.Trouble {
			t.Errorf("%s is passing, but not trouble", known.Name)
		}
		if event.Titled(known.Title()) == nil {
			t.Errorf("no event has the title %q", known.Title())
		}
		for _, phase := range []event.Phase{known.Phase, known.Then} {
			if phase != "" && phase.Order() < 0 {
				t.Errorf("%s has the phase %q", known.Name, phase)
			}
		}
		if named, ok := event.Named(known.Name); !ok || named.Name != known.Name {
			t.Errorf("%s is not found by its name", known.Name)
		}
	}
	if _, ok := event.Named("no-such-event"); ok {
		t.Error("no-such-event is known")
	}
}

// formats are one format for each source.
var formats = map[applog.Source]applog.Format{
	applog.SourceCompanyPortal: applog.CompanyPortal5, applog.SourceSSOExtension: applog.SSOExtension,
	applog.SourceJamf:    applog.JamfLog,
	applog.SourceUnified: applog.UnifiedCompact, applog.SourceUsher: applog.UsherLog,
	applog.SourceErrorText: applog.ErrorText,
}

// shown are messages that show a sign.
func shown(sign event.Sign) []string {
	if sign.Domain == "" {
		return []string{sign.Message + sign.Also}
	}
	return []string{fmt.Sprintf(`Error Domain=%s Code=%d "(null)"`, sign.Domain, sign.Number)}
}

// A sign that another one hides has no effect.
func TestEverySignIsRecognised(t *testing.T) {
	for _, known := range event.All() {
		for _, sign := range known.Signs {
			for source, format := range formats {
				if sign.From != "" && sign.From != source {
					continue
				}
				for _, message := range shown(sign) {
					record := &applog.Record{Kind: applog.Entry, Format: format, Process: sign.Process,
						Subsystem: sign.Subsystem, Message: "before " + message + " after"}
					if sign.Event != "" {
						record.Fields = applog.Fields{{Name: "eventTitle", Value: sign.Event},
							{Name: "target", Value: cmp.Or(sign.Target, "another")},
							{Name: "result", Value: "Succeeded"}, {Name: "resultData", Value: "0"}}
						if sign.Failed {
							record.Fields[2].Value, record.Fields[3].Value = "Failed", "66"
						}
					}
					if got := event.Recognise(record); got == nil || got.Name != known.Name {
						t.Errorf("%+v of %s in %s is recognised as %v", sign, known.Name, source, got)
					}
					record.Kind = applog.Note
					if got := event.Recognise(record); got != nil {
						t.Errorf("a note is recognised as %s", got.Name)
					}
				}
			}
			if sign.Event != "" {
				continue
			}
			for _, message := range shown(sign) {
				if event.InMessage(message) == nil {
					t.Errorf("%q by itself is not recognised", message)
				}
			}
		}
	}
}

// A code is recognised in any notation, but only if it is a code of that domain.
func TestCodesAreRecognisedHoweverTheyAreWritten(t *testing.T) {
	for message, want := range map[string]string{
		"Failed to set item into keychain (status: -25308)":             "keychain-locked",
		`Error Domain=NSOSStatusErrorDomain Code=-25308 "(null)"`:       "keychain-locked",
		"The operation couldn’t be completed. (OSStatus error -25308.)": "keychain-locked",

		"error: -51810 error domain: MSIDErrorDomain": "workplace-join-required",

		"Could not write broker key -34018":                                                    "broker-key-failed",
		"failed, error code:-25244":                                                            "keychain-refused",
		"Encountered error with code -51700, description Masked(not-null)":                     event.SignInCancelled,
		"The operation couldn’t be completed. (MSALErrorDomain error -50005.)":                 event.SignInCancelled,
		`Error Domain=com.example.else Code=-25308 "(null)"`:                                   "",
		`Error Domain=com.apple.PlatformSSO Code=-10011 "(null)"`:                              "",
		"read 4711 bytes at -25308":                                                            "",
		"Error Domain=MSALErrorDomain Code=-50000 UserInfo={MSALInternalErrorCodeKey=-251810}": "",
	} {
		got := ""
		if known := event.Recognise(
			&applog.Record{Kind: applog.Entry, Format: applog.JamfLog, Message: message}); known != nil {
			got = known.Name
		}
		if got != want {
			t.Errorf("%q is recognised as %q, want %q", message, got, want)
		}
	}
}

func TestPhases(t *testing.T) {
	for i, info := range event.Phases() {
		if info.Phase.Order() != i || info.Phrase == "" || info.WaitingFor == "" || info.Phase.Info() != info {
			t.Errorf("%+v is number %d", info, info.Phase.Order())
		}
	}
	if event.Phase("none").Order() != -1 || event.Phase("none").Info() != (event.PhaseInfo{}) {
		t.Error("a phase that is not known is described")
	}
}

func BenchmarkRecogniseNothing(b *testing.B) {
	record := &applog.Record{Kind: applog.Entry, Format: formats[applog.SourceSSOExtension],
		Message: "Checking for feature flag browser_sso_interaction_enabled, value in config 1, value " +
			"type __NSCFNumber"}
	b.ReportAllocs()
	for b.Loop() {
		if event.Recognise(record) != nil {
			b.Fatal("recognised")
		}
	}
}

// A phrase fits inside a sentence: it has a capital letter only if it begins with a name.
func TestPhrasesFitInsideSentences(t *testing.T) {
	for _, known := range event.All() {
		word, _, _ := strings.Cut(known.Phrase, " ")
		if known.Phrase == "" || slices.Contains([]string{"The", "A", "An", "No", "There", "This", "Whether"}, word) {
			t.Errorf("%s has the phrase %q", known.Name, known.Phrase)
		}
	}
}
