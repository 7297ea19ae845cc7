// Package handlers answers the calls that the gate lets through, with one type for each service of helper.sock.
//
// [Register] builds them from the parts of usherd. Each handler has only the things that it needs, behind small
// interfaces that are declared beside it. It gets its caller from the gate, and asks what the caller may do. It returns
// the errors of its collaborators unchanged: the gate converts them to gRPC statuses with [Translate].
package handlers
