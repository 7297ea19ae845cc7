package ctl

import (
	"context"
	"errors"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/ctl/terminal"
	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

// failure is how a command fails: what usherctl ends with, a stable reason for programs, one sentence for a person, and
// the fix.
type failure struct {
	code    exitCode
	reason  string
	message string
	hint    string
}

// Error implements error.
func (f *failure) Error() string { return f.message }

// defect is a failure that should not be able to happen.
func defect(err error) *failure {
	return &failure{code: exitDefect, reason: "INTERNAL", message: err.Error(),
		hint: "report it with the log of usherd"}
}

// hintNoHelper names this very program, since what is not installed yet is in nobody's PATH.
func hintNoHelper() string {
	program, err := os.Executable()
	if err != nil {
		program = "./usherctl" // where it was unpacked
	}
	return "usherd runs as root: launchd (macOS) or systemd starts it, and its log says why it does not run; where " +
		"usher is not installed yet, `sudo " +
		terminal.ShellWord(program) + " install` does that"
}

// reasonNoAnswer is the reason of a failure when the helper did not answer in time.
const reasonNoAnswer = "HELPER_DOES_NOT_ANSWER"

// reasonStateNotKnown is the reason of a failure when a registration has ended in a state that this usherctl does not
// know.
const reasonStateNotKnown = "STATE_NOT_KNOWN"

// explained returns err as a [*failure]: whatever a call to the helper can end with has its own sentence.
func explained(err error) error {
	if _, done := errors.AsType[*failure](err); err == nil || done {
		return err
	}
	reason := contract.Reason(err)
	if code, known := errorExits[reason]; known {
		return &failure{code: code, reason: contract.Name(reason), message: status.Convert(err).Message(),
			hint: contract.Metadata(err)[contract.Fix]}
	}
	switch {
	case link.IsUntrusted(err):
		return &failure{code: exitNoHelper, reason: "HELPER_NOT_TRUSTED",
			message: "the process that serves usherd's socket is not trusted: " +
				afterLast(status.Convert(err).Message(), link.ErrUntrustedServer.Error()+": "),
			hint: "somebody else has put a socket in usherd's place: find that process and restart usherd"}
	case errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled:
		return &failure{code: exitInterrupted, reason: "INTERRUPTED", message: "interrupted"}
	case errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded:
		return &failure{code: exitNoHelper, reason: reasonNoAnswer,
			message: "usherd did not answer in time", hint: "restart usherd; its log may say why it hangs"}
	case status.Code(err) == codes.Unavailable:
		return &failure{code: exitNoHelper, reason: "HELPER_UNREACHABLE",
			message: "usherd cannot be reached: " + afterLast(status.Convert(err).Message(), "dial unix "),
			hint:    hintNoHelper()}
	case status.Code(err) == codes.Unimplemented:
		return &failure{code: exitNoHelper, reason: "HELPER_TOO_OLD",
			message: "usherd is older than usherctl and does not know this call: " + status.Convert(err).Message(),
			hint: "update usher on this Mac; if it was updated already, restart usherd: `" + config.Sudo("restart") +
				"`"}
	}
	return defect(errors.New(status.Convert(err).Message()))
}

// afterLast cuts gRPC's own preamble off a message, and the quotes that it leaves.
func afterLast(message, marker string) string {
	if at := strings.LastIndex(message, marker); at >= 0 {
		message = message[at+len(marker):]
	}
	return strings.Trim(message, `"`)
}

func identityName(state usherv1.IdentityState) string {
	if state == usherv1.IdentityState_IDENTITY_STATE_UNSPECIFIED {
		return "-"
	}
	return contract.Name(state)
}

func deliveryName(state usherv1.DeliveryState) string {
	if state == usherv1.DeliveryState_DELIVERY_STATE_UNSPECIFIED {
		return "-"
	}
	return contract.Name(state)
}

// shortID is the beginning of an id that people type. The first eight characters of a UUID of version 7 tell the
// minute.
func shortID(id string) string {
	if len(id) > 13 {
		return id[:13]
	}
	return id
}
