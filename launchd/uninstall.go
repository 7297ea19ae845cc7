package launchd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"usher.internal/internal/command"
	"usher.internal/internal/layout"
)

// Purge is what goes besides the programs and services when nothing is to be left.
type Purge struct {
	// State and Sockets are the directories that the configuration names, Secrets the files of secrets that are usher's
	// alone; an empty name is none.
	State, Sockets string
	Secrets        []string
	// Homes are the home directories of the people of this computer.
	Homes []string
	// Receipts is macOS's pkgutil.
	Receipts command.Command
}

// What the helper keeps in its directories. Of one that an admin has chosen only these are taken: it may hold more than
// usher.
var (
	stateFiles  = []string{layout.Journal + "*", strings.TrimSuffix(layout.LastGoodConfiguration, ".json") + "*"}
	socketFiles = []string{layout.HelperSocket + "*", layout.AgentSocket + "*"}
)

// Uninstall ends the services and takes the programs, definitions and links away; state, configuration and logs stay.
// With a purge they go too, and what agents left in the homes. A step that fails does not keep those after it.
//
// Files that a package has brought are left to its package manager.
func (i *Installer) Uninstall(ctx context.Context, purge *Purge) error {
	steps, err := i.stopping()
	if err != nil {
		return err
	}
	steps = append(steps, i.disabling()...)
	if !i.Layout.Packaged {
		steps = append(steps, i.takingAway()...)
	}
	if purge != nil {
		steps = append(steps, i.purging(*purge)...)
		sessions, err := i.Sessions()
		if err != nil {
			return fmt.Errorf("find out who is logged in: %w", err)
		}
		for _, uid := range sessions {
			steps = append(steps, i.fromStateHome(ctx, uid)...)
		}
	}
	return i.take(ctx, steps)
}

func (i *Installer) takingAway() []step {
	l := i.Layout
	definition := i.removal(l.HelperDefinition)
	definition.do = func(context.Context) (string, error) { return "", i.Definitions.Remove() }
	steps := []step{definition, i.removal(l.AgentDefinition)}
	if l.Rotation != "" {
		steps = append(steps, i.removal(l.Rotation))
	}
	for _, path := range []string{l.Link, l.BashCompletion, l.ZshCompletion, l.FishCompletion} {
		steps = append(steps, i.removal(path))
	}
	steps = append(steps, i.matching(l.Manuals, "usherctl*.1*")...)
	steps = append(steps, i.matching(filepath.Join(filepath.Dir(l.Manuals), "man8"), "usherd.8*",
		"usher-agent.8*")...)
	steps = append(steps, i.removal(l.Programs))
	if l.Mac() {
		return steps
	}
	return append(steps, step{
		what: "have the service managers forget them", goesOn: true,
		needed: func(context.Context) (string, error) { return "definitions were removed", nil },
		do:     func(ctx context.Context) (string, error) { return "", i.forget(ctx) },
	})
}

// forget has the service managers, the system's and each user's, notice that the definitions are no more.
func (i *Installer) forget(ctx context.Context) error {
	sessions, err := i.Sessions()
	if err != nil {
		return err
	}
	failed := []error{i.Manager.Forget(ctx, Job{})}
	for _, uid := range sessions {
		if err := i.Manager.Forget(ctx, Job{Agent: true, UID: uid}); !errors.Is(err, ErrNoDomain) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// matching are the steps that remove the files of a directory by patterns.
func (i *Installer) matching(directory string, patterns ...string) []step {
	var steps []step
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(i.rooted(directory), pattern))
		if err != nil { // only of a bad pattern
			panic(err)
		}
		for _, path := range found {
			steps = append(steps, i.removal(strings.TrimPrefix(path, strings.TrimSuffix(i.Root, "/"))))
		}
	}
	return steps
}

