// Package status shows what is wrong on a Mac, how each user is registered, and the evidence for it.
package status

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher.internal/ctl/afar"
	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/attribute"
	"usher.internal/internal/contract"
	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
)

// commands are the commands of this package, with what they need.
type commands struct{ *ask.Client }

// usable is a value of --wait besides the states: any state in which the user has an identity that can be used.
const usable = "USABLE"

// lookWithin is how long looking again may take: a minute for each user, all in parallel.
const lookWithin = 70 * time.Second

// statusFlags are the flags of `usherctl status`.
type statusFlags struct {
	user    string
	look    bool
	wait    string
	timeout time.Duration
}

// Command returns `usherctl status`, and the table of several Macs.
func Command(client *ask.Client) (*cobra.Command, *afar.Table) {
	c := commands{client}
	var flags statusFlags
	command := &cobra.Command{
		Use:   "status",
		Short: "Show problems, the state of each user with its evidence, and the deliveries to Jamf Pro",
		Long: `Show the state of this Mac: first what is wrong, with the fix, then the users with their state
(docs/states.md), the evidence for it and its time, the last registration, and the outbox. Root and admins
see everybody, a user only themselves.

The exit code (docs/exit-codes.md) is for the state of --user, or else of the primary user: 0 for a user
who is registered as they should be.`,
		Example: `  usherctl status --json
  # look again first
  usherctl status --look
  # wait until the user is registered
  usherctl status --wait usable --timeout 30m`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if flags.timeout < 0 || flags.timeout > 0 && flags.wait == "" {
				return errors.New("--timeout is a duration such as 30m, and goes with --wait")
			}
			if flags.look && afar.Given(command) {
				return errors.New("--look makes usherd look at each session, and from afar nothing is done to a " +
					"Mac: run it there")
			}
			if flags.wait != "" && flags.look {
				return errors.New("--look and --wait do not go together: the helper looks by itself while it " +
					"is waited for")
			}
			if flags.wait != "" {
				return c.waitForStatus(command.Context(), flags)
			}
			within := ask.AnswerWithin
			if flags.look {
				within = lookWithin
				if !c.JSON {
					fmt.Fprintln(c.Err, "looking in each session…")
				}
			}
			return c.AskWithin(command.Context(), within, func(ctx context.Context, connection *grpc.ClientConn) error {
				status, err := usherv1.NewStatusServiceClient(connection).GetStatus(ctx,
					&usherv1.GetStatusRequest{LookAgain: flags.look})
				if err != nil {
					return err
				}
				return c.showStatus(status, flags.user)
			})
		},
	}
	command.Flags().StringVar(&flags.user, "user", "", "end with the exit code of this user `name`")
	command.Flags().BoolVar(&flags.look, "look", false, "look again in each session before answering")
	command.Flags().StringVar(&flags.wait, "wait", "",
		"wait until the user is in one of these `states`, with commas; usable is any in which the user is registered")
	command.Flags().DurationVar(&flags.timeout, "timeout", 0, "with --wait: give up after this long (default: never)")
	return command, &afar.Table{Heading: heading, Rows: c.rows}
}

// showStatus prints a status and returns usherctl's exit. For a user that usher does not know it prints only the error,
// so a program gets one object.
func (c commands) showStatus(status *usherv1.GetStatusResponse, user string) error {
	about := userOf(status.GetUsers(), user)
	if about == nil && user != "" {
		return &answer.Failure{Code: answer.ExitNotFound, Reason: "USER_NOT_FOUND",
			Message: "usher knows of no user " + user,
			Hint:    "`usherctl status` lists those that it knows"}
	}
	if c.JSON {
		if err := c.Print(status); err != nil {
			return err
		}
	} else {
		c.printStatus(status)
	}
	return ending(about)
}

// ending is the exit of a command that shows a user's state. It has no message: the state is printed already. Without a
// user there is no session; a user who was not looked at yet is unknown.
func ending(user *usherv1.UserStatus) error {
	code, known := answer.IdentityExits[user.GetIdentity().GetState()]
	switch {
	case user == nil:
		code = answer.ExitNoSession
	case !known: // nobody has looked, or this version does not know the state
		code = answer.ExitUnreadable
	}
	if code != answer.ExitDone {
		return &answer.Failure{Code: code}
	}
	return nil
}

