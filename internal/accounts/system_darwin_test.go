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
		t.Skip("needs the loader of sim/darwin with its own dynamic store")
	}
	if uid, ok := Console(); uid != 501 || !ok {
		t.Errorf("user on the console: %d, %v", uid, ok)
	}
	if uids, err := GUISessions(); err != nil || !slices.Equal(uids, []uint32{501, 502}) {
		t.Errorf("uids with sessions: %v, %v", uids, err)
	}
}

// This also holds when the dynamic store lists no sessions.
func TestSessionsAreOfPeople(t *testing.T) {
	uids, _ := GUISessions() // without a store it may be an error
	for _, uid := range uids {
		if uid < FirstUID {
			t.Errorf("uid %d has a session", uid)
		}
	}
}

func TestOwnerOfTheConsoleIsAPerson(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console")
	if uid, ok := personWhoOwns(path); ok {
		t.Errorf("owner %d of a missing file", uid)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for owner, isPerson := range map[int]bool{0: false, FirstUID + 1: true} {
		if err := os.Chown(path, owner, -1); err != nil {
			t.Skip("only root can change the owner of a file")
		}
		if uid, ok := personWhoOwns(path); ok != isPerson || ok && uid != uint32(owner) {
			t.Errorf("file of %d: owner %d, %v", owner, uid, ok)
		}
	}
	if uid, ok := deviceOwner(); ok && uid < FirstUID {
		t.Errorf("owner of the console: %d", uid)
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
		t.Errorf("an account that does not exist: %+v, %v", one, err)
	}
	if gid, _, found, err := system.group(t.Context(), "no-such-group-of-usher"); found || err != nil {
		t.Errorf("a group that does not exist: %d, %v", gid, err)
	}
}
