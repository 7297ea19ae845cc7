package accounts

import (
	"context"
	"errors"
	"os/user"
	"strconv"
)

var system directory = openDirectory{}

// openDirectory asks macOS's directory through the C library, which os/user calls in builds with and without cgo. It
// uses getgrouplist(3), like id(1), and so includes groups of groups. Nobody ran this on a Mac.
type openDirectory struct{}

func (openDirectory) account(_ context.Context, uid uint32) (account, bool, error) {
	found, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if _, unknown := errors.AsType[user.UnknownUserIdError](err); unknown {
		return account{}, false, nil
	}
	if err != nil {
		return account{}, false, err
	}
	primary, err := parseID(found.Gid)
	return account{uid: uid, name: found.Username, primary: primary}, err == nil, err
}

// group lists no members: os/user has none, and [openDirectory.groups] knows all groups of an account.
func (openDirectory) group(_ context.Context, name string) (gid uint32, members []string, ok bool, err error) {
	found, err := user.LookupGroup(name)
	if _, unknown := errors.AsType[user.UnknownGroupError](err); unknown {
		return 0, nil, false, nil
	}
	if err != nil {
		return 0, nil, false, err
	}
	gid, err = parseID(found.Gid)
	return gid, nil, err == nil, err
}

func (openDirectory) groups(_ context.Context, one account) ([]uint32, error) {
	ids, err := (&user.User{Username: one.name, Gid: strconv.FormatUint(uint64(one.primary), 10)}).GroupIds()
	if err != nil {
		return nil, err
	}
	groups := make([]uint32, 0, len(ids))
	for _, id := range ids {
		gid, err := parseID(id)
		if err != nil {
			return nil, err
		}
		groups = append(groups, gid)
	}
	return groups, nil
}