// waitForStatus follows the status until the user is in one of the states.
func (c commands) waitForStatus(ctx context.Context, flags statusFlags) error {
	wanted, err := parseStates(flags.wait)
	if err != nil {
		return err
	}
	connection, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	if flags.timeout > 0 {
		// The call has no deadline: the helper could end it a moment before ours is over.
		defer time.AfterFunc(flags.timeout, cancel).Stop()
	}
	client := usherv1.NewStatusServiceClient(connection)
	// usherctl waits for a helper that goes away, but not for one that is not there from the start.
	asking, stop := context.WithTimeout(ctx, ask.AnswerWithin)
	defer stop()
	if _, err := client.GetStatus(asking, &usherv1.GetStatusRequest{}); err != nil {
		return answer.Explained(err)
	}
	var reached *usherv1.GetStatusResponse
	var shown string
	err = ask.Reconnecting(waiting, func(ctx context.Context, answered func()) error {
		stream, err := client.WatchStatus(ctx, &usherv1.WatchStatusRequest{}, grpc.WaitForReady(true))
		for err == nil {
			var message *usherv1.WatchStatusResponse
			if message, err = stream.Recv(); err != nil {
				break
			}
			answered()
			user := userOf(message.GetStatus().GetUsers(), flags.user)
			state := user.GetIdentity().GetState()
			if slices.Contains(wanted, state) {
				reached = message.GetStatus()
				return nil
			}
			standing := standingOf(user, flags.user)
			if standing != shown && !c.JSON {
				fmt.Fprintf(c.Err, "waiting for %s: %s\n", flags.wait, standing)
			}
			shown = standing
		}
		return err
	})
	switch {
	case reached != nil:
		return c.showStatus(reached, flags.user)
	case waiting.Err() != nil && ctx.Err() == nil:
		return &answer.Failure{Code: answer.ExitTimedOut, Reason: "TIMED_OUT",
			Message: fmt.Sprintf("after %s, %s", flags.timeout, cmp.Or(shown, "usherd has not answered yet")),
			Hint:    "`usherctl status` shows the evidence"}
	}
	return answer.Explained(err)
}

// userOf returns the user of a command about one user: the named one, or else the primary user. It is nil if there is
// none.
func userOf(users []*usherv1.UserStatus, name string) *usherv1.UserStatus {
	if name == "" {
		return contract.Primary(users)
	}
	report, _ := attribute.About(users, name)
	return report.User
}

// standingOf says in a sentence how a user is registered; name is the requested user, "" for anyone.
func standingOf(user *usherv1.UserStatus, name string) string {
	state := user.GetIdentity().GetState()
	switch {
	case user == nil && name != "":
		return "usher does not know of a user " + terminal.Plain(name)
	case user == nil:
		return "nobody is logged in"
	case state == usherv1.IdentityState_IDENTITY_STATE_UNSPECIFIED:
		return terminal.Plain(user.GetUser().GetName()) + " was not looked at yet"
	}
	return terminal.Plain(user.GetUser().GetName()) + " is " + answer.IdentityName(state)
}

// parseStates reads names of states, in any case.
func parseStates(text string) ([]usherv1.IdentityState, error) {
	var states []usherv1.IdentityState
	for word := range strings.SplitSeq(text, ",") {
		word = strings.ToUpper(strings.TrimSpace(word))
		if word == usable {
			for _, info := range wpj.States() {
				if info.Registered {
					states = append(states, contract.StateToProto(info.State))
				}
			}
			continue
		}
		if _, known := wpj.State(word).Info(); !known {
			var names []string
			for _, info := range wpj.States() {
				names = append(names, string(info.State))
			}
			return nil, fmt.Errorf("--wait: there is no state %q; allowed are usable, %s", word,
				strings.Join(names, ", "))
		}
		states = append(states, contract.StateToProto(wpj.State(word)))
	}
	return states, nil
}

func (c commands) printStatus(status *usherv1.GetStatusResponse) {
	for _, problem := range status.GetProblems() {
		c.Paragraph("! ", problem)
	}
	if len(status.GetProblems()) > 0 {
		fmt.Fprintln(c.Out)
	}
	computer, helper := status.GetComputer(), status.GetHelper()
	c.Field("computer", strings.Trim(computer.GetName()+", "+computer.GetOperatingSystem(), ", "))
	c.Field("usherd", fmt.Sprintf("%s, since %s", helper.GetVersion(), c.Clock(helper.GetStartTime())))
	if outbox := status.GetOutbox(); outbox != nil {
		c.Field("outbox", fmt.Sprintf("%d pending, %d refused, last delivered %s (%s)",
			outbox.GetPending(), outbox.GetRefused(), c.Clock(outbox.GetLastDeliveredTime()), helper.GetDeliveryMode()))
	}
	if fleet := status.GetFleet(); fleet != nil {
		connected := "not connected"
		if server := fleet.GetServer(); server != "" {
			connected = server
		}
		c.Field("fleet", fmt.Sprintf("%s, %s since %s, %d unpublished", terminal.Dash(fleet.GetMac()), connected,
			c.Clock(fleet.GetSince()), fleet.GetUnpublished()))
	}
	if len(status.GetUsers()) == 0 {
		return
	}
	if len(status.GetUsers()) > 1 {
		c.Field("primary user", contract.Primary(status.GetUsers()).GetUser().GetName())
	}
	fmt.Fprintln(c.Out)
	var rows [][]string
	for _, user := range status.GetUsers() {
		rows = append(rows, []string{
			user.GetUser().GetName(), sessionName(user), answer.IdentityName(user.GetIdentity().GetState()),
			c.Age(user.GetLookTime()),
			answer.LastState(user.GetLastRegistration()), c.Clock(user.GetLastRegistration().GetUpdateTime()),
		})
	}
	c.Table([]string{"USER", "SESSION", "STATE", "SEEN", "LAST REGISTRATION", "WHEN"}, rows)
	for _, user := range status.GetUsers() {
		c.printEvidence(user)
	}
}

