// Package jamfpro is a client for the few calls of the Jamf Pro API that usher needs: it finds this computer's inventory
// record and writes extension attributes to it. [Client.SetExtensionAttributes] does all of that; [Client.FindComputer] is
// for those who only want to look.
//
// Facts about the API are from reference/jamfpro.md, which names Jamf's own specification as the source. What the client
// promises:
//
//   - Every error that came of a call is an [*APIError], which names the call, the answer, and the fix, and says with
//     [APIError.Permanent] whether trying again is of use. The table of that stands in classification.go.
//   - The client secret is read from its file each time a token is needed, and neither it nor a token nor a value that
//     was sent appears in an error or in the log, even if the server sends it back.
//   - One connection at most, none between deliveries: calls go one after another, and the HTTP client is made for a
//     delivery and dropped after it, so that an idle helper holds no TLS state.
//
// Nothing here retries over time; that is the outbox's job (helper/delivery).
package jamfpro
