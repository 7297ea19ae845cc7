// Package jamfpro stands in for a Jamf Pro server, for developing and testing usher without one. [New] makes a
// [Server], which is an [net/http.Handler]; cmd/jamfpro-sim serves one as a process.
//
// It answers usher's calls under /api as in Jamf's own specification [SPEC]. It is stricter than the real one where
// leniency would hide a mistake. It refuses an unknown key, a value of the wrong type or in the wrong section, and a
// read-only field. The codes in its errors other than INVALID_ID, INVALID_TOKEN and INVALID_PRIVILEGE are its own.
//
// Calls that the real one does not have are under /sim. POST /sim/inventory comes from `jamf recon` of sim/jamf, in
// place of Jamf's closed protocol; the rest controls and inspects the stand-in (control.go). These calls need no
// authentication, so the server may only listen on loopback. [Fault] makes it misbehave on demand.
//
// It stores no client secret or token, and shows one only to its own client.
package jamfpro
