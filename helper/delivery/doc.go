// Package delivery is the outbox through which the results of registrations reach Jamf Pro.
//
// [Outbox.Enqueue] puts a [Report] into the journal within the caller's transaction, and [Outbox.Run] brings it to Jamf Pro
// with the configured [Deliverer]: [Recon] has `jamf recon` take inventory, [API] updates the computer's extension
// attributes. What is promised:
//
//   - At least once: a report is tried until it was delivered, refused for good, or superseded. A crash between an
//     attempt and its record means that the attempt is made again, so deliverers are idempotent.
//   - In order: one delivery is under way at a time, and of those that are due the oldest. A newer report of a user
//     supersedes the older ones that have not been delivered. Jamf Pro has one record of this computer, so what was
//     delivered supersedes older reports of other users too. They stay in the history.
//   - The fleet is told of every report, whatever becomes of it here: see [Outbox.Unpublished].
//   - Attempts, the time of the next one, and the last error are in the journal and outlive a restart.
//
// Nothing is polled: between attempts the worker sleeps until the next is due or something wakes it.
package delivery
