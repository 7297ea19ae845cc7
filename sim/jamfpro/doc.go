// Package jamfpro stands in for a Jamf Pro server, so that usher can be developed and tested without one. [New] makes a
// [Server], which is an [net/http.Handler]; cmd/jamfpro-sim serves one as a process.
//
// It answers the calls that usher makes under /api as Jamf's own specification has them [SPEC], and is stricter
// than the real one where being lenient would hide a mistake: an unknown key, a value of the wrong type or in the wrong
// section, a field that is read-only, are refused. The codes in its errors other than INVALID_ID, INVALID_TOKEN and
// INVALID_PRIVILEGE are its own.
//
// What the real one does not have is under /sim: POST /sim/inventory is what `jamf recon` of sim/jamf sends, in place
// of Jamf's closed protocol; the rest controls and inspects the stand-in (control.go). None of that asks who is
// calling, so it must only be served on loopback. [Fault] makes it misbehave on demand.
//
// It never stores or shows a client secret or a token other than to the client it belongs to.
package jamfpro
