// Package registration is the durable state machine that brings one user of this computer from "not registered" to
// "Jamf Pro knows" (docs/architecture.md).
//
// [New] makes the [Machine], [Machine.Run] drives every active registration, one goroutine each, and [Machine.Start],
// [Machine.Watch] and [Machine.Cancel] are what its callers ask for. What is promised:
//
//   - A transition is in the journal before its side effect: Company Portal is launched only by a registration that is
//     LAUNCHING_PORTAL in the journal, and the launch is idempotent by the registration's id. A crash at any point
//     leaves a registration that [Machine.Run] goes on with, and that never runs the portal twice.
//   - Every state but DELIVERING has a limit, and DELIVERING is the outbox's, so no registration hangs.
//   - Whatever ends, ends with a reason and, in the same transaction, with a report in the outbox, so that Jamf Pro
//     learns of failures too.
//   - A user has one active registration; starting another attaches to it.
//   - While the journal cannot be written, registrations hold where they are and go on once it can.
//
// A registration that is cancelled while it is DELIVERING ends as CANCELLED, and its report stays in the outbox: what
// was found on the computer stays true.
//
// What an agent says is a claim of its user. It is bounded before it is looked at, and reaches the journal only as the
// evidence of that user's own registration.
package registration
