//go:build linux

package e2e

import (
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/attribute"
	"usher.internal/sim/mac"
)

// record returns the extension attributes in Jamf Pro, without the times of looks.
func (s *story) record() map[string]string {
	computer, _ := s.jamfPro.Computer(mac.UDID)
	values := map[string]string{}
	for _, one := range attribute.Table() {
		if one.Key != "as-of" {
			values[one.Name] = computer.Value(one.Name)
		}
	}
	return values
}

// wantRecord waits until Jamf Pro's record is about that registered user and has these other values. Then it waits
// until usherctl prints the same.
func (s *story) wantRecord(primary *mac.User, others ...string) {
	s.t.Helper()
	slices.Sort(others)
	want := map[string]string{
		"Usher User": primary.Name, "Usher Registration State": "REGISTERED", "Usher Registration Result": "SUCCEEDED",
		"Usher User Principal Name": primary.Name + "@example.com", "Usher Other Users": strings.Join(others, ", "),
	}
	s.wantInJamfPro(want)
	for _, one := range attribute.Table() {
		if value, says := want[one.Name]; says {
			if got := s.control(0, "ea", one.Key).Stdout; got != "<result>"+value+"</result>\n" {
				s.t.Errorf("`usherctl ea %s` prints %s and Jamf Pro has %q", one.Key, got, value)
			}
		}
	}
}

// A Mac of several users has one record in Jamf Pro. It is about one of them, whatever the others do.
func TestJamfProDescribesThePrimaryUser(t *testing.T) {
	for _, mode := range []string{"api", "recon"} {
		t.Run(mode, func(t *testing.T) {
			s := newStory(t, map[string]any{"identity.look_automatically": true})
			if mode == "api" {
				s.withJamfPro()
			} else {
				s.withJamf(registerScript, nil)
			}
			s.start()
			s.onConsole(nil)
			jane := s.loggedIn("u-jane")
			s.onConsole(jane)
			s.control(0, "register", "--user", jane.Name, "--wait")
			s.wantRecord(jane)

			// An IT admin's login changes nothing in the record about jane.
			before := s.record()
			admin := s.loggedIn("u-admin")
			s.onConsole(admin)
			s.wantRecord(jane, admin.Name+": NOT_REGISTERED")
			after := s.record()
			delete(before, "Usher Other Users")
			delete(after, "Usher Other Users")
			if !maps.Equal(before, after) {
				t.Errorf("the record was %v and is %v", before, after)
			}
			// A second visit changes nothing at all.
			computer, _ := s.jamfPro.Computer(mac.UDID)
			s.must(admin.Logout())
			s.must(admin.StartAgent(s.ctx))
			s.look(admin)
			if now, _ := s.jamfPro.Computer(mac.UDID); now.Patches != computer.Patches ||
				now.Inventories != computer.Inventories {
				t.Errorf("Jamf Pro has received %d and %d reports, and then %d and %d", computer.Patches,
					computer.Inventories, now.Patches, now.Inventories)
			}

			// A third user registers, and is in front of the Mac.
			john := s.loggedIn("u-john")
			s.onConsole(john)
			s.control(0, "register", "--user", john.Name, "--wait")
			s.wantRecord(john, admin.Name+": NOT_REGISTERED", jane.Name+": REGISTERED")
			// usherd restarts while nobody is in front of the Mac: it knows the last user.
			s.onConsole(nil)
			s.must(s.StopHelper())
			s.start()
			s.wantRecord(john, admin.Name+": NOT_REGISTERED", jane.Name+": REGISTERED")
			s.onConsole(jane)
			s.must(john.Logout())
			s.wantRecord(jane, admin.Name+": NOT_REGISTERED", john.Name+": REGISTERED")

			// The profile names a user.
			s.must(s.Set(map[string]any{"primary_user": john.Name}))
			s.wantRecord(john, admin.Name+": NOT_REGISTERED", jane.Name+": REGISTERED")
			s.must(s.Set(map[string]any{"primary_user": strings.ToUpper(jane.Name) + "@example.com"}))
			s.wantRecord(jane, admin.Name+": NOT_REGISTERED", john.Name+": REGISTERED")

			// The user in the profile is deleted from the Mac.
			s.must(s.Set(map[string]any{"primary_user": john.Name}))
			s.wantRecord(john, admin.Name+": NOT_REGISTERED", jane.Name+": REGISTERED")
			s.must(john.Delete())
			s.control(0, "gather", "--user", jane.Name)
			s.wantRecord(jane, admin.Name+": NOT_REGISTERED", john.Name+": no account")

			// A forgotten user disappears from the record and from the journal. If they are logged in, the next look
			// adds them again.
			s.controlAs(jane, 4, "forget", "--user", john.Name)
			if said := s.control(0, "forget", "--user", john.Name).Stdout; !strings.HasPrefix(said,
				"forgot "+john.Name+", with 1 registration") {
				t.Errorf("usherctl says %q", said)
			}
			s.wantRecord(jane, admin.Name+": NOT_REGISTERED")
			for _, one := range s.registrations() {
				if one.User.Name == john.Name {
					t.Errorf("there still is %+v", one)
				}
			}
			if userStatuses := s.userStatuses(); userStatuses[john.Name].User.Name != "" {
				t.Errorf("there still is %+v", userStatuses[john.Name])
			}
			s.control(14, "forget", "--user", john.Name)
			s.must(admin.Logout())
			s.control(0, "forget", "--user", admin.Name)
			s.wantRecord(jane)
			s.must(admin.StartAgent(s.ctx))
			s.wantRecord(jane, admin.Name+": NOT_REGISTERED")

			// A delivery while the keychain is locked reports that; unlocking it is then a change. The IDs remain. A
			// user who is forgotten while logged in is not named before the next look.
			s.must(jane.Keyring.Lock(s.ctx))
			s.look(jane)
			s.control(0, "forget", "--user", admin.Name)
			s.wantInJamfPro(map[string]string{
				"Usher Registration State": "UNREADABLE", "Usher User Principal Name": jane.Name + "@example.com",
				"Usher Other Users": "",
			})
			s.must(jane.Keyring.Unlock(s.ctx))
			s.look(jane)
			s.wantRecord(jane, admin.Name+": NOT_REGISTERED")

			// No user is left.
			s.onConsole(nil)
			s.must(admin.Delete())
			s.must(jane.Delete())
			s.must(s.Set(map[string]any{"primary_user": ""}))
			others := []string{admin.Name + ": no account", jane.Name + ": no account"}
			slices.Sort(others)
			s.wantInJamfPro(map[string]string{
				"Usher User": "", "Usher Registration State": "", "Usher Registration Result": "",
				"Usher Other Users": strings.Join(others, ", "),
			})
		})
	}
}

