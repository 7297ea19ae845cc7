// Package delivery is the outbox through which the results of registrations reach Jamf Pro.
//
// [Outbox.Enqueue] puts a [Report] into the journal within the caller's transaction. [Outbox.Run] brings it to Jamf Pro
// with the configured [Deliverer]: [Recon] has `jamf recon` take inventory, [API] updates the computer's extension
// attributes. Both describe the whole Mac at that time, so each delivery includes all reports before it. The package
// guarantees:
//
//   - At least once: a report is tried until it is delivered or superseded. One that Jamf Pro refused is tried once a
//     day, and when the cause of the refusal may have changed. After a crash between an attempt and its record, the
//     attempt is made again, so deliverers are idempotent.
//   - In order: Jamf Pro has one record of this computer, so the deliveries of all users are one line. Only the oldest
//     pending one is under way, and those behind it wait while it backs off. When it is delivered, those that already
//     waited when the attempt began are delivered with it. A newer report makes those before it due at once. It
//     replaces an undelivered one of its own user, and of no other.
//   - Nothing is sent after something newer. A refused report blocks no other. It is superseded once a newer report of
//     another user was delivered, so that it cannot be flushed after that. A report that was tried 20 times without
//     success or refusal gives way. It is tried again before each attempt of those behind it, and is superseded like a
//     refused one when one of them is delivered. So no user's report blocks those of others for ever.
//   - The number of deliveries and of unpublished reports is limited for each user: see package quota.
//   - The fleet gets every report, whatever its result here: see [Outbox.Unpublished].
//   - Attempts, the time of the next one, and the last error are in the journal and outlive a restart. A clock that is
//     set back delays nothing by more than the longest possible pause.
//   - Each transition, with its consequences for the rest of the line, is one transaction. A crash after Jamf Pro took
//     a report, and before that is in the journal, sends it again. If one was refused and flushed in that moment, it is
//     then sent before the other, as if it had come first. Jamf Pro keeps the newest.
//
// Nothing is polled: between attempts the worker sleeps until the next is due or something wakes it.
package delivery
