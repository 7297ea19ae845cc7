package wpj_test

import (
	"slices"
	"testing"
	"time"

	"usher.internal/internal/wpj"
	"usher.internal/sim/entra"
)

// A look is what Platform SSO says about the user, and when.
type look struct {
	after  time.Duration
	user   string
	online bool
}

// TestKeysAreTakenForLost replays looks, each some time after the one before, and checks the result of the last one.
func TestKeysAreTakenForLost(t *testing.T) {
	const keys, normal, nobody = "POUserStateNeedsNewKeys (1)", "POUserStateNormal (0)", "(null)"
	held := registered(t, entra.Device{}, nil).Certificates[0]
	every := func(gap time.Duration, times int, user string, online bool) (looks []look) {
		for range times {
			looks = append(looks, look{gap, user, online})
		}
		return looks
	}
	for _, test := range []struct {
		name  string
		looks []look
		want  wpj.State
	}{
		{"once", []look{{0, keys, true}}, wpj.StatePending},
		{"a day, with a network", every(6*time.Hour, 5, keys, true), wpj.StateNeedsKeys},
		{"less than a day", every(6*time.Hour, 4, keys, true), wpj.StatePending},
		{"a week, without a network", every(6*time.Hour, 28, keys, false), wpj.StatePending},
		{"a week of sleep", []look{{0, keys, true}, {7 * 24 * time.Hour, keys, true}}, wpj.StatePending},
		{"a hundred looks in a minute", every(600*time.Millisecond, 100, keys, true), wpj.StatePending},
		{"the second time", []look{{0, keys, true}, {time.Hour, normal, true}, {time.Hour, keys, true}},
			wpj.StatePending},
		{"the third time", []look{{0, keys, false}, {time.Hour, normal, true}, {time.Hour, keys, false},
			{time.Hour, normal, true}, {time.Hour, keys, false}}, wpj.StateNeedsKeys},
		{"the third time, in more than a week",
			[]look{{0, keys, true}, {time.Hour, normal, true}, {100 * time.Hour, keys, true}, {time.Hour, normal, true},
				{100 * time.Hour, keys, true}}, wpj.StatePending},
		{"an unknown state ends nothing",
			[]look{{0, keys, true}, {time.Hour, "POUserStateNew (9)", true}, {time.Hour, keys, true},
				{time.Hour, "", true}, {time.Hour, keys, true}}, wpj.StatePending},
		{"another state ends it", append(every(6*time.Hour, 4, keys, true), look{time.Hour, normal, true},
			look{6 * time.Hour, keys, true}), wpj.StatePending},
		{"a clock that jumps back and forth",
			[]look{{0, keys, true}, {-time.Hour, keys, true}, {time.Hour, keys, true},
				{-30 * 24 * time.Hour, keys, true}, {30 * 24 * time.Hour, keys, true}}, wpj.StatePending},
		{"a clock that jumps back and forth for long",
			slices.Repeat([]look{{30 * 24 * time.Hour, keys, true}, {-30 * 24 * time.Hour, keys, true}}, 20),
			wpj.StatePending},
		{"a clock that was ahead at first",
			append([]look{{0, keys, true}, {-30 * 24 * time.Hour, keys, true}}, every(6*time.Hour, 3, keys, true)...),
			wpj.StatePending},
		{"a clock that was ahead at first, and a day",
			append([]look{{0, keys, true}, {-30 * 24 * time.Hour, keys, true}}, every(6*time.Hour, 4, keys, true)...),
			wpj.StateNeedsKeys},
		{"a day to the second", append(every(time.Hour, 24, keys, true), look{time.Hour - time.Second, keys, true}),
			wpj.StatePending},
		{"a day and a second", append(every(time.Hour, 24, keys, true), look{time.Hour + time.Second, keys, true}),
			wpj.StateNeedsKeys},
		{"a day of which a part is without a network",
			append(every(time.Hour, 20, keys, true),
				append(every(time.Hour, 3, keys, false), every(time.Hour, 3, keys, true)...)...), wpj.StatePending},
		{"the third time, a week after the first",
			[]look{{0, keys, true}, {time.Hour, normal, true}, {time.Hour, keys, true}, {time.Hour, normal, true},
				{165 * time.Hour, keys, true}}, wpj.StateNeedsKeys},
		{"the third time, a second later",
			[]look{{0, keys, true}, {time.Hour, normal, true}, {time.Hour, keys, true}, {time.Hour, normal, true},
				{165*time.Hour + time.Second, keys, true}}, wpj.StatePending},
		{"a deleted user ends it",
			append(every(6*time.Hour, 4, keys, true), look{time.Hour, nobody, true}, look{6 * time.Hour, keys, true}),
			wpj.StatePending},
		{"normal", append(every(6*time.Hour, 8, keys, true), look{time.Hour, normal, true}), wpj.StateRegistered},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Now()
			var history wpj.KeysHistory
			var got wpj.Identity
			for _, one := range test.looks {
				now = now.Add(one.after)
				says := microsofts(one.user)
				if one.user == nobody {
					says.UserSection, says.User = wpj.SectionNull, ""
				}
				evidence := []wpj.Evidence{platformSSO(says, held)}
				history = history.After(evidence, now, one.online)
				got = wpj.Evaluate(evidence, wpj.Conditions{Now: now, Keys: history})
			}
			if got.State != test.want {
				t.Errorf("%s, want %s; %+v", got.State, test.want, history)
			}
			if len(history.Times) > 3 {
				t.Errorf("keeps %d times", len(history.Times))
			}
		})
	}
}

// Another provider's state says nothing here.
func TestKeysOfAnotherProvider(t *testing.T) {
	other := microsofts("POUserStateNeedsNewKeys (1)")
	other.ExtensionID = "com.okta.mobile.auth-service-extension"
	if got := (wpj.KeysHistory{}).After([]wpj.Evidence{platformSSO(other)}, time.Now(), true); !got.Since.IsZero() ||
		len(got.Times) != 0 {
		t.Errorf("%+v", got)
	}
}
