// Package contract converts between usher's own types and the gRPC contracts in proto/usher/v1. It turns evidence and
// identities into messages and back, and puts stable error reasons into gRPC statuses.
//
// The content of a message is a claim of its sender: the conversions copy it and judge nothing.
package contract
