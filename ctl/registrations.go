package ctl

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
	"usher.internal/internal/attribute"
	"usher.internal/internal/contract"
	"usher.internal/internal/english"
	usherv1 "usher.internal/proto/usher/v1"
)

func (a *app) registrationsCommand() *cobra.Command {
	return group("registrations", "List, show, watch and cancel registrations",
		a.hosts.Reads(a.listRegistrationsCommand(), &afar.Table{Heading: listHeading, Rows: a.listedRows}),
		a.hosts.Reads(a.showRegistrationCommand(), nil), a.hosts.Reads(a.watchRegistrationCommand(), nil),
		a.cancelRegistrationCommand())
}

func (a *app) listRegistrationsCommand() *cobra.Command {
	request := &usherv1.ListRegistrationsRequest{}
	command := &cobra.Command{
		Use:     "list",
		Short:   "List registrations, the newest first",
		Example: "  usherctl registrations list --user jane",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := validLimit(request.GetLimit()); err != nil {
				return err
			}
			return a.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				list, err := usherv1.NewRegistrationServiceClient(connection).ListRegistrations(ctx, request)
				if err != nil {
					return err
				}
				if a.JSON {
					return a.Print(list)
				}
				var rows [][]string
				for _, r := range list.GetRegistrations() {
					rows = append(rows, a.registrationRow(r))
				}
				a.Table(listHeading, rows)
				return nil
			})
		},
	}
	command.Flags().StringVar(&request.User, "user", "", "of this user `name` alone")
	command.Flags().Int32Var(&request.Limit, "limit", 0, "at most this many (default 50)")
	return command
}

// listHeading is the heading of list.
var listHeading = []string{"ID", "USER", "KIND", "STATE", "IDENTITY", "DELIVERY", "STARTED"}

func (a *app) registrationRow(r *usherv1.Registration) []string {
	return []string{
		answer.ShortID(r.GetId()), r.GetUser().GetName(), contract.Name(r.GetKind()), answer.LastState(r),
		answer.IdentityName(r.GetIdentity().GetState()), answer.DeliveryName(r.GetDeliveryState()),
		a.Clock(r.GetCreateTime()),
	}
}

// validLimit returns an error for a number of rows that nobody can mean.
func validLimit(limit int32) error {
	if limit < 0 {
		return fmt.Errorf("--limit is %d, and cannot be negative; 0 is the default", limit)
	}
	return nil
}

func (a *app) showRegistrationCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show ID",
		Short:             "Show a registration, each step with its evidence",
		Example:           "  usherctl registrations show 0199b3a2-4c1d",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRegistrations(anyRegistration),
		RunE: func(command *cobra.Command, arguments []string) error {
			return a.Ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				found, err := usherv1.NewRegistrationServiceClient(connection).GetRegistration(ctx,
					&usherv1.GetRegistrationRequest{Id: arguments[0]})
				if err != nil {
					return err
				}
				if a.JSON {
					return a.Print(found.GetRegistration())
				}
				a.printRegistration(found.GetRegistration())
				return nil
			})
		},
	}
}

func (a *app) printRegistration(r *usherv1.Registration) {
	w := a.Out
	a.Field("registration", r.GetId())
	a.Field("user", fmt.Sprintf("%s (uid %d)", r.GetUser().GetName(), r.GetUser().GetUid()))
	a.Field("state", answer.LastState(r))
	a.Field("detail", r.GetFailureDetail())
	if r.GetDeadline() != nil {
		a.Field("times out", a.Clock(r.GetDeadline()))
	}
	if exit := r.GetPortalExit(); exit != nil {
		a.Field("portal", portalEnd(exit))
	}
	if identity := r.GetIdentity(); identity != nil {
		a.Field("identity", fmt.Sprintf("%s: %s", answer.IdentityName(identity.GetState()), identity.GetDetail()))
		a.Field("device id", identity.GetDeviceId())
		a.Field("tenant id", identity.GetTenantId())
		a.Field("user principal", identity.GetUserPrincipalName())
	}
	if r.GetDeliveryState() != usherv1.DeliveryState_DELIVERY_STATE_UNSPECIFIED {
		name := answer.DeliveryName(r.GetDeliveryState())
		if r.GetDeliveryState() == usherv1.DeliveryState_DELIVERY_STATE_DELIVERED &&
			r.GetFailureReason() == usherv1.FailureReason_FAILURE_REASON_DELIVERY_REFUSED {
			name += attribute.DeliveredLater
		}
		a.Field("delivery", fmt.Sprintf("%s after %s", name, english.Count(r.GetDeliveryAttempts(), "attempt")))
		a.Field("delivery error", r.GetDeliveryError())
	}
	fmt.Fprintln(w)
	a.Table([]string{"WHEN", "STEP", "EVIDENCE"}, a.steps(r))
}

// steps are the transitions and, where they happened, what Company Portal did.
func (a *app) steps(r *usherv1.Registration) (rows [][]string) {
	type step struct {
		at   time.Time
		cell []string
	}
	var steps []step
	for _, transition := range r.GetTransitions() {
		steps = append(steps, step{transition.GetTime().AsTime(),
			[]string{a.Clock(transition.GetTime()), contract.Name(transition.GetState()), transition.GetEvidence()}})
	}
	for _, milestone := range r.GetMilestones() {
		steps = append(steps, step{milestone.GetTime().AsTime(),
			[]string{a.Clock(milestone.GetTime()), "  Company Portal", sentence(milestone)}})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return a.at.Compare(b.at) })
	for _, one := range steps {
		rows = append(rows, one.cell)
	}
	return rows
}

func portalEnd(exit *usherv1.PortalExit) string {
	text := "ended, and nothing tells how"
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

func (a *app) watchRegistrationCommand() *cobra.Command {
	var limits waiting
	command := &cobra.Command{
		Use:               "watch ID",
		Short:             "Follow a registration to its end; the exit code is that of register --wait",
		Example:           "  usherctl registrations watch 0199b3a2-4c1d",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRegistrations(anyRegistration),
		RunE: func(command *cobra.Command, arguments []string) error {
			if err := limits.valid(true); err != nil {
				return err
			}
			connection, err := a.Connect(command.Context())
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
			return a.follow(command.Context(), connection, found.GetRegistration(), limits)
		},
	}
	limits.flags(command)
	return command
}

func (a *app) cancelRegistrationCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "cancel ID",
		Short:             "End a registration, and the Company Portal that it launched",
		Example:           "  usherctl registrations cancel 0199b3a2-4c1d",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRegistrations(isUnderWay),
		RunE: func(command *cobra.Command, arguments []string) error {
			connection, err := a.Connect(command.Context())
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
			if a.JSON {
				return a.Print(cancelled.GetRegistration())
			}
			fmt.Fprintf(a.Out, "registration %s is %s\n", answer.ShortID(cancelled.GetRegistration().GetId()),
				cancelled.GetRegistration().GetFailureDetail())
			return nil
		},
	}
}

// listedRows are the rows of one of several Macs.
func (a *app) listedRows(data []json.RawMessage) (rows [][]string) {
	for _, r := range afar.Decoded[usherv1.ListRegistrationsResponse](data).GetRegistrations() {
		rows = append(rows, a.registrationRow(r))
	}
	return rows
}
