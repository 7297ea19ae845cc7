// Package link is how usher's processes reach each other: gRPC over Unix sockets, with both ends proven by the kernel.
//
// [Listen] and [Dial] are the plain link to helper.sock. [ServeAgents] and [ServeReversed] are the reversed link of
// agent.sock: the agent dials. From then on the helper is the gRPC client and the agent the gRPC server on that same
// connection.
//
// The guarantee: [PeerFromContext] returns the process at the other end as the kernel recorded it when the connection
// was made. It holds on to that very process, so that a recycled process id cannot take its place. What it leaves to
// the caller: to decide what that peer may do. The kernel does not report two things. A process may have handed its end
// of the connection to another, and its user may have loaded other code into it.
package link
