package accounts

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// Under the loader of sim/darwin the dynamic store is testdata/dynamic-store.json.
func TestSessionsOfTheDynamicStore(t *testing.T) {
	if os.Getenv("MACHORUN_DYNAMIC_STORE") == "" {
		t.Skip("it is for the loader of sim/darwin, with a dynamic store of its own")
	}
	if uid, ok := Console(); uid != 501 || !ok {
		t.Errorf("on the console is %d, %v", uid, ok)
	}
	if uids, err := GUISessions(); err != nil || !slices.Equal(uids, []uint32{501, 502}) {
		t.Errorf("sessions are of %v, %v", uids, err)
	}
}

// Also where the dynamic store says nothing of sessions.
func TestSessionsAreOfPeople(t *testing.T) {
	uids, _ := GUISessions() // without a store it may be an error
	for _, uid := range uids {
		if uid < FirstUID {
			t.Errorf("a session is %d's", uid)
		}
	}
}

func TestOwnerOfTheConsoleIsAPerson(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console")
	if uid, ok := personWhoOwns(path); ok {
		t.Errorf("nothing is %d's", uid)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for owner, isPerson := range map[int]bool{0: false, FirstUID + 1: true} {
		if err := os.Chown(path, owner, -1); err != nil {
			t.Skip("it needs root to give a file away")
		}
		if uid, ok := personWhoOwns(path); ok != isPerson || ok && uid != uint32(owner) {
			t.Errorf("what is %d's is %d's, %v", owner, uid, ok)
		}
	}
	if uid, ok := deviceOwner(); ok && uid < FirstUID {
		t.Errorf("the console is %d's", uid)
	}
}

func TestDirectoryOfTheSystem(t *testing.T) {
	me, found, err := system.account(t.Context(), uint32(os.Getuid()))
	if err != nil || !found || me.name == "" {
		t.Fatalf("%+v, %v, %v", me, found, err)
	}
	groups, err := system.groups(t.Context(), me)
	if err != nil || !slices.Contains(groups, me.primary) {
		t.Errorf("groups are %v, without %d: %v", groups, me.primary, err)
	}
	primary, err := user.LookupGroupId(strconv.FormatUint(uint64(me.primary), 10))
	if err != nil {
		t.Fatal(err)
	}
	if gid, _, found, err := system.group(t.Context(), primary.Name); gid != me.primary || !found || err != nil {
		t.Errorf("%s is %d, %v, %v", primary.Name, gid, found, err)
	}
	if one, found, err := system.account(t.Context(), 4_000_000_000); found || err != nil {
		t.Errorf("an account that nobody has: %+v, %v", one, err)
	}
	if gid, _, found, err := system.group(t.Context(), "no-such-group-of-usher"); found || err != nil {
		t.Errorf("a group that is not there: %d, %v", gid, err)
	}
}
