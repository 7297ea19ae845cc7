package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"howett.net/plist"

	usherv1 "usher.internal/proto/usher/v1"
)

// GatherWithJamf implements usherv1.UserAgentServiceServer. One runs at a time; another call waits for its turn.
//
// have_an_Azure_id is read from the file in which macOS keeps Jamf's preferences; the system may write it a moment after
// Jamf's program has set it.
func (s *server) GatherWithJamf(ctx context.Context, _ *usherv1.GatherWithJamfRequest) (*usherv1.GatherWithJamfResponse, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.GatherDeadline,
		fmt.Errorf("%w: it did not end within %s", errProgram, s.GatherDeadline))
	defer cancel()
	select {
	case s.gathering <- struct{}{}:
		defer func() { <-s.gathering }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	code, err := runProgram(ctx, s.GatherProgram, "gatherAADInfo")
	if err != nil {
		return nil, err
	}
	have, err := haveAzureID(s.JamfState)
	if err != nil {
		return nil, fmt.Errorf("%w: it left its state unreadable: %w", errProgram, err)
	}
	s.Logger.Info("ran Jamf's gatherAADInfo", "exit_code", code, "have_an_Azure_id", have)
	return &usherv1.GatherWithJamfResponse{ExitCode: int32(code), HaveAnAzureId: have}, nil
}

// maximumJamfState is more than such a file can sensibly hold, in bytes.
const maximumJamfState = 1 << 20

// haveAzureID reads have_an_Azure_id of a property list of Jamf's. Without the file or the key there is none. It has been
// seen as a boolean; `defaults write` without a type would leave a number or a string.
func haveAzureID(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maximumJamfState))
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	var state map[string]any
	format, err := plist.Unmarshal(content, &state)
	if err == nil && format != plist.XMLFormat && format != plist.BinaryFormat {
		err = errors.New("not a property list as macOS writes them") // for example an empty file
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	switch value := state["have_an_Azure_id"].(type) {
	case nil:
		return false, nil
	case bool:
		return value, nil
	case uint64:
		return value != 0, nil
	case string:
		return value == "1" || value == "true" || value == "YES", nil
	default:
		return false, fmt.Errorf("read %s: have_an_Azure_id is a %T", path, value)
	}
}
