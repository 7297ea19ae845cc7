// Package entra stands in for Entra's device registration service. Its certificate authority issues device certificates
// like the real one, with its issuer name, its extensions and their encoding [FL-S1].
//
// [NewCA] makes an authority, [CA.Issue] a certificate. It is for development and tests and never in a program that
// ships.
package entra
