// Package link is how usher's processes reach each other: gRPC over Unix sockets, with both ends proven by the kernel.
//
// [Listen] and [Dial] are the plain link to helper.sock. [ServeAgents] and [ServeReversed] are the reversed link of
// agent.sock: the agent dials, and from then on the helper is the gRPC client and the agent the gRPC server on that
// same connection.
//
// The guarantee: [PeerFromContext] tells who is at the other end as the kernel recorded it when the connection was
// made, and holds on to that very process, so that a recycled process id cannot take its place. What it leaves to the
// caller: to decide what that peer may do. Two things the kernel does not tell: whether a process has handed its end of
// the connection to another, and what code runs inside the peer (its user may have loaded more into it).
package link
