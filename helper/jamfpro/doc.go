// Package jamfpro is a client for the few calls of the Jamf Pro API that usher needs: it finds this computer's
// inventory record, writes extension attributes to it, and reads what Jamf Pro says of its compliance.
// [Client.SetExtensionAttributes] and [Client.Compliance] do that; [Client.FindComputer] is for those who only want to
// look. [Setup] is for admins: it keeps the secret of the API client, checks its privileges, and creates the extension
// attributes.
//
// Facts about the API are from Jamf's own specification [SPEC]. What the
// client promises:
//
//   - Every error that came of a call is an [*APIError], which names the call, the answer, and the fix, and says with
//     [APIError.Permanent] whether trying again is of use. The table of that stands in classification.go.
//   - The client secret is read from its file each time a token is needed, and neither it nor a token nor a value that
//     was sent appears in an error or in the log, even if the server sends it back. Neither does a UDID or an Entra id.
//   - A token is dropped as soon as the file of the secret is replaced or removed.
//   - One connection at most, none between deliveries: calls go one after another, and the HTTP client is made for a
//     delivery and dropped after it, so that an idle helper holds no TLS state.
//
// Nothing here retries over time; that is the outbox's job (helper/delivery).
package jamfpro