// printEvidence prints the evidence for the state of a user.
func (c commands) printEvidence(user *usherv1.UserStatus) {
	if len(user.GetEvidence()) == 0 {
		return
	}
	fmt.Fprintln(c.Out)
	c.Paragraph(terminal.Plain(user.GetUser().GetName())+": ", user.GetIdentity().GetDetail())
	for _, contradiction := range user.GetIdentity().GetContradictions() {
		c.Paragraph("  contradiction: ", contradiction.GetDetail())
	}
	for _, other := range user.GetIdentity().GetOtherIdentities() {
		c.Paragraph("  other identity: ", fmt.Sprintf("device %s of %s, valid until %s",
			terminal.Dash(other.GetDeviceId()), tenantName(other.GetTenantId()),
			other.GetNotAfter().AsTime().Format(time.DateOnly)))
	}
	if change := user.GetDeviceIdChange(); change != nil {
		c.Paragraph("  device id: ",
			fmt.Sprintf("%s became %s at %s", change.GetOldDeviceId(), change.GetNewDeviceId(),
				c.Clock(change.GetTime())))
	}
	var rows [][]string
	for _, evidence := range user.GetEvidence() {
		rows = append(rows, []string{"  " + contract.SourceName(evidence.GetSource()), finding(evidence),
			c.Clock(evidence.GetObserveTime()),
			evidence.GetDetail() + remembered(evidence, user.GetLookTime(), time.Now())})
	}
	c.Table([]string{"  SOURCE", "FINDING", "WHEN", "DETAIL"}, rows)
}

// rememberedFrom is the age, relative to the last look, from which evidence was not read by that look.
const rememberedFrom = 2 * time.Minute

// remembered says that the last look has not read a piece of evidence, and how old it is. It is empty for other
// evidence.
func remembered(evidence *usherv1.Evidence, looked *timestamppb.Timestamp, now time.Time) string {
	read := evidence.GetObserveTime()
	if read == nil || looked == nil || looked.AsTime().Sub(read.AsTime()) < rememberedFrom {
		return ""
	}
	return fmt.Sprintf(" Read %s, and not at the last look; `usherctl status --look` reads it again.",
		terminal.Ago(read.AsTime(), now))
}

// finding is the result of a source, with the obstacle if the source could not be read.
func finding(evidence *usherv1.Evidence) string {
	words := strings.ToLower(strings.ReplaceAll(contract.Name(evidence.GetFinding()), "_", " "))
	if evidence.GetObstacle() != usherv1.Obstacle_OBSTACLE_UNSPECIFIED {
		words += " (" + strings.ToLower(strings.ReplaceAll(contract.Name(evidence.GetObstacle()), "_", " ")) + ")"
	}
	return words
}

func sessionName(user *usherv1.UserStatus) string {
	session := user.GetSession()
	switch {
	case user.GetNoAccount():
		return "no account"
	case session == nil:
		return "not connected" // the user is logged out, or their agent does not run
	case session.GetOnConsole():
		return "on console"
	}
	return "logged in"
}

// tenantName names a tenant in a sentence.
func tenantName(id string) string {
	if id == "" {
		return "an unknown tenant"
	}
	return "tenant " + terminal.Plain(id)
}

// heading is the heading of the table of several Macs.
var heading = []string{"COMPUTER", "USER", "SESSION", "STATE", "SEEN", "LAST REGISTRATION", "USHERD", "PROBLEMS"}

// rows are the rows of one of several Macs.
func (c commands) rows(data []json.RawMessage) (rows [][]string) {
	status := afar.Decoded[usherv1.GetStatusResponse](data)
	if status == nil {
		return nil
	}
	users := status.GetUsers()
	if len(users) == 0 {
		users = []*usherv1.UserStatus{nil}
	}
	for _, user := range users {
		session := "-"
		if user != nil {
			session = sessionName(user)
		}
		rows = append(rows, []string{
			terminal.Dash(status.GetComputer().GetName()), terminal.Dash(user.GetUser().GetName()), session,
			answer.IdentityName(user.GetIdentity().GetState()), c.Age(user.GetLookTime()),
			answer.LastState(user.GetLastRegistration()), status.GetHelper().GetVersion(),
			strconv.Itoa(len(status.GetProblems())),
		})
	}
	return rows
}
