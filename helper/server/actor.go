package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"

	"usher.internal/internal/contract"
	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
)

// Actor is who is calling, as the kernel says. It is asked what it may do, not what uid it has.
type Actor struct {
	peer  *link.Peer
	admin bool

	// judged turns true when a handler has asked MayActFor, or does not act for a user at all. A call is one goroutine's
	// as far as its handler is concerned, so it needs no lock.
	judged bool
}

type actorKey struct{}

// newActor returns the caller of the RPC in ctx. Root, the helper's own user and members of the admin group are admins.
func newActor(ctx context.Context, helperUID uint32, adminGroup func() (uint32, bool)) (*Actor, error) {
	peer, ok := link.PeerFromContext(ctx)
	if !ok {
		return nil, errors.New("connection without peer credentials")
	}
	actor := &Actor{peer: peer, admin: peer.UID == 0 || peer.UID == helperUID}
	if gid, ok := adminGroup(); ok && !actor.admin {
		actor.admin = peer.GID == gid || slices.Contains(peer.Groups, gid)
	}
	return actor, nil
}

// actorFrom returns the actor that the interceptors put into ctx. Every handler runs behind them.
func actorFrom(ctx context.Context) *Actor { return ctx.Value(actorKey{}).(*Actor) }

// UID returns the caller's uid.
func (a *Actor) UID() uint32 { return a.peer.UID }

// IsAdmin tells whether the caller may act for every user of this computer.
func (a *Actor) IsAdmin() bool {
	a.judged = true
	return a.admin
}

// MayActFor returns nil when the caller may act for the user with that uid, and a PERMISSION_DENIED status otherwise.
func (a *Actor) MayActFor(uid uint32) error {
	a.judged = true
	if a.admin || a.peer.UID == uid {
		return nil
	}
	return contract.Error(codes.PermissionDenied, usherv1.ErrorReason_ERROR_REASON_NOT_PERMITTED,
		fmt.Sprintf("uid %d may act for himself only, not for uid %d", a.peer.UID, uid),
		contract.Fix, "run it as root or as a member of the admin group")
}
