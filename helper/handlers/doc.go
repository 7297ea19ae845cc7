// Package handlers answers the calls that the gate lets through: one type for each service of helper.sock.
//
// [Register] makes them from the parts of usherd. Each handler has the few things that it needs, behind the small
// interfaces that are declared beside it. It gets its caller from the gate, and asks what the caller may do. It returns
// the errors of its collaborators as they are: the gate makes gRPC statuses of them, by [Translate].
package handlers
