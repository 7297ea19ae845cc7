// Package register starts a registration or a gathering, and follows it to its end, for the commands register and
// gather. registrations watch uses [Follow] too.
package register

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/internal/config"
	usherv1 "usher.internal/proto/usher/v1"
)

// commands are the commands of this package, with what they need.
type commands struct{ *ask.Client }

// deliveryWithin is how long --wait waits for Jamf Pro after the identity is found: usherd continues for days if
// necessary.
const deliveryWithin = time.Minute

// Waiting says how long to wait for a registration.
type Waiting struct {
	timeout, delivery time.Duration
}

// Flags adds the flags that set the limits.
func (w *Waiting) Flags(command *cobra.Command) {
	command.Flags().DurationVar(&w.timeout, "timeout", 0,
		"stop waiting after this long (exit code 6); the registration continues")
	command.Flags().DurationVar(&w.delivery, "delivery-timeout", deliveryWithin,
		"once the identity is found, wait this long for Jamf Pro (exit code 10)")
}

// Valid returns an error for limits that make no sense.
func (w *Waiting) Valid(wait bool) error {
	switch {
	case w.timeout < 0:
		return fmt.Errorf("--timeout is %s, and cannot be negative; 0 is no limit", w.timeout)
	case w.delivery < 0:
		return fmt.Errorf("--delivery-timeout is %s, and cannot be negative", w.delivery)
	case w.timeout > 0 && !wait:
		return errors.New("--timeout is for --wait, which is not there")
	}
	return nil
}

// Command returns `usherctl register`.
func Command(client *ask.Client) *cobra.Command {
	c := commands{client}
	request := &usherv1.StartRegistrationRequest{Kind: usherv1.RegistrationKind_REGISTRATION_KIND_REGISTER}
	var (
		wait   bool
		signIn time.Duration
		limits Waiting
	)
	command := &cobra.Command{
		Use:   "register",
		Short: "Register a user with Microsoft Entra through Company Portal",
		Long: `Register a user of this Mac: launch Company Portal in the user's session, wait for the sign-in, read the
identity and deliver it to Jamf Pro. If a registration of the same user is under way, usherctl follows that one.

With --wait the exit code says how it ended (docs/exit-codes.md): 0 is done, 64 to 70 are exactly
Company Portal's.`,
		Example: "  # as the user\n  usherctl register --wait\n" +
			"  # as a Jamf policy's script does\n  " + config.Sudo("register --user jane --wait"),
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := limits.Valid(wait); err != nil {
				return err
			}
			if signIn != 0 {
				request.SignInTimeout = durationpb.New(signIn)
			}
			return c.start(command.Context(), request, wait, limits)
		},
	}
	command.Flags().StringVar(&request.User, "user", "",
		"account `name`; without it yourself, and as root the user on the console")
	command.Flags().BoolVar(&wait, "wait", false, "follow the registration to its end")
	command.Flags().DurationVar(&signIn, "sign-in-timeout", 0,
		"how long the user may take to sign in (default: the configuration's)")
	limits.Flags(command)
	return command
}

// Gather returns `usherctl gather`.
func Gather(client *ask.Client) *cobra.Command {
	c := commands{client}
	request := &usherv1.StartRegistrationRequest{Kind: usherv1.RegistrationKind_REGISTRATION_KIND_GATHER}
	var (
		wait   bool
		limits Waiting
	)
	command := &cobra.Command{
		Use:   "gather",
		Short: "Read the identity that a user has and deliver it, without Company Portal",
		Long: `Read the identity that a user of this Mac has and deliver it to Jamf Pro, without Company Portal. If
Jamf has not acquired it and its device compliance is on for this Mac (or jamf.gather_after_portal says so),
Jamf's own gatherAADInfo runs first, and the user may see a sign-in.`,
		Example: "  " + config.Sudo("gather --user jane"),
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := limits.Valid(wait); err != nil {
				return err
			}
			return c.start(command.Context(), request, wait, limits)
		},
	}
	command.Flags().StringVar(&request.User, "user", "",
		"account `name`; without it yourself, and as root the user on the console")
	command.Flags().BoolVar(&wait, "wait", true, "follow it to its end")
	limits.Flags(command)
	return command
}

// start starts a registration and follows it, if --wait is given.
func (c commands) start(ctx context.Context, request *usherv1.StartRegistrationRequest, wait bool,
	limits Waiting) error {
	connection, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	asking, cancel := context.WithTimeout(ctx, ask.AnswerWithin)
	defer cancel()
	started, err := usherv1.NewRegistrationServiceClient(connection).StartRegistration(asking, request)
	if err != nil {
		return answer.Explained(err)
	}
	if wait {
		if started.GetAttached() && !c.JSON {
			fmt.Fprintf(c.Out, "attached to registration %s of %s, which is under way already\n",
				answer.ShortID(started.GetRegistration().GetId()), started.GetRegistration().GetUser().GetName())
		}
		return Follow(ctx, c.Printer, connection, started.GetRegistration(), limits)
	}
	if c.JSON {
		return c.Print(started)
	}
	verb := "started"
	if started.GetAttached() {
		verb = "is under way already"
	}
	r := started.GetRegistration()
	fmt.Fprintf(c.Out, "registration %s of %s %s; `usherctl registrations watch %s` follows it\n", r.GetId(),
		r.GetUser().GetName(), verb, answer.ShortID(r.GetId()))
	return nil
}

// Follow shows a registration's progress to its end, and returns nil or its failure.
func Follow(ctx context.Context, printer *answer.Printer, connection *grpc.ClientConn, r *usherv1.Registration,
	limits Waiting) error {
	follower := newFollower(printer, usherv1.NewRegistrationServiceClient(connection), r)
	last, err := follower.follow(ctx, limits)
	if err != nil {
		return err
	}
	return answer.Outcome(last)
}