// The uid of a deleted account is given to the next person, as macOS does: that person gets nothing of the former user.
func TestUIDOfADeletedAccount(t *testing.T) {
	s := newStory(t, map[string]any{"identity.look_automatically": true})
	s.withJamfPro()
	s.start()
	jane := s.loggedIn("u-jane")
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.must(jane.Logout())
	s.control(0, "register", "--user", jane.Name, "--wait=false") // the registration waits for jane to log in
	s.waitState("WAITING_FOR_SESSION")
	s.must(jane.Delete())
	bob, err := s.AddUserWithUID(s.ctx, "usher-u-bob-"+strings.ToLower(rand.Text()[:6]), jane.UID)
	s.must(err)
	for _, arguments := range [][]string{
		{"status", "--json"}, {"registrations", "list", "--json"}, {"ea", "upn"}, {"ea", "device-id"}, {"ea", "user"},
		{"ea", "other-users"}, {"clean", "history", "--json"},
	} {
		result, err := bob.Control(s.ctx, arguments...)
		s.must(err)
		if said := result.Stdout + result.Stderr; strings.Contains(said, jane.Name) ||
			strings.Contains(said, "u-jane") {
			t.Errorf("usherctl %q shows bob: %s", arguments, said)
		}
	}
	// Bob registers, and the waiting registration of jane does not become Bob's.
	s.must(bob.Login(s.ctx))
	s.controlAs(bob, 0, "register", "--wait")
	s.ranOnce(bob)
	s.wantRecord(bob)
	s.control(14, "forget", "--user", jane.Name) // bob has taken jane's place
	for _, one := range s.registrations() {
		if one.User.Name != bob.Name {
			t.Errorf("there still is %+v", one)
		}
	}
}
