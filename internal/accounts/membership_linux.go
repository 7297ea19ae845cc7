package accounts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"usher.internal/internal/command"
)

var system directory = nss{getent: command.Getent, id: command.ID}

// nss asks the Name Service Switch through getent(1) and id(1). A build without cgo uses Go's own resolver, which reads
// only /etc/passwd and /etc/group and so misses every group of a directory service. A call of the C library cannot be
// interrupted.
type nss struct{ getent, id command.Command }

// The exit code of getent for a key that no service knows, from its manual page. It is the same when a service is away.
const getentNotFound = 2

var errAnswer = errors.New("unexpected answer from getent")

func (d nss) account(ctx context.Context, uid uint32) (account, bool, error) {
	entry, ok, err := d.entry(ctx, "passwd", decimal(uid), 7)
	if err != nil || !ok {
		return account{}, false, err
	}
	found, err := parseID(entry[2])
	if err == nil && found != uid {
		err = fmt.Errorf("%w: an account with uid %d", errAnswer, found)
	}
	if err != nil {
		return account{}, false, err
	}
	primary, err := parseID(entry[3])
	return account{uid: uid, name: entry[0], primary: primary}, err == nil, err
}

func (d nss) group(ctx context.Context, name string) (gid uint32, members []string, ok bool, err error) {
	entry, ok, err := d.entry(ctx, "group", name, 4)
	if err != nil || !ok {
		return 0, nil, false, err
	}
	// getent takes digits for an id and may return another group. A directory service may change upper and lower case.
	if !strings.EqualFold(entry[0], name) {
		return 0, nil, false, nil
	}
	if gid, err = parseID(entry[2]); err != nil {
		return 0, nil, false, err
	}
	return gid, strings.Split(entry[3], ","), true, nil
}

// groups asks id(1), which knows the primary group and the groups that contain it. After a plus sign digits are always
// a uid, never a name.
func (d nss) groups(ctx context.Context, one account) ([]uint32, error) {
	ran, err := d.id.With("--", "+"+decimal(one.uid)).Run(ctx)
	if err != nil {
		return nil, err
	}
	if ran.ExitCode != 0 {
		return nil, fmt.Errorf("run %s: exit code %d", d.id.Path, ran.ExitCode)
	}
	var groups []uint32
	for field := range strings.FieldsSeq(string(ran.Stdout)) {
		gid, err := parseID(field)
		if err != nil {
			return nil, err
		}
		groups = append(groups, gid)
	}
	return groups, nil
}

// entry returns the fields of a database entry. An entry with fewer than want fields is an error.
func (d nss) entry(ctx context.Context, database, key string, fields int) ([]string, bool, error) {
	line, ok, err := d.ask(ctx, database, key)
	if err != nil || !ok {
		return nil, false, err
	}
	entry := strings.Split(line, ":")
	if len(entry) < fields {
		return nil, false, fmt.Errorf("%w: %d fields of %s, not %d", errAnswer, len(entry), database, fields)
	}
	return entry, true, nil
}

// ask returns the one line that getent prints for a key. ok is false if it has none.
func (d nss) ask(ctx context.Context, database, key string) (string, bool, error) {
	ran, err := d.getent.With(database, "--", key).Run(ctx)
	switch {
	case err != nil:
		return "", false, err
	case ran.ExitCode == getentNotFound:
		return "", false, nil
	case ran.ExitCode != 0:
		return "", false, fmt.Errorf("run %s %s: exit code %d", d.getent.Path, database, ran.ExitCode)
	}
	line, _, _ := strings.Cut(string(ran.Stdout), "\n")
	return line, true, nil
}

func decimal(id uint32) string { return strconv.FormatUint(uint64(id), 10) }
