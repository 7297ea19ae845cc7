package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/mac"
)

// launches is how often each way of asking for a registration is measured.
const launches = 15

// launchGoal is the longest time between `usherctl register` and Company Portal.
const launchGoal = 50 * time.Millisecond

// measureLaunches measures the time from the request to the first action of Company Portal's stand-in. The user closes
// Company Portal at once, so they are unregistered the next time too. In the end they sign in, and the Mac has a
// registered user.
func measureLaunches(ctx context.Context, s *scene) ([]row, error) {
	if err := s.user.SetPortal(mac.PortalSettings{"wait": "1ms", "exit_code": int(wpj.ExitUserAbandoned),
		"leave": "nothing"}); err != nil {
		return nil, err
	}
	var byCommand, byCall []float64
	for range launches {
		took, err := s.launch(ctx, func() error {
			result, err := s.user.Control(ctx, "register", "--wait")
			if err == nil && result.ExitCode != int(wpj.ExitUserAbandoned) {
				err = fmt.Errorf("usherctl register ended with %d: %s", result.ExitCode, result.Stderr)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		byCommand = append(byCommand, took)
		if took, err = s.launch(ctx, func() error { return s.registerByCall(ctx) }); err != nil {
			return nil, err
		}
		byCall = append(byCall, took)
	}
	if err := s.user.SetPortal(nil); err != nil {
		return nil, err
	}
	result, err := s.user.Control(ctx, "register", "--wait")
	if err == nil && result.ExitCode != 0 {
		err = fmt.Errorf("usherctl register ended with %d: %s", result.ExitCode, result.Stderr)
	}
	if err != nil {
		return nil, err
	}
	return []row{
		{Measure: "launch: from `usherctl register` to Company Portal", Unit: duration, Median: median(byCommand),
			Goal: &goal{AtMost: float64(launchGoal)}},
		{Measure: "launch: from StartRegistration to Company Portal", Unit: duration, Median: median(byCall),
			Goal: &goal{AtMost: float64(launchGoal)}},
	}, nil
}

// launch returns the time from the start of register, which registers the user, until Company Portal ran.
func (s *scene) launch(ctx context.Context, register func() error) (took float64, err error) {
	before, err := s.user.PortalRuns()
	if err != nil {
		return 0, err
	}
	if err := s.settle(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := register(); err != nil {
		return 0, err
	}
	runs, err := s.user.PortalRuns()
	if err != nil {
		return 0, err
	}
	if len(runs) != len(before)+1 {
		return 0, fmt.Errorf("company portal ran %d times for one registration", len(runs)-len(before))
	}
	_, rest, _ := strings.Cut(runs[len(runs)-1], "time=")
	text, _, _ := strings.Cut(rest, " ")
	ran, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, fmt.Errorf("read run of company portal: %w", err)
	}
	return float64(ran.Sub(began)), nil
}

// settle waits until usherd has delivered all earlier results to Jamf Pro.
func (s *scene) settle(ctx context.Context) error {
	const pause = 100 * time.Millisecond
	for {
		status, err := usherv1.NewStatusServiceClient(s.helper).GetStatus(ctx, &usherv1.GetStatusRequest{})
		if err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if status.GetOutbox().GetPending() == 0 {
			return nil
		}
	}
}

// registerByCall registers the user as usherctl does, from this process.
func (s *scene) registerByCall(ctx context.Context) error {
	client := usherv1.NewRegistrationServiceClient(s.helper)
	started, err := client.StartRegistration(ctx, &usherv1.StartRegistrationRequest{
		Kind: usherv1.RegistrationKind_REGISTRATION_KIND_REGISTER, User: s.user.Name,
	})
	if err != nil {
		return err
	}
	watch, err := client.WatchRegistration(ctx,
		&usherv1.WatchRegistrationRequest{Id: started.GetRegistration().GetId()})
	if err != nil {
		return err
	}
	for {
		_, err := watch.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
