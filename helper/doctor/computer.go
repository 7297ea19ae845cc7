package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"usher.internal/helper/store"
	"usher.internal/helper/thismac"
)

// configurationFiles reports whether the content of the files is in force.
type configurationFiles struct{ problem func() error }

func (c configurationFiles) inForce(context.Context) (Outcome, error) {
	if c.problem == nil {
		return notApplicable("There are no files."), nil
	}
	if err := c.problem(); err != nil {
		return failed("The last good configuration remains in force, because the files cannot be used: %s.",
			strings.TrimRight(strings.ReplaceAll(err.Error(), "\n", "; "), ".")), nil
	}
	return ok("The files are in force."), nil
}

// configuration finds where the configuration comes from.
type configuration struct{ profile, local string }

func (c configuration) managed(context.Context) (Outcome, error) {
	if c.profile == "" {
		return notApplicable("This system has no managed preferences."), nil
	}
	switch _, err := os.Stat(c.profile); {
	case err == nil:
		return ok("It is at %s.", c.profile), nil
	case !thismac.Gone(err):
		return Outcome{}, err
	}
	if _, err := os.Stat(c.local); c.local != "" && err == nil {
		return warning("There is no %s; the configuration is %s, and no profile manages it.", c.profile, c.local), nil
	}
	return warning("There is no %s; usherd runs with its defaults.", c.profile), nil
}

// How much room the disk of the state directory should have, in bytes.
const (
	roomWarning = 1_000_000_000
	roomFailed  = 100_000_000
)

type disk struct{ directory string }

func (d disk) roomy(context.Context) (Outcome, error) {
	if d.directory == "" {
		return notApplicable("There is no state directory."), nil
	}
	var system unix.Statfs_t
	if err := unix.Statfs(d.directory, &system); err != nil {
		return Outcome{}, fmt.Errorf("read free space of %s: %w", d.directory, err)
	}
	return judgeRoom(d.directory, system.Bavail*uint64(system.Bsize)), nil
}

func judgeRoom(directory string, free uint64) Outcome {
	found := ok("%s has %d MB free.", directory, free/1_000_000)
	switch {
	case free < roomFailed:
		found.Result = Failed
	case free < roomWarning:
		found.Result = Warning
	}
	return found
}

// journal reports whether the last write succeeded.
type journal struct{ writeError func() error }

func (j journal) written(context.Context) (Outcome, error) {
	if j.writeError == nil {
		return notApplicable("There is no journal."), nil
	}
	if err := j.writeError(); err != nil {
		return failed("The last write failed: %s.", strings.TrimRight(err.Error(), ".")), nil
	}
	return ok("The last write succeeded."), nil
}

// journalDamage reports which parts of the journal were set aside.
type journalDamage struct {
	damages func() ([]store.Damage, error)
}

func (j journalDamage) none(context.Context) (Outcome, error) {
	if j.damages == nil {
		return notApplicable("There is no journal."), nil
	}
	found, err := j.damages()
	if err != nil {
		return couldNotLook(err), nil
	}
	if len(found) == 0 {
		return ok("Nothing was set aside in the last 30 days."), nil
	}
	var texts []string
	var fix string
	for _, one := range store.Summarize(found) {
		texts = append(texts, one.Text)
		fix = one.Fix // the fix for a whole journal says more; it is the last one if there is one
	}
	outcome := warning("The journal was damaged: %s.", strings.Join(texts, "; "))
	outcome.Fix = fix
	return outcome, nil
}
