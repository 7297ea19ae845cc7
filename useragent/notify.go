package main

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	usherv1 "usher.internal/proto/usher/v1"
)

// Limits of a notification, in characters.
const (
	maximumTitle = 100
	maximumText  = 1000
)

// NotifyUser implements usherv1.UserAgentServiceServer. Nothing of the text is ever read as code or as an option.
func (s *server) NotifyUser(ctx context.Context, request *usherv1.NotifyUserRequest) (*usherv1.NotifyUserResponse, error) {
	for _, check := range []struct {
		name, value string
		longest     int
		allowed     string
	}{{"title", request.GetTitle(), maximumTitle, ""}, {"text", request.GetText(), maximumText, "\n"}} {
		if err := checkText(check.name, check.value, check.longest, check.allowed); err != nil {
			return nil, err
		}
	}
	ran, err := s.Notifier.With(notifyArguments(request.GetTitle(), request.GetText())...).Run(ctx)
	if err == nil && ran.ExitCode != 0 {
		err = fmt.Errorf("run %s: it ended with %d", s.Notifier.Path, ran.ExitCode)
	}
	if err != nil {
		return nil, programFailed(ctx, err)
	}
	return &usherv1.NotifyUserResponse{}, nil
}

// checkText allows no control characters but those in allowed.
func checkText(name, value string, longest int, allowed string) error {
	control := func(letter rune) bool {
		return (letter < ' ' || letter == 0x7f) && !strings.ContainsRune(allowed, letter)
	}
	if length := utf8.RuneCountInString(value); length == 0 || length > longest || strings.ContainsFunc(value, control) {
		return fmt.Errorf("%w: %s must be 1 to %d characters without control characters, and has %d", errInvalid, name, longest, length)
	}
	return nil
}
