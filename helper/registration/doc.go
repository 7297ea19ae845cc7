// Package registration is the durable state machine that brings one user of this computer from "not registered" to
// "Jamf Pro knows" (docs/architecture.md).
//
// [New] makes the [Machine]. [Machine.Run] drives every active registration, in one goroutine each. Callers use
// [Machine.Start], [Machine.Watch] and [Machine.Cancel]. The package guarantees:
//
//   - A transition is in the journal before its side effect. Only a registration that is LAUNCHING_PORTAL in the
//     journal launches Company Portal, and the launch is idempotent by the registration's id. After a crash at any
//     point, [Machine.Run] continues the registration and never runs the portal twice.
//   - Every state but DELIVERING has a limit, and the outbox owns DELIVERING, so no registration hangs.
//   - Each registration ends with a reason and, in the same transaction, with a report in the outbox, so that Jamf Pro
//     learns of failures too.
//   - A user has one active registration; starting another attaches to it.
//   - While the journal cannot be written, registrations keep their state. They continue once it can be written.
//
// A registration that is cancelled while it is DELIVERING ends as CANCELLED. Its report stays in the outbox, since the
// identity that was found on the computer is still true.
//
// An agent's answer is a claim of its user. It is bounded before it is read, and reaches the journal only as evidence
// of that user's own registration.
package registration
