package useragent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"usher.internal/internal/wpj"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/useragent/keychain"
)

// ExamineSession implements usherv1.UserAgentServiceServer.
func (s *server) ExamineSession(ctx context.Context,
	request *usherv1.ExamineSessionRequest) (*usherv1.ExamineSessionResponse, error) {
	response := &usherv1.ExamineSessionResponse{}
	leave := request.GetLeaveLoginKeychain()
	for _, found := range s.look(ctx, leave) {
		check := &usherv1.Check{
			Name: "source-" + checkNames[found.Source], Title: string(found.Source) + " can be looked at",
			Result: usherv1.CheckResult_CHECK_RESULT_OK, Evidence: found.Detail,
		}
		if found.Finding == wpj.CouldNotLook {
			check.Result, check.Evidence = usherv1.CheckResult_CHECK_RESULT_FAILED,
				fmt.Sprintf("%s: %s", found.Obstacle, found.Detail)
			check.Fix = sourceFixes[found.Obstacle]
			if found.Obstacle == wpj.ObstacleUnsupported {
				// The source is hidden, but nothing is broken.
				check.Result = usherv1.CheckResult_CHECK_RESULT_WARNING
			}
		}
		response.Checks = append(response.Checks, check)
	}
	if leave {
		response.Checks = append(response.Checks, keychainLeft)
	} else {
		response.Checks = append(response.Checks, s.compareKeychain(ctx))
	}
	return response, nil
}

// keychainLeft is the check of a login keychain that was not read.
var keychainLeft = &usherv1.Check{
	Name: "source-" + checkNames[wpj.SourceLoginKeychain], Title: string(wpj.SourceLoginKeychain) + " can be looked at",
	Result: usherv1.CheckResult_CHECK_RESULT_NOT_APPLICABLE,
	Evidence: "It was not read: the identity is elsewhere, and reading a login keychain more than necessary can " +
		"damage it; `usherctl status --look` reads it.",
}

// checkNames are stable parts of the names of checks.
var checkNames = map[wpj.Source]string{
	wpj.SourceLoginKeychain: "login-keychain", wpj.SourcePlatformSSO: "platform-sso",
	wpj.SourceSecureEnclave: "secure-enclave", wpj.SourceJamfAgent: "jamf-agent",
}

// sourceFixes are the fixes for each obstacle.
var sourceFixes = map[wpj.Obstacle]string{
	wpj.ObstacleLocked:       "Have the user unlock the login keychain, or log out and in.",
	wpj.ObstacleAccessDenied: "Have the user allow usher-agent to read it.",
	wpj.ObstacleUnavailable:  "Have the user log out and in.",
	wpj.ObstacleUnsupported:  "Update macOS, Jamf and usher, or leave the source out of identity.sources.",
	wpj.ObstacleFailed:       "See the log of the user's agent.",
}

// compareKeychain checks whether both ways to read the keychain have the same result, if there are two.
func (s *server) compareKeychain(ctx context.Context) *usherv1.Check {
	check := &usherv1.Check{Name: "keychain-readings-agree", Title: "both ways to read the login keychain agree",
		Result: usherv1.CheckResult_CHECK_RESULT_OK}
	differences, err := s.Keychain.Compare(ctx)
	switch {
	case errors.Is(err, keychain.ErrUnsupported):
		check.Result, check.Evidence = usherv1.CheckResult_CHECK_RESULT_NOT_APPLICABLE,
			"There is only one way to read it here."
	case err != nil:
		check.Result, check.Evidence = usherv1.CheckResult_CHECK_RESULT_WARNING,
			"They could not be compared: "+err.Error()
	case len(differences) > 0:
		check.Result = usherv1.CheckResult_CHECK_RESULT_WARNING
		check.Evidence = strings.Join(differences, " ")
		check.Fix = "Report it with the version of macOS; usher reads it through Keychain Services."
	default:
		check.Evidence = "Keychain Services and /usr/bin/security say the same."
	}
	return check
}
