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

// Purge says what is removed, besides the programs and services, so that nothing remains.
type Purge struct {
	// State and Sockets are the directories in the configuration. Secrets are the files of secrets that belong only to
	// usher. An empty name is skipped.
	State, Sockets string
	Secrets        []string
	// Homes are the home directories of the people on this computer.
	Homes []string
	// Receipts is macOS's pkgutil.
	Receipts command.Command
}

// The helper's files in its directories. In a directory that an admin has chosen, only these are removed: it may hold
// other things than usher's.
var (
	stateFiles  = []string{layout.Journal + "*", strings.TrimSuffix(layout.LastGoodConfiguration, ".json") + "*"}
	socketFiles = []string{layout.HelperSocket + "*", layout.AgentSocket + "*"}
)

// Uninstall ends the services and removes the programs, definitions and links. State, configuration and logs remain.
// With a purge they are removed too, and also the files that agents left in the homes. If a step fails, the later ones
// are still done.
//
// Files of a package are left to its package manager.
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
		what: "have the service managers forget them", continues: true,
		needed: func(context.Context) (string, error) { return "definitions were removed", nil },
		do:     func(ctx context.Context) (string, error) { return "", i.forget(ctx) },
	})
}

// forget makes the service managers, the system's and each user's, notice that the definitions were removed.
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

// matching returns the steps that remove the files of a directory by patterns.
func (i *Installer) matching(directory string, patterns ...string) []step {
	var steps []step
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(i.rooted(directory), pattern))
		if err != nil { // only for a bad pattern
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

// fromHome is the step that removes an agent's files from a home. Its user can put links there, but root does not
// follow them: the home is opened, and nothing outside of it can be reached.
func (i *Installer) fromHome(home, leaving string) step {
	place := i.rooted(home)
	return step{
		what: "remove " + filepath.Join(home, leaving), continues: true,
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
			// The agent may have created the parent folders. They are removed if they are empty now.
			for parent := filepath.Dir(leaving); parent != "."; parent = filepath.Dir(parent) {
				if root.Remove(parent) != nil {
					break
				}
			}
			return "", nil
		},
	}
}

// fromStateHome returns the steps that remove the files of a session's agent below the user's XDG_STATE_HOME. The user
// chose that path, so a folder outside of their home remains: root would act there on the user's behalf.
func (i *Installer) fromStateHome(ctx context.Context, uid uint32) []step {
	stateHome, err := i.Manager.StateHome(ctx, uid)
	if errors.Is(err, ErrNoDomain) || stateHome == "" && err == nil {
		return nil
	}
	account, lookErr := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err := errors.Join(err, lookErr); err != nil {
		return []step{{
			what: "find XDG_STATE_HOME of " + userName(uid), continues: true,
			needed: func(context.Context) (string, error) { return "", err },
		}}
	}
	inHome, err := filepath.Rel(account.HomeDir, i.Layout.AgentStateOf(account.HomeDir, stateHome))
	if err != nil || inHome == "." || !filepath.IsLocal(inHome) {
		return nil
	}
	return []step{i.fromHome(account.HomeDir, inHome)}
}

func (i *Installer) receipt(utility command.Command) step {
	return step{
		what: "forget the receipt of " + layout.BundleIdentifier, continues: true,
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
