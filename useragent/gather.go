package useragent

import (
	"context"
	"fmt"

	"usher.internal/internal/jamfstate"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/identity"
)

// GatherWithJamf implements usherv1.UserAgentServiceServer. One runs at a time; another call waits for its turn.
//
// have_an_Azure_id is read from the file in which macOS keeps Jamf's preferences; the system may write it a moment
// after Jamf's program has set it.
func (s *server) GatherWithJamf(ctx context.Context, _ *usherv1.GatherWithJamfRequest) (*usherv1.GatherWithJamfResponse,
	error) {
	select {
	case s.gathering <- struct{}{}:
		defer func() { <-s.gathering }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	ran, err := s.now.Load().Gather.Run(ctx)
	if err != nil {
		return nil, programFailed(ctx, err)
	}
	have, err := haveAzureID(ctx, s.JamfState)
	if err != nil {
		return nil, fmt.Errorf("%w: it left its state unreadable: %w", errProgram, err)
	}
	s.Logger.Info("ran Jamf's gatherAADInfo", "exit_code", ran.ExitCode, jamfstate.KeyHaveAzureID, have)
	return &usherv1.GatherWithJamfResponse{ExitCode: int32(ran.ExitCode), HaveAnAzureId: have}, nil
}

// programFailed returns the error of a program, or the call's own error if the call has ended.
func programFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", errProgram, err)
}

// haveAzureID reads have_an_Azure_id from Jamf's state. It returns nil without the file or the key.
func haveAzureID(ctx context.Context, path string) (bool, error) {
	state, err := identity.ReadJamfState(ctx, path)
	if err != nil || state == nil || state.HaveAzureID == nil {
		return false, err
	}
	return *state.HaveAzureID, nil
}
