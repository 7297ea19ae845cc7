// Package jamfpro is a client for the few calls of the Jamf Pro API that usher needs. It finds this computer's
// inventory record, writes extension attributes to it, and reads its compliance. Most callers use
// [Client.SetExtensionAttributes] and [Client.Compliance]; [Client.FindComputer] only looks. [Setup] is for admins: it
// keeps the secret of the API client, checks its privileges, and creates the extension attributes.
// Facts about the API are from Jamf's own specification [SPEC]. What the client promises:
//
//   - Every error of a call is an [*APIError]. It names the call, the answer and the fix. [APIError.Permanent] says
//     whether
//     trying again can help. Its table is in classification.go.
//   - The client secret is read from its file each time a token is needed. Secrets, tokens and sent values never appear
//     in an error or in the log, even if the server sends them back. Neither does a UDID or an Entra id.
//   - A token is dropped as soon as the file of the secret is replaced or removed.
//   - At most one connection is open, and none between deliveries. Calls run one after another. Each delivery creates
//     an
//     HTTP client and drops it, so that an idle helper holds no TLS state.
//
// Nothing here retries over time; the outbox does that (helper/delivery).
package jamfpro
