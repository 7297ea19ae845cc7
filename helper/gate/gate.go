// Package gate is the entrance to usherd on helper.sock: it decides on every call before a handler runs.
//
// [New] returns a gRPC server with interceptors. They learn the caller from the kernel (internal/link), look up the
// method in the only authorisation table (authorization.go), and apply limits to the caller (limits.go). A handler gets
// the caller from [ActorFrom]. It asks [Actor.MayActFor] whether the caller may act for the user of the request. An
// owner's method whose handler does not ask is refused. Errors become gRPC statuses here and nowhere else. When the
// server drains, the gate ends the streams.
package gate
