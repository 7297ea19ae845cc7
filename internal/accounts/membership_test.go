package accounts

import (
	"context"
	"errors"
	"testing"
)

// standIn is a directory whose groups contain groups, like those of macOS and Active Directory. Like os/user on macOS
// it lists no members of a group. Like getgrouplist(3) it resolves groups in groups when it lists the groups of an
// account.
type standIn struct {
	accounts map[uint32]string
	primary  uint32
	ids      map[string]uint32
	// direct are the groups of an account; inside are the groups that contain a group.
	direct map[string][]uint32
	inside map[uint32][]uint32
	fails  string
}

var errAway = errors.New("the directory service is away")

func (d standIn) account(_ context.Context, uid uint32) (account, bool, error) {
	name, ok := d.accounts[uid]
	return account{uid, name, d.primary}, ok, d.failure("account")
}

func (d standIn) group(_ context.Context, name string) (uint32, []string, bool, error) {
	gid, ok := d.ids[name]
	return gid, nil, ok, d.failure("group")
}

func (d standIn) groups(_ context.Context, one account) ([]uint32, error) {
	var all []uint32
	seen := make(map[uint32]bool)
	var add func(gid uint32)
	add = func(gid uint32) {
		if seen[gid] {
			return
		}
		seen[gid] = true
		all = append(all, gid)
		for _, outer := range d.inside[gid] {
			add(outer)
		}
	}
	add(one.primary)
	for _, gid := range d.direct[one.name] {
		add(gid)
	}
	return all, d.failure("groups")
}

func (d standIn) failure(of string) error {
	if d.fails == of {
		return errAway
	}
	return nil
}

func TestMembership(t *testing.T) {
	many := []uint32{}
	for gid := uint32(1000); gid < 1040; gid++ {
		many = append(many, gid)
	}
	directory := func(change func(*standIn)) standIn {
		made := standIn{
			accounts: map[uint32]string{501: "jane"}, primary: 20,
			ids:    map[string]uint32{"admin": 80, "staff": 20},
			direct: map[string][]uint32{}, inside: map[uint32][]uint32{},
		}
		change(&made)
		return made
	}
	for name, test := range map[string]struct {
		directory standIn
		group     string
		want      bool
		err       error
	}{
		"no member":      {directory(func(d *standIn) { d.direct["jane"] = many }), "admin", false, nil},
		"member":         {directory(func(d *standIn) { d.direct["jane"] = []uint32{80} }), "admin", true, nil},
		"primary group":  {directory(func(d *standIn) {}), "staff", true, nil},
		"the last of 41": {directory(func(d *standIn) { d.direct["jane"] = append(many, 80) }), "admin", true, nil},
		"through a group": {directory(
			func(d *standIn) { d.direct["jane"] = []uint32{90}; d.inside[90] = []uint32{80} }), "admin", true, nil},
		"through three": {directory(
			func(d *standIn) { d.inside = map[uint32][]uint32{20: {91}, 91: {92}, 92: {80}} }), "admin", true, nil},
		"groups in a ring": {directory(func(d *standIn) { d.inside = map[uint32][]uint32{20: {91}, 91: {20}} }),
			"admin", false, nil},
		"no such group":   {directory(func(d *standIn) { delete(d.ids, "admin") }), "admin", false, ErrNoSuchGroup},
		"no such account": {directory(func(d *standIn) { delete(d.accounts, 501) }), "admin", false, nil},
		"account is away": {directory(func(d *standIn) { d.fails = "account" }), "admin", false, errAway},
		"group is away":   {directory(func(d *standIn) { d.fails = "group" }), "admin", false, errAway},
		"groups are away": {directory(func(d *standIn) { d.direct["jane"], d.fails = []uint32{80}, "groups" }),
			"admin", false, errAway},
		"primary, and away": {directory(func(d *standIn) { d.fails = "groups" }), "staff", true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := isMember(t.Context(), test.directory, 501, test.group)
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("got %t, %v; want %t, %v", got, err, test.want, test.err)
			}
		})
	}
}

func TestMembershipOfThisComputer(t *testing.T) {
	if got, err := IsMember(t.Context(), 0, "no-such-group-of-usher"); got || !errors.Is(err, ErrNoSuchGroup) {
		t.Errorf("a group that does not exist: %t, %v", got, err)
	}
	if got, err := IsMember(t.Context(), 4_000_000_000, "daemon"); got || err != nil {
		t.Errorf("a uid that nobody has: %t, %v", got, err)
	}
}
