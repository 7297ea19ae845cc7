// Package registrations lists, shows, watches and cancels registrations.
package registrations

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"usher.internal/ctl/afar"
	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/complete"
	"usher.internal/ctl/register"
	"usher.internal/ctl/usage"
	"usher.internal/internal/attribute"
	"usher.internal/internal/contract"
	"usher.internal/internal/english"
	usherv1 "usher.internal/proto/usher/v1"
)

// commands are the commands of this package, with what they need.
type commands struct{ *ask.Client }

// Command returns `usherctl registrations`. The hosts can be asked by the subcommands that read.
func Command(client *ask.Client, hosts *afar.Hosts) *cobra.Command {
	c := commands{client}
	return usage.Group("registrations", "List, show, watch and cancel registrations",
		hosts.Reads(c.listRegistrationsCommand(), &afar.Table{Heading: listHeading, Rows: c.listedRows}),
		hosts.Reads(c.showRegistrationCommand(), nil), hosts.Reads(c.watchRegistrationCommand(), nil),
		c.cancelRegistrationCommand())
}

func (c commands) listRegistrationsCommand() *cobra.Command {
	request := &usherv1.ListRegistrationsRequest{}
	command := &cobra.Command{
		Use:     "list",
		Short:   "List registrations, the newest first",
		Example: "  usherctl registrations list --user jane",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := usage.ValidLimit(request.GetLimit()); err != nil {
				return err
			}
			return c.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				list, err := usherv1.NewRegistrationServiceClient(connection).ListRegistrations(ctx, request)
				if err != nil {
					return err
				}
				if c.JSON {
					return c.Print(list)
				}
				var rows [][]string
				for _, r := range list.GetRegistrations() {
					rows = append(rows, c.registrationRow(r))
				}
				c.Table(listHeading, rows)
				return nil
			})
		},
	}
	command.Flags().StringVar(&request.User, "user", "", "only of this user `name`")
	command.Flags().Int32Var(&request.Limit, "limit", 0, "at most this many (default 50)")
	return command
}

// listHeading is the heading of list.
var listHeading = []string{"ID", "USER", "KIND", "STATE", "IDENTITY", "DELIVERY", "STARTED"}

func (c commands) registrationRow(r *usherv1.Registration) []string {
	return []string{
		answer.ShortID(r.GetId()), r.GetUser().GetName(), contract.Name(r.GetKind()), answer.LastState(r),
		answer.IdentityName(r.GetIdentity().GetState()), answer.DeliveryName(r.GetDeliveryState()),
		c.Clock(r.GetCreateTime()),
	}
}

func (c commands) showRegistrationCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show ID",
		Short:             "Show a registration, each step with its evidence",
		Example:           "  usherctl registrations show 0199b3a2-4c1d",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete.Registrations(c.Client, complete.Any),
		RunE: func(command *cobra.Command, arguments []string) error {
			return c.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				found, err := usherv1.NewRegistrationServiceClient(connection).GetRegistration(ctx,
					&usherv1.GetRegistrationRequest{Id: arguments[0]})
				if err != nil {
					return err
				}
				if c.JSON {
					return c.Print(found.GetRegistration())
				}
				c.printRegistration(found.GetRegistration())
				return nil
			})
		},
	}
}

func (c commands) printRegistration(r *usherv1.Registration) {
	w := c.Out
	c.Field("registration", r.GetId())
	c.Field("user", fmt.Sprintf("%s (uid %d)", r.GetUser().GetName(), r.GetUser().GetUid()))
	c.Field("state", answer.LastState(r))
	c.Field("detail", r.GetFailureDetail())
	if r.GetDeadline() != nil {
		c.Field("times out", c.Clock(r.GetDeadline()))
	}
	if exit := r.GetPortalExit(); exit != nil {
		c.Field("portal", portalEnd(exit))
	}
	if identity := r.GetIdentity(); identity != nil {
		c.Field("identity", fmt.Sprintf("%s: %s", answer.IdentityName(identity.GetState()), identity.GetDetail()))
		c.Field("device id", identity.GetDeviceId())
		c.Field("tenant id", identity.GetTenantId())
		c.Field("user principal", identity.GetUserPrincipalName())
	}
	if r.GetDeliveryState() != usherv1.DeliveryState_DELIVERY_STATE_UNSPECIFIED {
		name := answer.DeliveryName(r.GetDeliveryState())
		if r.GetDeliveryState() == usherv1.DeliveryState_DELIVERY_STATE_DELIVERED &&
			r.GetFailureReason() == usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED {
			name += attribute.DeliveredLater
		}
		c.Field("delivery", fmt.Sprintf("%s after %s", name, english.Count(r.GetDeliveryAttempts(), "attempt")))
		c.Field("delivery error", r.GetDeliveryError())
	}
	fmt.Fprintln(w)
	c.Table([]string{"WHEN", "STEP", "EVIDENCE"}, c.steps(r))
}

