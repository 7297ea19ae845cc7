//go:build linux

package upgrade

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"usher.internal/internal/earlier"
)

// Today's usherd opens the journal of each earlier version. For everything in it, today's usherctl prints the same as
// that version's usherctl, and perhaps more.
func TestJournalsOfEarlierVersionsAreShown(t *testing.T) {
	for _, version := range earlier.Versions(t) {
		t.Run(version.Name, func(t *testing.T) {
			s := newStory(t, nil, today)
			s.must(os.Mkdir(s.StateDirectory(), 0o700))
			s.must(os.Rename(version.Journal(t), filepath.Join(s.StateDirectory(), "journal.db")))
			s.must(s.StartHelper(s.ctx))
			if log := s.Helper.Log(); strings.Contains(log, "damaged") {
				t.Fatal(log)
			}
			said := func(name string) any {
				content, err := os.ReadFile(version.Path("said", name))
				s.must(err)
				return decode(t, string(content))
			}
			says := func(arguments ...string) any {
				result, err := s.Control(s.ctx, append(arguments, "--json")...)
				s.must(err)
				return decode(t, result.Stdout)
			}
			now := byKey(at(says("registrations", "list", "--limit", "1000"), "data", "registrations"), "id")
			ended := 0
			for id, was := range byKey(at(said("registrations.json"), "data", "registrations"), "id") {
				if now[id] == nil {
					t.Errorf("registration %s is missing", id)
				}
				switch at(was, "state") {
				case "REGISTRATION_STATE_SUCCEEDED", "REGISTRATION_STATE_FAILED", "REGISTRATION_STATE_CANCELLED":
					ended++
					saysAll(t, "registration "+id, was, now[id])
				default: // it continues
					saysAll(t, "registration "+id, at(was, "user"), at(now[id], "user"))
				}
				s.control(0, "registrations", "show", id)
			}
			deliveries := byKey(at(says("outbox", "list", "--all", "--limit", "1000"), "data", "deliveries"), "id")
			for id, was := range byKey(at(said("outbox.json"), "data", "deliveries"), "id") {
				if at(was, "state") != "DELIVERY_STATE_PENDING" {
					saysAll(t, "delivery "+id, was, deliveries[id])
				} else if deliveries[id] == nil {
					t.Errorf("delivery %s is missing", id)
				}
			}
			saysAll(t, "clean history", said("clean.json"), says("clean", "history"))
			users := func(status any) map[string]any {
				byName := map[string]any{}
				list, _ := at(status, "data", "users").([]any)
				for _, user := range list {
					byName[at(user, "user", "name").(string)] = user
				}
				return byName
			}
			known := users(says("status"))
			for name, was := range users(said("status.json")) {
				for _, part := range []string{"user", "identity", "evidence", "look_time", "device_id_change"} {
					saysAll(t, name+" "+part, at(was, part), at(known[name], part))
				}
			}
			if ended < 10 || len(known) < 3 {
				t.Errorf("%d registrations had ended, and %d users are known", ended, len(known))
			}
			for _, arguments := range [][]string{{"registrations", "list"}, {"outbox", "list", "--all"},
				{"clean", "history"}, {"ea", "state"}} {
				if result := s.control(0, arguments...); strings.TrimSpace(result.Stdout) == "" ||
					strings.Contains(result.Stdout, "CANNOT_TELL") {
					t.Errorf("usherctl %s says %q", strings.Join(arguments, " "), result.Stdout)
				}
			}
		})
	}
}

// byKey maps objects of a list by the text under a key.
func byKey(list any, key string) map[string]any {
	found := map[string]any{}
	all, _ := list.([]any)
	for _, one := range all {
		found[fmt.Sprint(at(one, key))] = one
	}
	return found
}

// reworded are words of earlier versions with the ones that this version has in their place.
var reworded = strings.NewReplacer("does not run in his session", "does not run in their session")

// saysAll fails the test unless every earlier field has the same value now; new fields may exist.
func saysAll(t *testing.T, what string, was, now any) {
	t.Helper()
	switch was := was.(type) {
	case map[string]any:
		for key, value := range was {
			saysAll(t, what+" "+key, value, at(now, key))
		}
	case []any:
		if list, _ := now.([]any); len(list) < len(was) {
			t.Errorf("%s: %d were printed earlier, and %d now", what, len(was), len(list))
		}
		for i, value := range was {
			saysAll(t, fmt.Sprint(what, " ", i), value, at(now, i))
		}
	default:
		if text, ok := was.(string); ok {
			was = reworded.Replace(text)
		}
		if was != nil && was != "" && !reflect.DeepEqual(was, now) { // nothing was printed earlier
			t.Errorf("%s: %v was printed earlier, now %v", what, was, now)
		}
	}
}
