package doctor_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"usher.internal/helper/doctor"
	"usher.internal/helper/jamfpro"
	"usher.internal/internal/command"
	usherv1 "usher.internal/proto/usher/v1"
)

// countingJamfPro counts the questions about its privileges, and answers after a while.
type countingJamfPro struct{ asked atomic.Int32 }

func (c *countingJamfPro) CheckPrivileges(ctx context.Context) (jamfpro.Checked, error) {
	c.asked.Add(1)
	select {
	case <-time.After(time.Second): // in the bubble's own time
	case <-ctx.Done():
		return jamfpro.Checked{}, context.Cause(ctx)
	}
	return jamfpro.Checked{Server: "jamf.example.org", Privileges: []jamfpro.CheckedPrivilege{
		{Privilege: jamfpro.Privilege{Name: "Read Computers", Purpose: "p", Required: true}, Granted: new(false)},
	}}, nil
}

// countingAgent counts how often its session is examined.
type countingAgent struct {
	usherv1.UserAgentServiceClient
	asked *atomic.Int32
}

func (c countingAgent) ExamineSession(context.Context, *usherv1.ExamineSessionRequest,
	...grpc.CallOption) (*usherv1.ExamineSessionResponse, error) {
	c.asked.Add(1)
	return &usherv1.ExamineSessionResponse{
		Checks: []*usherv1.Check{{Name: "keychain", Title: "t", Evidence: "e.",
			Result: usherv1.CheckResult_CHECK_RESULT_OK}}}, nil
}

// seenBy returns the outcomes that a caller gets, by the names of the checks.
func seenBy(t *testing.T, checks *doctor.Checks, caller doctor.Caller) map[string]doctor.Outcome {
	t.Helper()
	seen := map[string]doctor.Outcome{}
	err := checks.Examine(t.Context(), caller, func(found doctor.Outcome) error {
		seen[found.Name] = found
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return seen
}

// A user gets an outcome for each check. For an admins' check, the outcome says only that.
func TestWhatAdminsSeeIsKeptFromUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamfPro := &countingJamfPro{}
		checks := doctor.New(doctor.Config{
			JamfPro: jamfPro, JamfExecutable: "/nonexistent/jamf",
			Configuration: func() error { return errors.New(`usher.yaml:1: admin_group: "hunter2" is not known`) },
		})
		for range 3 {
			seen := seenBy(t, checks, doctor.Caller{UID: 501})
			for _, name := range []string{"jamf-binary", "jamf-pro-reachable", "jamf-pro-token", "jamf-pro-privilege",
				"configuration"} {
				if one := seen[name]; one.Result != doctor.NotApplicable ||
					one.Evidence != "Only root and admins see this." || one.Fix != "" {
					t.Errorf("a user sees of %s: %+v", name, one)
				}
			}
			for name, one := range seen {
				if strings.Contains(one.Evidence+one.Fix, "hunter2") ||
					strings.HasPrefix(name, "jamf-pro-privilege-") ||
					strings.Contains(one.Evidence, "jamf.example.org") {
					t.Errorf("a user sees %+v", one)
				}
			}
		}
		if asked := jamfPro.asked.Load(); asked != 0 {
			t.Errorf("Jamf Pro was asked %d times for users", asked)
		}
		admin := seenBy(t, checks, anAdmin)
		if !strings.Contains(admin["configuration"].Evidence, "hunter2") ||
			admin["jamf-pro-privilege-read-computers"].Result != doctor.Failed ||
			admin["jamf-binary"].Result != doctor.Warning {
			t.Errorf("an admin sees %+v", admin)
		}
	})
}

// All examinations at one time ask Jamf Pro once. The next one asks again.
func TestExaminationsAtOneTimeAreMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamfPro := &countingJamfPro{}
		checks := doctor.New(doctor.Config{JamfPro: jamfPro})
		for round := range int32(3) {
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					if one := seenBy(t, checks, anAdmin)["jamf-pro-token"]; one.Result != doctor.OK {
						t.Errorf("%+v", one)
					}
				})
			}
			all.Wait()
			if asked := jamfPro.asked.Load(); asked != round+1 {
				t.Errorf("after %d rounds of 20 examinations Jamf Pro was asked %d times", round+1, asked)
			}
		}
	})
}

