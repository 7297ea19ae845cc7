// Package contract stands at the boundary between usher's own types and the gRPC contracts in proto/usher/v1: it turns
// evidence and identities into messages and back, and carries stable error reasons in gRPC statuses.
//
// What comes from a message is a claim of whoever sent it: the conversions copy it and judge nothing.
package contract
