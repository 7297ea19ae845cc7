package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// ErrNoSuchGroup is wrapped by errors of [IsMember] about a group that does not exist.
var ErrNoSuchGroup = errors.New("no such group on this computer")

// directory is the system's user database: the computer's own and each directory service that it is bound to.
type directory interface {
	// account returns the account with a uid. ok is false if no account has it.
	account(ctx context.Context, uid uint32) (one account, ok bool, err error)
	// group returns the id of a group and the members that the database lists, if any. ok is false if no group has that
	// name.
	group(ctx context.Context, name string) (gid uint32, members []string, ok bool, err error)
	// groups returns the groups that a login gives to an account. It includes groups of groups, if the directory has
	// them.
	groups(ctx context.Context, one account) ([]uint32, error)
}

type account struct {
	uid  uint32
	name string
	// primary is the id of the group that needs no list of members.
	primary uint32
}

// IsMember reports whether the user with that uid is in a group: as its primary group, by name, or through another
// group. It asks the system's user database, not the kernel. The kernel's list is from the user's login and ends at 16
// groups on macOS. A uid without an account is in no group. Errors may wrap [ErrNoSuchGroup]; others mean that the
// database could not be asked, for example because a directory service does not answer.
//
// On Linux it ends with ctx. On macOS it returns when the system's library returns.
func IsMember(ctx context.Context, uid uint32, group string) (bool, error) {
	return isMember(ctx, system, uid, group)
}

func isMember(ctx context.Context, system directory, uid uint32, group string) (bool, error) {
	gid, members, ok, err := system.group(ctx, group)
	if err != nil {
		return false, fmt.Errorf("look up group %q: %w", group, err)
	}
	if !ok {
		return false, fmt.Errorf("look up group %q: %w", group, ErrNoSuchGroup)
	}
	one, ok, err := system.account(ctx, uid)
	if err != nil {
		return false, fmt.Errorf("look up uid %d: %w", uid, err)
	}
	if !ok {
		return false, nil
	}
	// A listed user needs no further question; a directory service that is away might not answer it.
	if one.primary == gid || slices.Contains(members, one.name) {
		return true, nil
	}
	groups, err := system.groups(ctx, one)
	if err != nil {
		return false, fmt.Errorf("list the groups of uid %d: %w", uid, err)
	}
	return slices.Contains(groups, gid), nil
}

func parseID(text string) (uint32, error) {
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("read id %q: %w", text, err)
	}
	return uint32(number), nil
}
