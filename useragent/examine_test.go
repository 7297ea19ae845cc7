package useragent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/keychain"
)

// seen is a source that returns the given evidence.
type seen wpj.Evidence

func (s seen) Place() wpj.Source { return wpj.Evidence(s).Source }

func (s seen) Look(context.Context) wpj.Evidence { return wpj.Evidence(s) }

func TestExamineSession(t *testing.T) {
	const ok, warning, failed, notApplicable = usherv1.CheckResult_CHECK_RESULT_OK,
		usherv1.CheckResult_CHECK_RESULT_WARNING,
		usherv1.CheckResult_CHECK_RESULT_FAILED, usherv1.CheckResult_CHECK_RESULT_NOT_APPLICABLE
	sources := []identitySource{
		seen{Source: wpj.SourceLoginKeychain, Finding: wpj.Found, Detail: "One."},
		seen{Source: wpj.SourcePlatformSSO, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleFailed, Detail: "broken"},
		seen{Source: wpj.SourceSecureEnclave, Finding: wpj.CouldNotLook, Obstacle: wpj.ObstacleUnsupported,
			Detail: "too old"},
	}
	for name, test := range map[string]struct {
		keychain *fakeKeychain
		agree    usherv1.CheckResult
	}{
		"one way":        {&fakeKeychain{compareErr: fmt.Errorf("%w: here", keychain.ErrUnsupported)}, notApplicable},
		"they agree":     {&fakeKeychain{}, ok},
		"they differ":    {&fakeKeychain{differences: []string{"One.", "Two."}}, warning},
		"not comparable": {&fakeKeychain{compareErr: errors.New("no")}, warning},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := call(t, serverConfig{settings: settings{Sources: sources}, Keychain: test.keychain}).
				ExamineSession(t.Context(), &usherv1.ExamineSessionRequest{})
			if err != nil || len(response.GetChecks()) != 4 {
				t.Fatalf("%v, %v", response, err)
			}
			for i, want := range []usherv1.CheckResult{ok, failed, warning, test.agree} {
				check := response.GetChecks()[i]
				if check.GetResult() != want || check.GetName() == "source-" || check.GetEvidence() == "" ||
					(want == failed) && check.GetFix() == "" {
					t.Errorf("%v, want %s", check, want)
				}
			}
			check := response.GetChecks()[3]
			if check.GetName() != "keychain-readings-agree" ||
				!strings.Contains(check.GetEvidence(), strings.Join(test.keychain.differences, " ")) {
				t.Errorf("%v", check)
			}
		})
	}
}

// Each source has a check of its own, and each obstacle its fix.
func TestExamineSessionNamesEverySourceAndObstacle(t *testing.T) {
	names := map[string]bool{}
	for source := range checkNames {
		for _, obstacle := range []wpj.Obstacle{
			wpj.ObstacleLocked, wpj.ObstacleAccessDenied, wpj.ObstacleUnavailable, wpj.ObstacleUnsupported,
			wpj.ObstacleFailed,
		} {
			s := newServer(serverConfig{
				settings: settings{Sources: []identitySource{
					seen{Source: source, Finding: wpj.CouldNotLook, Obstacle: obstacle, Detail: "because"}}},
				Keychain: &fakeKeychain{},
			})
			response, err := s.ExamineSession(t.Context(), &usherv1.ExamineSessionRequest{})
			if err != nil || len(response.GetChecks()) != 2 {
				t.Fatalf("%v, %v", response, err)
			}
			check := response.GetChecks()[0]
			names[check.GetName()] = true
			want := usherv1.CheckResult_CHECK_RESULT_FAILED
			if obstacle == wpj.ObstacleUnsupported {
				want = usherv1.CheckResult_CHECK_RESULT_WARNING
			}
			if check.GetResult() != want || check.GetFix() == "" ||
				check.GetEvidence() != string(obstacle)+": because" ||
				!strings.Contains(check.GetTitle(), string(source)) {
				t.Errorf("%s, %s: %v", source, obstacle, check)
			}
		}
	}
	if len(names) != len(checkNames) {
		t.Errorf("%d names for %d sources: %v", len(names), len(checkNames), names)
	}
}

// counted is a source that counts its looks.
type counted struct {
	place wpj.Source
	looks *atomic.Int32
}

func (c counted) Place() wpj.Source { return c.place }

func (c counted) Look(context.Context) wpj.Evidence {
	c.looks.Add(1)
	return wpj.Evidence{Source: c.place, Finding: wpj.NotThere}
}

// untouchable is a keychain that must not be used.
type untouchable struct {
	loginKeychain
	t *testing.T
}

func (u untouchable) Compare(context.Context) ([]string, error) {
	u.t.Error("the login keychain was read a second way")
	return nil, nil
}

// With leave_login_keychain no call touches the login keychain, and every other source is looked at.
func TestLoginKeychainIsLeftAlone(t *testing.T) {
	looks := map[wpj.Source]*atomic.Int32{}
	var sources []identitySource
	for place := range checkNames {
		looks[place] = new(atomic.Int32)
		sources = append(sources, counted{place, looks[place]})
	}
	client := call(t, serverConfig{settings: settings{Sources: sources}, Keychain: untouchable{t: t}})
	read, err := client.ReadIdentity(t.Context(), &usherv1.ReadIdentityRequest{LeaveLoginKeychain: true})
	if err != nil || len(read.GetEvidence()) != len(checkNames)-1 {
		t.Errorf("%v, %v", read, err)
	}
	examined, err := client.ExamineSession(t.Context(), &usherv1.ExamineSessionRequest{LeaveLoginKeychain: true})
	if err != nil || len(examined.GetChecks()) != len(checkNames) {
		t.Errorf("%v, %v", examined, err)
	}
	left := examined.GetChecks()[len(examined.GetChecks())-1]
	if left.GetName() != "source-login-keychain" ||
		left.GetResult() != usherv1.CheckResult_CHECK_RESULT_NOT_APPLICABLE {
		t.Errorf("%v", left)
	}
	for place, count := range looks {
		want := int32(2)
		if place == wpj.SourceLoginKeychain {
			want = 0
		}
		if got := count.Load(); got != want {
			t.Errorf("%s was looked at %d times, want %d", place, got, want)
		}
	}
	if _, err := client.ReadIdentity(t.Context(), &usherv1.ReadIdentityRequest{}); err != nil ||
		looks[wpj.SourceLoginKeychain].Load() != 1 {
		t.Errorf("asked for, it was not read: %v", err)
	}
}