// For users, a check that runs a program or asks a server runs only once in a while, for all of them together. For an
// admin it runs each time.
func TestUsersGetAnswersThatThereAre(t *testing.T) {
	folder := t.TempDir()
	runs := filepath.Join(folder, "runs")
	codesign := filepath.Join(folder, "codesign")
	if err := os.WriteFile(codesign, []byte("#!/bin/sh\necho run >>"+runs+"\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var dialled atomic.Int32
	checks := doctor.New(doctor.Config{
		PortalExecutable: executable(t), CodeSign: command.CodeSign.At(codesign),
		Endpoints: []string{"login.example.org:443"},
		Dial: func(context.Context, string, string) (net.Conn, error) {
			dialled.Add(1)
			return nil, io.ErrUnexpectedEOF
		},
	})
	count := func() (programs int, connections int32) {
		content, err := os.ReadFile(runs)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(content), "run"), dialled.Load()
	}
	seenBy(t, checks, doctor.Caller{UID: 501})
	programs, connections := count()
	for uid := range uint32(10) {
		if one := seenBy(t, checks, doctor.Caller{UID: 501 + uid})["company-portal-signature"]; one.Result !=
			doctor.Failed {
			t.Errorf("a user sees %+v", one)
		}
	}
	if p, c := count(); p != programs || c != connections {
		t.Errorf("ten users had root run %d programs and make %d connections", p-programs, c-connections)
	}
	seenBy(t, checks, anAdmin)
	if p, c := count(); p <= programs || c <= connections {
		t.Errorf("an admin's examination ran %d programs and made %d connections", p-programs, c-connections)
	}
}

// After a minute users get new answers; answers about themselves come sooner.
func TestAnswersForUsersGetOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked, handshakes atomic.Int32
		config := doctor.Config{
			Sessions:  fakeSessions{session("jane", 501, countingAgent{asked: &asked})},
			Endpoints: []string{"login.example.org:443"},
			Dial: func(context.Context, string, string) (net.Conn, error) {
				handshakes.Add(1)
				return nil, tls.AlertError(40)
			},
		}
		checks := doctor.New(config)
		jane := doctor.Caller{UID: 501}
		seenBy(t, checks, jane)
		first := handshakes.Load()
		for _, step := range []struct {
			after           time.Duration
			agent, computer bool
		}{{5 * time.Second, false, false}, {6 * time.Second, true, false}, {45 * time.Second, true, false},
			{5 * time.Second, false, true}} {
			agent, computer := asked.Load(), handshakes.Load()
			time.Sleep(step.after) // in the bubble's own time
			seenBy(t, checks, jane)
			if now := asked.Load() > agent; now != step.agent {
				t.Errorf("after another %s the agent was asked: %t", step.after, now)
			}
			if now := handshakes.Load() > computer; now != step.computer {
				t.Errorf("after another %s servers were asked: %t", step.after, now)
			}
		}
		if first == 0 {
			t.Error("no server was asked")
		}
	})
}

// A caller that gives up ends only the looks that nobody else waits for.
func TestALookEndsWithTheLastWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jamfPro := &countingJamfPro{}
		checks := doctor.New(doctor.Config{JamfPro: jamfPro})
		ctx, giveUp := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if err := checks.Examine(ctx, anAdmin, func(doctor.Outcome) error { return nil }); !errors.Is(err,
				context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		all.Go(func() {
			if one := seenBy(t, checks, anAdmin)["jamf-pro-token"]; one.Result != doctor.OK {
				t.Errorf("%+v", one)
			}
		})
		synctest.Wait()
		giveUp()
		all.Wait()
		if asked := jamfPro.asked.Load(); asked != 1 {
			t.Errorf("Jamf Pro was asked %d times", asked)
		}
		ctx, giveUp = context.WithCancel(t.Context())
		all.Go(func() { checks.Examine(ctx, anAdmin, func(doctor.Outcome) error { return nil }) })
		synctest.Wait()
		giveUp()
		all.Wait() // otherwise the bubble reports a goroutine that is left
		if one := seenBy(t, checks, anAdmin)["jamf-pro-token"]; one.Result != doctor.OK {
			t.Errorf("after an examination that was given up: %+v", one)
		}
	})
}

// The numbers of other users are hidden too.
func TestOthersNumbersAreKeptFromUsers(t *testing.T) {
	portal := executable(t)
	if err := os.Chown(portal, 4711, 0); err != nil {
		t.Fatal("needs root: ", err)
	}
	checks := doctor.New(doctor.Config{PortalExecutable: portal})
	if one := seenBy(t, checks, doctor.Caller{UID: 501})["company-portal-protected"]; one.Result != doctor.Failed ||
		strings.Contains(one.Evidence, "4711") || !strings.Contains(one.Evidence, "another user") {
		t.Errorf("a user sees %+v", one)
	}
	if one := seenBy(t, checks, doctor.Caller{UID: 4711})["company-portal-protected"]; !strings.Contains(one.Evidence,
		"uid 4711") {
		t.Errorf("the owner sees %+v", one)
	}
	if one := seenBy(t, checks, anAdmin)["company-portal-protected"]; !strings.Contains(one.Evidence, "uid 4711") {
		t.Errorf("an admin sees %+v", one)
	}
}
