// Package delivery is the outbox through which the results of registrations reach Jamf Pro.
//
// [Outbox.Enqueue] puts a [Report] into the journal within the caller's transaction, and [Outbox.Run] brings it to Jamf
// Pro with the configured [Deliverer]: [Recon] has `jamf recon` take inventory, [API] updates the computer's extension
// attributes. Both say how all of this Mac stands then, so that each delivery includes all reports before it. What is
// promised:
//
//   - At least once: a report is tried until it was delivered or superseded; one that Jamf Pro refused is tried once a
//     day, and when what it was refused for may have changed. A crash between an attempt and its record means that the
//     attempt is made again, so deliverers are idempotent.
//   - In order: Jamf Pro has one record of this computer, so the deliveries of all users are one line. One is under way
//     at a time, the oldest that is pending, and those behind it wait while it backs off; when it is delivered, those
//     that waited when the attempt began are delivered with it. A newer report makes those before it due at once. It
//     takes the place of an undelivered one of its own user, and of no other's.
//   - Nothing is sent after something newer: what Jamf Pro refused keeps nobody waiting, and is superseded once a newer
//     report of another user was delivered, so that it cannot be flushed after that. A report that was tried 20 times
//     in vain, and was not refused, gives way: it is tried again before each attempt of those behind it, and is
//     superseded like one that was refused when one of them is delivered. No user's report keeps those of others
//     waiting for ever.
//   - Of each user so many deliveries are kept, and so many unpublished reports: see package quota.
//   - The fleet is told of every report, whatever becomes of it here: see [Outbox.Unpublished].
//   - Attempts, the time of the next one, and the last error are in the journal and outlive a restart. A clock that is
//     set back puts off nothing that is due by more than the longest pause there can be.
//   - Each transition, and what follows from it for the others in the line, is one transaction. A crash after Jamf Pro
//     took a report, and before that is in the journal, sends it again. One that was refused and flushed in that very
//     moment is then sent before it, as if it had come first; what remains in Jamf Pro is the newest.
//
// Nothing is polled: between attempts the worker sleeps until the next is due or something wakes it.
package delivery