// steps are the transitions, with Company Portal's milestones where they happened.
func (c commands) steps(r *usherv1.Registration) (rows [][]string) {
	type step struct {
		at   time.Time
		cell []string
	}
	var steps []step
	for _, transition := range r.GetTransitions() {
		steps = append(steps, step{transition.GetTime().AsTime(),
			[]string{c.Clock(transition.GetTime()), contract.Name(transition.GetState()), transition.GetEvidence()}})
	}
	for _, milestone := range r.GetMilestones() {
		steps = append(steps, step{milestone.GetTime().AsTime(),
			[]string{c.Clock(milestone.GetTime()), "  Company Portal", register.Sentence(milestone)}})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return a.at.Compare(b.at) })
	for _, one := range steps {
		rows = append(rows, one.cell)
	}
	return rows
}

func portalEnd(exit *usherv1.PortalExit) string {
	text := "ended in an unknown way"
	switch how := exit.GetHow().(type) {
	case *usherv1.PortalExit_Code:
		text = fmt.Sprintf("%s (%d)", exit.GetName(), how.Code)
	case *usherv1.PortalExit_Signal:
		text = "ended by " + exit.GetName() + " (signal " + strconv.Itoa(int(how.Signal)) + ")"
	}
	if exit.GetFromLog() {
		text += ", as its log says"
	}
	return text
}

func (c commands) watchRegistrationCommand() *cobra.Command {
	var limits register.Waiting
	command := &cobra.Command{
		Use:               "watch ID",
		Short:             "Follow a registration to its end; the exit code is that of register --wait",
		Example:           "  usherctl registrations watch 0199b3a2-4c1d",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete.Registrations(c.Client, complete.Any),
		RunE: func(command *cobra.Command, arguments []string) error {
			if err := limits.Valid(true); err != nil {
				return err
			}
			connection, err := c.Connect(command.Context())
			if err != nil {
				return err
			}
			defer connection.Close()
			asking, cancel := context.WithTimeout(command.Context(), ask.AnswerWithin)
			defer cancel()
			found, err := usherv1.NewRegistrationServiceClient(connection).GetRegistration(asking,
				&usherv1.GetRegistrationRequest{Id: arguments[0]})
			if err != nil {
				return answer.Explained(err)
			}
			return register.Follow(command.Context(), c.Printer, connection, found.GetRegistration(), limits)
		},
	}
	limits.Flags(command)
	return command
}

func (c commands) cancelRegistrationCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "cancel ID",
		Short:             "End a registration, and the Company Portal that it launched",
		Example:           "  usherctl registrations cancel 0199b3a2-4c1d",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete.Registrations(c.Client, complete.UnderWay),
		RunE: func(command *cobra.Command, arguments []string) error {
			connection, err := c.Connect(command.Context())
			if err != nil {
				return err
			}
			defer connection.Close()
			// Closing the portal may take it a while.
			ctx, cancel := context.WithTimeout(command.Context(), 4*ask.AnswerWithin)
			defer cancel()
			cancelled, err := usherv1.NewRegistrationServiceClient(connection).CancelRegistration(ctx,
				&usherv1.CancelRegistrationRequest{Id: arguments[0]})
			if err != nil {
				return answer.Explained(err)
			}
			if c.JSON {
				return c.Print(cancelled.GetRegistration())
			}
			fmt.Fprintf(c.Out, "registration %s is %s\n", answer.ShortID(cancelled.GetRegistration().GetId()),
				cancelled.GetRegistration().GetFailureDetail())
			return nil
		},
	}
}

// listedRows are the rows of one of several Macs.
func (c commands) listedRows(data []json.RawMessage) (rows [][]string) {
	for _, r := range afar.Decoded[usherv1.ListRegistrationsResponse](data).GetRegistrations() {
		rows = append(rows, c.registrationRow(r))
	}
	return rows
}
