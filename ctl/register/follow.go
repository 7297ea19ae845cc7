package register

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	usherv1 "usher.internal/proto/usher/v1"
)

// follower shows the progress of one registration. It is used by one goroutine.
type follower struct {
	printer *answer.Printer
	client  usherv1.RegistrationServiceClient
	// id is the registration's id; last is its last known state.
	id   string
	last *usherv1.Registration
	// shown counts what was printed already.
	transitions, milestones int
	// since is when the present state began, for the live line.
	since time.Time
	drawn bool
}

func newFollower(printer *answer.Printer, client usherv1.RegistrationServiceClient, r *usherv1.Registration) *follower {
	return &follower{printer: printer, client: client, id: r.GetId(), last: r}
}

// update is a message from a watch: the registration, the error that ended the watch, or the end of the watch by the
// helper. The helper ends it when the registration is over, also in a state that this version does not know.
type update struct {
	registration *usherv1.Registration
	err          error
	over         bool
}

// follow returns the registration at its end.
func (f *follower) follow(ctx context.Context, limits Waiting) (*usherv1.Registration, error) {
	watching, stop := context.WithCancel(ctx)
	updates := make(chan update)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		f.watch(watching, updates)
	}()
	defer func() {
		stop()
		<-watched
		f.clearLine()
	}()
	var timeout, delivery <-chan time.Time
	if limits.timeout > 0 {
		timeout = time.After(limits.timeout)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case next := <-updates:
			if next.err != nil {
				return nil, f.interrupted(ctx, next.err)
			}
			if next.over {
				return f.last, nil
			}
			f.last = next.registration
			if err := f.show(); err != nil {
				return nil, err
			}
			if answer.Ended(f.last.GetState()) {
				return f.last, nil
			}
			if f.last.GetState() == usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING && delivery == nil {
				delivery = time.After(limits.delivery)
			}
		case <-tick.C:
			f.drawLine()
		case <-delivery:
			return nil, f.deliveredLater()
		case <-timeout:
			return nil, &answer.Failure{Code: answer.ExitTimedOut, Reason: "TIMED_OUT",
				Message: fmt.Sprintf("the registration is still %s after %s, and continues",
					contract.Name(f.last.GetState()), limits.timeout),
				Hint: fmt.Sprintf("`usherctl registrations watch %s` follows it", answer.ShortID(f.last.GetId()))}
		case <-ctx.Done():
			return nil, f.interrupted(ctx, ctx.Err())
		}
	}
}

// watch sends the helper's updates until the registration's end. It waits for a helper that goes away.
func (f *follower) watch(ctx context.Context, updates chan<- update) {
	send := func(next update) bool {
		select {
		case updates <- next:
			return true
		case <-ctx.Done():
			return false
		}
	}
	err := ask.Reconnecting(ctx, func(ctx context.Context, answered func()) error {
		stream, err := f.client.WatchRegistration(ctx, &usherv1.WatchRegistrationRequest{Id: f.id},
			grpc.WaitForReady(true))
		for err == nil {
			var message *usherv1.WatchRegistrationResponse
			if message, err = stream.Recv(); err == nil {
				answered()
				if !send(update{registration: message.GetRegistration()}) {
					return nil
				}
			}
		}
		return err
	})
	if ctx.Err() == nil {
		send(update{err: err, over: err == nil})
	}
}

func (f *follower) interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return answer.Explained(err)
	}
	return &answer.Failure{Code: answer.ExitInterrupted, Reason: "INTERRUPTED",
		Message: fmt.Sprintf("interrupted; registration %s continues", answer.ShortID(f.last.GetId())),
		Hint: fmt.Sprintf("`usherctl registrations watch %s` follows it, `usherctl registrations cancel %s` ends it",
			answer.ShortID(f.last.GetId()), answer.ShortID(f.last.GetId()))}
}

func (f *follower) deliveredLater() error {
	message := "the identity was found, and Jamf Pro does not have it yet; usherd delivers it as soon as it can"
	if problem := f.last.GetDeliveryError(); problem != "" {
		message += ": " + problem
	}
	return &answer.Failure{Code: answer.ExitDeliveredLater, Reason: "DELIVERED_LATER", Message: message,
		Hint: fmt.Sprintf("`usherctl registrations show %s` shows its state, and for root and admins `%s` why",
			answer.ShortID(f.last.GetId()), config.Sudo("outbox list"))}
}

// show prints what is new in the registration: as JSON, as plain lines, or above the live line of a terminal.
func (f *follower) show() error {
	if f.printer.JSON {
		return f.printer.Print(f.last)
	}
	f.clearLine()
	for ; f.transitions < len(f.last.GetTransitions()); f.transitions++ {
		transition := f.last.GetTransitions()[f.transitions]
		f.since = transition.GetTime().AsTime()
		fmt.Fprintf(f.printer.Out, "%s  %-19s  %s\n", f.printer.Clock(transition.GetTime()),
			contract.Name(transition.GetState()), terminal.Plain(transition.GetEvidence()))
	}
	for ; f.milestones < len(f.last.GetMilestones()); f.milestones++ {
		milestone := f.last.GetMilestones()[f.milestones]
		fmt.Fprintf(f.printer.Out, "%s  %-19s  %s\n", f.printer.Clock(milestone.GetTime()), "  Company Portal",
			terminal.Plain(Sentence(milestone)))
	}
	f.drawLine()
	return nil
}

// Sentence is a milestone for a person.
func Sentence(milestone *usherv1.Milestone) string {
	text := strings.ToLower(strings.ReplaceAll(contract.Name(milestone.GetKind()), "_", " "))
	if milestone.GetDetail() != "" {
		text += " (" + milestone.GetDetail() + ")"
	}
	return text
}

// doing says for each state what usher waits for.
var doing = map[usherv1.RegistrationState]string{
	usherv1.RegistrationState_REGISTRATION_STATE_PREFLIGHT:           "checking what would prevent the registration",
	usherv1.RegistrationState_REGISTRATION_STATE_WAITING_FOR_SESSION: "waiting for the user to log in",
	usherv1.RegistrationState_REGISTRATION_STATE_LAUNCHING_PORTAL:    "launching Company Portal",
	usherv1.RegistrationState_REGISTRATION_STATE_WAITING_FOR_SIGN_IN: "waiting for the user to sign in",
	usherv1.RegistrationState_REGISTRATION_STATE_READING_IDENTITY:    "reading the identity",
	usherv1.RegistrationState_REGISTRATION_STATE_DELIVERING:          "delivering the result to Jamf Pro",
}

// drawLine shows on a terminal what is under way, and for how long.
func (f *follower) drawLine() {
	text := doing[f.last.GetState()]
	if !f.printer.Person || f.printer.JSON || text == "" {
		return
	}
	fmt.Fprintf(f.printer.Out, "\r\x1b[K… %s, %s", text, max(0, time.Since(f.since)).Truncate(time.Second))
	f.drawn = true
}

func (f *follower) clearLine() {
	if f.drawn {
		fmt.Fprint(f.printer.Out, "\r\x1b[K")
		f.drawn = false
	}
}
