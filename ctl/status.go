package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	usherv1 "usher.internal/proto/usher/v1"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what is wrong, who is logged in and registered, and what is on its way to Jamf Pro",
		Long: `Show how this Mac stands: first what is wrong, with the fix, then the users and the outbox. Root and admins
see everybody, a user himself.`,
		Example: "  usherctl status --json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return a.ask(command.Context(), func(ctx context.Context, connection *grpc.ClientConn) error {
				status, err := usherv1.NewStatusServiceClient(connection).GetStatus(ctx, &usherv1.GetStatusRequest{})
				if err != nil {
					return err
				}
				if a.json {
					return a.printMessage(status)
				}
				a.printStatus(status)
				return nil
			})
		},
	}
}

func (a *app) printStatus(status *usherv1.GetStatusResponse) {
	for _, problem := range status.GetProblems() {
		fmt.Fprintf(a.stdout, "! %s\n", plain(problem))
	}
	if len(status.GetProblems()) > 0 {
		fmt.Fprintln(a.stdout)
	}
	helper := status.GetHelper()
	field(a.stdout, "usherd", fmt.Sprintf("%s, since %s", helper.GetVersion(), a.clock(helper.GetStartTime())))
	if outbox := status.GetOutbox(); outbox != nil {
		field(a.stdout, "outbox", fmt.Sprintf("%d pending, %d refused, last delivered %s (%s)",
			outbox.GetPending(), outbox.GetRefused(), a.clock(outbox.GetLastDeliveredTime()), helper.GetDeliveryMode()))
	}
	if len(status.GetUsers()) == 0 {
		return
	}
	fmt.Fprintln(a.stdout)
	var rows [][]string
	for _, user := range status.GetUsers() {
		rows = append(rows, []string{
			user.GetUser().GetName(), sessionName(user.GetSession()), identityName(user.GetIdentity().GetState()),
			lastState(user.GetLastRegistration()), a.clock(user.GetLastRegistration().GetUpdateTime()),
		})
	}
	a.table([]string{"USER", "SESSION", "IDENTITY", "LAST REGISTRATION", "WHEN"}, rows)
}

func sessionName(session *usherv1.SessionStatus) string {
	switch {
	case session == nil:
		return "logged out"
	case session.GetOnConsole():
		return "on console"
	}
	return "logged in"
}

// lastState is the state of a registration, with the reason for one that failed.
func lastState(r *usherv1.Registration) string {
	switch r.GetState() {
	case usherv1.RegistrationState_REGISTRATION_STATE_UNSPECIFIED:
		return "-"
	case usherv1.RegistrationState_REGISTRATION_STATE_FAILED:
		return "FAILED: " + name(r.GetFailureReason(), "FAILURE_REASON_")
	}
	return stateName(r.GetState())
}
