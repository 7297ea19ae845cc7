package answer

import (
	"context"
	"errors"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"usher.internal/internal/config"
	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	"usher.internal/internal/shell"
)

// Failure is the failure of a command: usherctl's exit code, a stable reason for programs, one sentence for a person,
// and the fix.
type Failure struct {
	Code    ExitCode
	Reason  string
	Message string
	Hint    string
}

// Error implements error.
func (f *Failure) Error() string { return f.Message }

// Defect is a failure that should never happen.
func Defect(err error) *Failure {
	return &Failure{Code: ExitDefect, Reason: "INTERNAL", Message: err.Error(),
		Hint: "report it with the log of usherd"}
}

// HintNoHelper names this very program, because a usherctl that is not installed yet is not in the PATH.
func HintNoHelper() string {
	program, err := os.Executable()
	if err != nil {
		program = "./usherctl" // where it was unpacked
	}
	return "usherd runs as root: launchd (macOS) or systemd starts it, and its log says why it does not run; where " +
		"usher is not installed yet, `sudo " +
		shell.Word(program) + " install` does that"
}

// ReasonNoAnswer is the reason of a failure when the helper did not answer in time.
const ReasonNoAnswer = "HELPER_DOES_NOT_ANSWER"

// ReasonStateNotKnown is the reason of a failure when a registration has ended in a state that this usherctl does not
// know.
const ReasonStateNotKnown = "STATE_NOT_KNOWN"

// Explained returns err as a [*Failure]. Every error of a call to the helper has its own sentence.
func Explained(err error) error {
	if _, done := errors.AsType[*Failure](err); err == nil || done {
		return err
	}
	reason := contract.Reason(err)
	if code, known := ErrorExits[reason]; known {
		return &Failure{Code: code, Reason: contract.Name(reason), Message: status.Convert(err).Message(),
			Hint: contract.Metadata(err)[contract.Fix]}
	}
	switch {
	case link.IsUntrusted(err):
		return &Failure{Code: ExitNoHelper, Reason: "HELPER_NOT_TRUSTED",
			Message: "the process that serves usherd's socket is not trusted: " +
				afterLast(status.Convert(err).Message(), link.ErrUntrustedServer.Error()+": "),
			Hint: "somebody else has put a socket in usherd's place: find that process and restart usherd"}
	case errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled:
		return &Failure{Code: ExitInterrupted, Reason: "INTERRUPTED", Message: "interrupted"}
	case errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded:
		return &Failure{Code: ExitNoHelper, Reason: ReasonNoAnswer,
			Message: "usherd did not answer in time", Hint: "restart usherd; its log may say why it hangs"}
	case status.Code(err) == codes.Unavailable:
		return &Failure{Code: ExitNoHelper, Reason: "HELPER_UNREACHABLE",
			Message: "usherd cannot be reached: " + afterLast(status.Convert(err).Message(), "dial unix "),
			Hint:    HintNoHelper()}
	case status.Code(err) == codes.Unimplemented:
		return &Failure{Code: ExitNoHelper, Reason: "HELPER_TOO_OLD",
			Message: "usherd is older than usherctl and does not know this call: " + status.Convert(err).Message(),
			Hint: "update usher on this Mac; if it was updated already, restart usherd: `" + config.Sudo("restart") +
				"`"}
	}
	return Defect(errors.New(status.Convert(err).Message()))
}

// afterLast removes gRPC's own prefix from a message, and the quotes that remain.
func afterLast(message, marker string) string {
	if at := strings.LastIndex(message, marker); at >= 0 {
		message = message[at+len(marker):]
	}
	return strings.Trim(message, `"`)
}
