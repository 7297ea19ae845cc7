// Package server is the helper's side of helper.sock: the gRPC services that usherctl and the agents call.
//
// [New] composes it: every call passes the same interceptors, which learn who is calling from the kernel
// (internal/link), look the method up in the one authorisation table (authorization.go), and hold the caller to his
// limits (limits.go). Handlers take their collaborators as the small interfaces declared beside them, and errors become
// gRPC statuses in one table (errors.go). Whether the caller may act for the user that a request is about is asked of
// [Actor.MayActFor]; a handler of an owner's method that does not ask is refused by the interceptor.
package server