func (i *Installer) purging(purge Purge) []step {
	l := i.Layout
	var steps []step
	for _, one := range []struct {
		path, standard string
		files          []string
	}{{purge.State, l.State, stateFiles}, {purge.Sockets, l.Sockets, socketFiles}} {
		steps = append(steps, i.removal(one.standard))
		if one.path != "" && one.path != one.standard {
			steps = append(steps, i.matching(one.path, one.files...)...)
			steps = append(steps, i.emptied(one.path))
		}
	}
	for _, secret := range purge.Secrets {
		if secret != "" {
			steps = append(steps, i.removal(secret))
		}
	}
	if l.Mac() {
		steps = append(steps, i.removal(l.Configuration), i.removal(l.LogDirectory), i.receipt(purge.Receipts))
	} else {
		steps = append(steps, i.removal(filepath.Dir(l.Configuration)))
	}
	for _, home := range purge.Homes {
		for _, leaving := range l.HomeLeavings() {
			steps = append(steps, i.fromHome(home, leaving))
		}
	}
	return steps
}

// fromHome is the step that takes away what an agent left in a home. Its user can put links there, which root does not
// follow: the home is opened, and nothing outside of it can be reached.
func (i *Installer) fromHome(home, leaving string) step {
	place := i.rooted(home)
	return step{
		what: "remove " + filepath.Join(home, leaving), goesOn: true,
		needed: func(context.Context) (string, error) {
			root, err := os.OpenRoot(place)
			if errors.Is(err, fs.ErrNotExist) {
				return "", nil
			}
			if err != nil {
				return "", err
			}
			defer root.Close()
			if _, err := root.Lstat(leaving); err != nil {
				return "", nil // not there, or not below the home
			}
			return "it is there", nil
		},
		do: func(context.Context) (string, error) {
			root, err := os.OpenRoot(place)
			if err != nil {
				return "", err
			}
			defer root.Close()
			if err := root.RemoveAll(leaving); err != nil {
				return "", err
			}
			// What the agent may have made to put it in goes if it is empty now.
			for parent := filepath.Dir(leaving); parent != "."; parent = filepath.Dir(parent) {
				if root.Remove(parent) != nil {
					break
				}
			}
			return "", nil
		},
	}
}

// fromStateHome are the steps that take away what the agent of a session keeps where the user's XDG_STATE_HOME has it.
// The user chose that path, so a folder outside of their home stays: root would act there on the user's behalf.
func (i *Installer) fromStateHome(ctx context.Context, uid uint32) []step {
	stateHome, err := i.Manager.StateHome(ctx, uid)
	if errors.Is(err, ErrNoDomain) || stateHome == "" && err == nil {
		return nil
	}
	account, lookErr := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err := errors.Join(err, lookErr); err != nil {
		return []step{{
			what: "find XDG_STATE_HOME of " + userName(uid), goesOn: true,
			needed: func(context.Context) (string, error) { return "", err },
		}}
	}
	inHome, err := filepath.Rel(account.HomeDir, i.Layout.AgentStateOf(account.HomeDir, stateHome))
	if err != nil || !filepath.IsLocal(inHome) {
		return nil
	}
	return []step{i.fromHome(account.HomeDir, inHome)}
}

func (i *Installer) receipt(utility command.Command) step {
	return step{
		what: "forget the receipt of " + layout.BundleIdentifier, goesOn: true,
		needed: func(ctx context.Context) (string, error) {
			output, err := utility.With("--pkg-info", layout.BundleIdentifier).Run(ctx)
			if err != nil {
				return "", err
			}
			if output.ExitCode != 0 {
				return "", nil
			}
			return "macOS has one", nil
		},
		do: func(ctx context.Context) (string, error) {
			output, err := utility.With("--forget", layout.BundleIdentifier).Run(ctx)
			if err == nil && output.ExitCode != 0 {
				err = fmt.Errorf("pkgutil: exit code %d: %s", output.ExitCode, said(output))
			}
			return "", err
		},
	}
}
