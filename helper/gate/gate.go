// Package gate is the way into usherd by helper.sock: it decides on every call before a handler runs.
//
// [New] returns a gRPC server whose interceptors learn from the kernel who is calling (internal/link), look the method
// up in the one authorisation table (authorization.go), and hold the caller to limits (limits.go). A handler gets the
// caller from [ActorFrom], and asks [Actor.MayActFor] whether the caller may act for the user that a request is about.
// An owner's method whose handler does not ask is refused. Errors become gRPC statuses here and nowhere else. When the
// server drains, the gate ends the streams.
package gate
