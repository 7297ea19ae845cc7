// Package clean removes leftovers. clean removes what a stale registration has left in a user's session; forget removes
// what usherd has kept about a user.
package clean

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"google.golang.org/grpc"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/terminal"
	"usher.internal/ctl/usage"
	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/english"
	usherv1 "usher.internal/proto/usher/v1"
)

// commands are the commands of this package, with what they need.
type commands struct{ *ask.Client }

// cleanWithin is how long the helper may take to look at a session. It may take as long again to remove things from it.
const cleanWithin = 3 * time.Minute

// cleaning is the request of `usherctl clean`.
type cleaning struct {
	user               string
	dryRun, yes, force bool
}

// Command returns `usherctl clean`.
func Command(client *ask.Client) *cobra.Command {
	c := commands{client}
	var asked cleaning
	command := &cobra.Command{
		Use:   "clean",
		Short: "List, then remove what a stale registration has left in a user's session",
		Long: `List, then remove what a stale registration has left in a user's login keychain and home: device
certificates and keys of Workplace Join, its keychain items, tokens of Company Portal and jamfAAD, and
jamfAAD's state. The user must be logged in.

What may be the current registration is named, and is removed only with --force. That is every device
certificate with its private key, unless Microsoft's Platform SSO or the Secure Enclave holds a usable
registration of another device. It is also a certificate that cannot be parsed, and everything while a
registration is being made or cannot be looked at. Each removal is recorded; "usherctl clean history" shows
the records.`,
		Example: "  usherctl clean --dry-run\n" +
			"  " + config.Sudo("clean --user jane --yes"),
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return c.clean(command, asked) },
	}
	flags := command.Flags()
	flags.StringVar(&asked.user, "user", "",
		"of this user `name` (default: yourself; for root, the user on the console)")
	flags.BoolVar(&asked.dryRun, "dry-run", false, "list what is there, and remove nothing")
	flags.BoolVar(&asked.yes, "yes", false, "remove without asking")
	flags.BoolVar(&asked.force, "force", false,
		"remove also where usherd objects, for example a registration that works")
	command.AddCommand(c.cleanHistoryCommand())
	return command
}

func (c commands) clean(command *cobra.Command, asked cleaning) error {
	asks := !c.JSON && c.Person && term.IsTerminal(int(os.Stdin.Fd()))
	if c.JSON && !asked.yes && !asked.dryRun {
		return errors.New("--json needs --yes or --dry-run, because it asks nobody")
	}
	return c.AskWithin(command.Context(), cleanWithin, func(ctx context.Context, connection *grpc.ClientConn) error {
		client := usherv1.NewCleanServiceClient(connection)
		found, err := client.FindRemains(ctx, &usherv1.FindRemainsRequest{User: asked.user})
		if err != nil {
			return err
		}
		switch {
		case c.JSON && asked.dryRun:
			return c.Print(found)
		case !c.JSON:
			c.printRemains(found)
		}
		switch {
		case asked.dryRun:
			return nil
		case len(found.GetLeftovers()) == 0 && !c.JSON:
			return nil
		case len(found.GetLeftovers()) > 0 && found.GetObjection() != "" && !asked.force:
			return &answer.Failure{Code: answer.ExitUsage, Reason: "FORCE_NEEDED",
				Message: "nothing was removed: " + found.GetObjection(),
				Hint:    "--force removes it all the same"}
		case !asked.yes && !asks:
			return &answer.Failure{Code: answer.ExitUsage, Reason: "YES_NEEDED",
				Message: "nothing was removed: there is no terminal to ask at", Hint: "--yes removes what is listed"}
		case !asked.yes:
			agreed, err := terminal.Confirmed(command.Context(), command.InOrStdin(), c.Err,
				fmt.Sprintf("Remove %s from the session of %s?",
					english.Count(len(found.GetLeftovers()), "thing"), found.GetUser().GetName()))
			if err != nil {
				return err
			}
			if !agreed {
				return &answer.Failure{Code: answer.ExitCancelled, Reason: "CANCELLED", Message: "nothing was removed"}
			}
		}
		// The user may have taken long to answer.
		ctx, cancel := context.WithTimeout(command.Context(), cleanWithin)
		defer cancel()
		// The request names the user and the things that were shown, even if there are new ones since.
		request := &usherv1.RemoveRemainsRequest{User: found.GetUser().GetName(), Force: asked.force}
		for _, one := range found.GetLeftovers() {
			request.Ids = append(request.Ids, one.GetId())
		}
		removed, err := client.RemoveRemains(ctx, request)
		if err != nil {
			return err
		}
		return c.printRemoval(removed.GetRemoval())
	})
}

