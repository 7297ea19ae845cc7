// Package entra stands in for Entra's device registration service: a certificate authority that issues device
// certificates as the real one does, with its issuer name, its extensions and their encoding [FL-S1].
//
// [NewCA] makes an authority, [CA.Issue] a certificate. It is for development and tests and never in a program that
// ships.
package entra
