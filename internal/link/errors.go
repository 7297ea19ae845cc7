package link

import (
	"errors"
	"fmt"
)

// The errors that callers decide on.
var (
	// ErrInUse is wrapped by [Listen] when another live process serves that socket.
	ErrInUse = errors.New("socket in use")
	// ErrPeerGone is wrapped when the process at the other end has ended.
	ErrPeerGone = errors.New("peer has ended")
	// ErrOtherProgram is wrapped by [Peer.RunsExecutable] when the peer is another program.
	ErrOtherProgram = errors.New("not the installed program")
	// ErrReplacedProgram is wrapped by [Peer.RunsExecutable] when the peer is the installed program as it was before an
	// upgrade.
	ErrReplacedProgram = errors.New("since replaced by another version")
	// ErrUntrustedServer is wrapped when another user than expected runs a server.
	ErrUntrustedServer = errors.New("server not trusted")
)

// RefusalReason is the reason why the helper refused an agent. The values travel in the hello.
type RefusalReason string

// The reasons. [RefusalReason.Lasting] reports which of them waiting cannot fix.
const (
	SessionExists      RefusalReason = "session_exists"
	NotInstalledAgent  RefusalReason = "not_installed_agent"
	ReplacedAgent      RefusalReason = "replaced_agent"
	NotAPerson         RefusalReason = "not_a_person"
	TooManyConnections RefusalReason = "too_many_connections"
	ProtocolVersion    RefusalReason = "protocol_version"
	RefusedForNow      RefusalReason = "refused_for_now"
)

// Lasting reports whether an agent that was refused for this reason need not reconnect.
func (r RefusalReason) Lasting() bool {
	return r == SessionExists || r == NotAPerson || r == ProtocolVersion || r == ReplacedAgent
}

// RefusedError is the helper's refusal of an agent.
type RefusedError struct {
	Reason  RefusalReason
	Message string
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused by the helper (%s): %s", e.Reason, e.Message)
}