func (c commands) printRemains(found *usherv1.FindRemainsResponse) {
	w := c.Out
	c.Field("user", fmt.Sprintf("%s (uid %d)", found.GetUser().GetName(), found.GetUser().GetUid()))
	c.Field("identity", fmt.Sprintf("%s: %s", answer.IdentityName(found.GetIdentity().GetState()),
		found.GetIdentity().GetDetail()))
	c.Field("objection", found.GetObjection())
	if len(found.GetLeftovers()) == 0 {
		c.Field("leftovers", "none")
		return
	}
	fmt.Fprintln(w)
	var rows [][]string
	for _, one := range found.GetLeftovers() {
		rows = append(rows, []string{kindName(one.GetKind()), one.GetName()})
	}
	c.Table([]string{"KIND", "NAME"}, rows)
}

// kindName is the name of a kind of leftover, for people.
func kindName(kind usherv1.LeftoverKind) string {
	if kind == usherv1.LeftoverKind_LEFTOVER_KIND_UNSPECIFIED {
		return "-"
	}
	return strings.ToLower(strings.ReplaceAll(contract.Name(kind), "_", " "))
}

// printRemoval prints what was removed. It returns a failure if something is still there.
func (c commands) printRemoval(removal *usherv1.Removal) error {
	failed := 0
	var rows [][]string
	for _, one := range removal.GetRemoved() {
		outcome := "removed"
		if one.GetError() != "" {
			outcome = "not removed: " + one.GetError()
			failed++
		}
		rows = append(rows, []string{kindName(one.GetLeftover().GetKind()), one.GetLeftover().GetName(), outcome})
	}
	switch {
	case c.JSON && failed == 0:
		return c.Print(removal)
	case !c.JSON:
		fmt.Fprintln(c.Out)
		c.Table([]string{"KIND", "NAME", "OUTCOME"}, rows)
	}
	if failed > 0 {
		return &answer.Failure{Code: answer.ExitIdentityUnusable, Reason: "NOT_ALL_REMOVED",
			Message: fmt.Sprintf("%d of %s could not be removed", failed, english.Count(len(rows), "thing")),
			Hint:    "`usherctl clean history` shows which, and why"}
	}
	return nil
}

func (c commands) cleanHistoryCommand() *cobra.Command {
	request := &usherv1.ListRemovalsRequest{}
	command := &cobra.Command{
		Use:     "history",
		Short:   "Show what was removed, the newest first",
		Example: "  usherctl clean history --user jane",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := usage.ValidLimit(request.GetLimit()); err != nil {
				return err
			}
			return c.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				list, err := usherv1.NewCleanServiceClient(connection).ListRemovals(ctx, request)
				if err != nil {
					return err
				}
				if c.JSON {
					return c.Print(list)
				}
				var rows [][]string
				for _, removal := range list.GetRemovals() {
					by := removal.GetCaller().GetName()
					if removal.GetForce() {
						by += " by force"
					}
					for _, one := range removal.GetRemoved() {
						outcome := "removed"
						if one.GetError() != "" {
							outcome = "not removed: " + one.GetError()
						}
						rows = append(rows, []string{c.Clock(removal.GetTime()), removal.GetUser().GetName(), by,
							kindName(one.GetLeftover().GetKind()), one.GetLeftover().GetName(), outcome})
					}
				}
				c.Table([]string{"WHEN", "OF", "BY", "KIND", "NAME", "OUTCOME"}, rows)
				return nil
			})
		},
	}
	command.Flags().StringVar(&request.User, "user", "", "only of this user `name`")
	command.Flags().Int32Var(&request.Limit, "limit", 0, "at most this many removals (default 50)")
	return command
}
