package doctor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"usher.internal/helper/doctor"
	"usher.internal/helper/observation"
	"usher.internal/helper/thismac"
	"usher.internal/internal/accounts"
	usherv1 "usher.internal/proto/usher/v1"
)

// kept holds the known users, and the users whose login keychain must not be read.
type kept struct {
	users  []observation.Observation
	leaves uint32
	err    error
}

func (k kept) All() ([]observation.Observation, error) { return k.users, k.err }

func (k kept) LeavesLoginKeychain(uid uint32) (bool, error) { return uid == k.leaves, k.err }

func TestRenamedLoginKeychains(t *testing.T) {
	at := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	known := func(name string, uid uint32) observation.Observation {
		return observation.Observation{User: accounts.User{Name: name, UID: uid}}
	}
	renamed := map[uint32][]thismac.RenamedKeychain{
		501: {{Name: "login_renamed_2.keychain-db", At: at},
			{Name: "login_renamed_1.keychain-db", At: at.AddDate(-1, 0, 0)}},
		503: {{Name: "login_renamed_1.keychain-db", At: at}},
	}
	config := doctor.Config{
		Sessions:  fakeSessions{session("jane", 501, fakeAgent{}), session("john", 502, fakeAgent{})},
		AtConsole: func() (accounts.User, bool) { return accounts.User{Name: "jim", UID: 503}, true },
		Kept:      kept{users: []observation.Observation{known("jane", 501), known("ann", 504)}},
		RenamedKeychains: func(_ context.Context, uid uint32) ([]thismac.RenamedKeychain, error) {
			if uid == 504 {
				return nil, errors.New("there was no answer within 2s")
			}
			return renamed[uid], nil
		},
	}
	about := func(caller doctor.Caller) map[string]doctor.Outcome {
		t.Helper()
		found := map[string]doctor.Outcome{}
		err := doctor.New(config).Examine(t.Context(), caller, func(one doctor.Outcome) error {
			if one.Name == "login-keychain-renamed" {
				found[one.User.Name] = one
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	found := about(anAdmin)
	if len(found) != 3 {
		t.Fatalf("%+v", found)
	}
	for name, says := range map[string][]string{
		"jane": {"login_renamed_2.keychain-db, of 2026-11-29T08:00:00Z, and 1 older", "cannot be used any more"},
		"jim":  {"login_renamed_1.keychain-db, of 2026-11-29T08:00:00Z."},
		"ann":  {"Could not look: there was no answer within 2s."},
	} {
		for _, text := range says {
			if one := found[name]; one.Result != doctor.Warning || !strings.Contains(one.Evidence, text) ||
				(name != "ann") != strings.Contains(one.Fix, "register again") {
				t.Errorf("%s: %+v", name, one)
			}
		}
	}
	if found := about(doctor.Caller{UID: 502}); len(found) != 1 || found[""].Result != doctor.OK {
		t.Errorf("John sees %+v", found)
	}
	config.Kept = kept{err: errors.New("the journal is damaged")}
	if found := about(anAdmin); len(found) != 1 || found[""].Result != doctor.Warning {
		t.Errorf("without a journal: %+v", found)
	}
}

// leaving records whether the agent was asked not to read the login keychain.
type leaving struct {
	fakeAgent
	left *bool
}

func (l leaving) ExamineSession(_ context.Context, request *usherv1.ExamineSessionRequest,
	_ ...grpc.CallOption) (*usherv1.ExamineSessionResponse, error) {
	*l.left = request.GetLeaveLoginKeychain()
	return &usherv1.ExamineSessionResponse{}, nil
}

// doctor does not read a login keychain that must not be read, or if that is not known.
func TestDoctorDoesNotReadSuchLoginKeychains(t *testing.T) {
	for name, test := range map[string]struct {
		kept       doctor.Kept
		jane, john bool
	}{
		"one is":        {kept{leaves: 501}, true, false},
		"not known":     {kept{err: errors.New("the journal is damaged")}, true, true},
		"nothing known": {nil, false, false},
	} {
		var jane, john bool
		first, second := session("jane", 501, fakeAgent{}), session("john", 502, fakeAgent{})
		first.Agent, second.Agent = leaving{left: &jane}, leaving{left: &john}
		examine(t, doctor.Config{Sessions: fakeSessions{first, second}, Kept: test.kept})
		if jane != test.jane || john != test.john {
			t.Errorf("%s: not read: %t and %t", name, jane, john)
		}
	}
}
