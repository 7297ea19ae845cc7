package gate

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"

	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

// Actor is the caller, as the kernel reports it. Code asks it what it may do, not what uid it has.
//
// Only one goroutine handles a call, so an Actor needs no lock.
type Actor struct {
	peer *link.Peer
	// root is true for root and for the helper's own user. They are admins whatever the directory says.
	root bool
	// inAdminGroup asks the directory whether the caller is an admin now; nil if only root is an admin.
	inAdminGroup func() (bool, error)

	// judged becomes true when a handler has asked MayActFor, or does not act for a user at all.
	judged bool
	// asAdmin becomes true when a handler learned that the caller is an admin: its answers may be about other users.
	asAdmin bool
	// unknown is the error of the directory when a handler last asked whether the caller is an admin.
	unknown error
}

// NewActor returns a caller. root says that they are an admin whatever the directory says. inAdminGroup asks the
// directory, and may be nil.
func NewActor(peer *link.Peer, root bool, inAdminGroup func() (bool, error)) *Actor {
	return &Actor{peer: peer, root: root, inAdminGroup: inAdminGroup}
}

type actorKey struct{}

// WithActor returns a context with the caller in it, for [ActorFrom].
func WithActor(ctx context.Context, actor *Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// ActorFrom returns the caller that the gate put into ctx. Every handler runs behind the gate.
func ActorFrom(ctx context.Context) *Actor { return ctx.Value(actorKey{}).(*Actor) }

// actor returns the caller of the RPC in ctx. Root, the helper's own user and members of the admin group are admins.
func (s *Server) actor(ctx context.Context) (*Actor, error) {
	peer, ok := link.PeerFromContext(ctx)
	if !ok {
		return nil, errors.New("connection without peer credentials")
	}
	return NewActor(peer, peer.UID == 0 || peer.UID == s.helperUID,
		func() (bool, error) { return s.admins.has(ctx, peer.UID) }), nil
}

// UID returns the caller's uid.
func (a *Actor) UID() uint32 { return a.peer.UID }

// admin reports whether the caller is an admin now. An error says that the directory did not answer.
func (a *Actor) admin() (bool, error) {
	if a.root || a.inAdminGroup == nil {
		return a.root, nil
	}
	return a.inAdminGroup()
}

// Judged reports whether a handler has asked what the caller may do.
func (a *Actor) Judged() bool { return a.judged }

// IsAdmin reports whether the caller may act for every user of this computer. It asks the directory. It returns false
// if the directory does not answer; [Actor.Undecided] says so.
func (a *Actor) IsAdmin() bool {
	a.judged = true
	admin, err := a.admin()
	a.unknown = err
	a.asAdmin = a.asAdmin || admin
	return admin
}

// IsOrdinary reports whether the caller acts for themselves, and may do so without being an admin. It does not ask the
// directory.
func (a *Actor) IsOrdinary(uid uint32) bool { return !a.root && a.peer.UID == uid }

// Undecided returns a PERMISSION_DENIED status if the directory did not answer the last [Actor.IsAdmin] or
// [Actor.MayActFor], and nil otherwise.
func (a *Actor) Undecided() error {
	if a.unknown == nil {
		return nil
	}
	return a.refuse(fmt.Sprintf("uid %d may act only for themselves", a.peer.UID))
}

// MayActFor returns nil if the caller may act for the user with that uid, and a PERMISSION_DENIED status otherwise.
func (a *Actor) MayActFor(uid uint32) error {
	a.judged = true
	if a.peer.UID == uid || a.IsAdmin() {
		return nil
	}
	return a.refuse(fmt.Sprintf("uid %d may act only for themselves, not for uid %d", a.peer.UID, uid))
}

// StillMayAnswer returns an error if the handler learned that the caller is an admin, but the caller no longer is. So a
// stream that began with an admin's rights ends with them.
func (a *Actor) StillMayAnswer() error {
	if !a.asAdmin || a.IsAdmin() {
		return nil
	}
	return a.refuse(fmt.Sprintf("uid %d was an admin when this call began, but is no longer", a.peer.UID))
}

// refuse returns a PERMISSION_DENIED status.
func (a *Actor) refuse(message string, details ...string) error {
	fix := "run it as root or as a member of the admin group"
	if a.unknown != nil {
		message += ": " + a.unknown.Error()
		fix = "run it as root, or again when the directory answers"
	}
	return contract.Error(codes.PermissionDenied, usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED, message,
		append(details, contract.Fix, fix)...)
}
