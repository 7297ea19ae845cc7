package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"usher.internal/internal/trust"
)

// Peer is the process at the other end of a connection, as the kernel recorded it when the connection was made. It is
// valid until the connection is closed. It is safe for concurrent use.
type Peer struct {
	UID uint32
	// PID is 0 if the peer closed the connection before the kernel was asked, and macOS no longer knows it.
	PID int

	process process
}

// LogValue implements [slog.LogValuer].
func (p *Peer) LogValue() slog.Value {
	if p.PID == 0 {
		return slog.GroupValue(slog.Uint64("uid", uint64(p.UID)), slog.Bool("gone", true))
	}
	return slog.GroupValue(slog.Uint64("uid", uint64(p.UID)), slog.Int("pid", p.PID))
}

// name is how errors name the process.
func (p *Peer) name() string {
	if p.PID == 0 {
		return "a process that has ended"
	}
	return fmt.Sprintf("pid %d", p.PID)
}

// Executable returns the path of the peer's program. It wraps [ErrPeerGone] if the process that connected has ended,
// even if another process has its id now.
func (p *Peer) Executable() (string, error) {
	path, err := executablePath(p.PID)
	if !p.Alive() {
		return "", fmt.Errorf("find executable of %s: %w", p.name(), ErrPeerGone)
	}
	if err != nil {
		return "", fmt.Errorf("find executable of %s: %w", p.name(), err)
	}
	return path, nil
}

// RunsExecutable returns nil if the peer runs the program at path, and only root and our own user can change that file
// ([trust.Agent]). On macOS the peer must also have the file's code signature. Otherwise it wraps [ErrOtherProgram]. It
// also wraps [ErrReplacedProgram] if that file was replaced after the peer's start, for example by an upgrade. It may
// also wrap [ErrPeerGone].
func (p *Peer) RunsExecutable(path string) error {
	resolved, err := trust.Agent.Check(path)
	if err != nil {
		return fmt.Errorf("check %s against the installed program: %w: %w", p.name(), ErrOtherProgram, err)
	}
	installed, err := os.Stat(resolved)
	if err != nil {
		return fmt.Errorf("check %s against the installed program: %w: %w", p.name(), ErrOtherProgram, err)
	}
	running, err := statExecutable(p.PID)
	if !p.Alive() {
		return fmt.Errorf("check %s against %s: %w", p.name(), path, ErrPeerGone)
	}
	if err == nil && os.SameFile(installed, running) {
		if err := p.provesCode(resolved); err != nil {
			return fmt.Errorf("check %s against %s: %w", p.name(), path, err)
		}
		return nil
	}
	seen, seenErr := p.Executable()
	if seenErr != nil {
		seen = "unknown (" + seenErr.Error() + ")"
	}
	if replaced(seen, resolved, err) {
		return fmt.Errorf("%s of uid %d runs what was %s: %w: %w", p.name(), p.UID, path, ErrOtherProgram,
			ErrReplacedProgram)
	}
	return errors.Join(fmt.Errorf("%s of uid %d runs %s: %w, which is %s", p.name(), p.UID, seen, ErrOtherProgram,
		path), err)
}

// AuthInfo is what [ServerCredentials] and [ClientCredentials] learn about the other end of a connection.
type AuthInfo struct {
	credentials.CommonAuthInfo
	Peer *Peer
}

// AuthType implements [credentials.AuthInfo].
func (AuthInfo) AuthType() string { return "usher-peer" }

// PeerFromContext returns the process that makes the RPC of this context. It returns false if this package did not make
// the connection.
func PeerFromContext(ctx context.Context) (*Peer, bool) {
	caller, ok := peer.FromContext(ctx)
	if !ok {
		return nil, false
	}
	info, ok := caller.AuthInfo.(AuthInfo)
	return info.Peer, ok
}
