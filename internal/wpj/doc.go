// Package wpj holds what is known of Microsoft's Workplace Join (WPJ): the names of its keychain items, its device
// certificate, Company Portal's exit codes, and the one state that the evidence of a user's identity comes to.
//
// [ParseCertificate] reads a device certificate, [Evaluate] merges the evidence of the identity sources to an
// [Identity] with exactly one [State], and [ExitCode] names what `Company Portal -r` ended with. Everything here is
// pure: no file, keychain or network is touched.
//
// Tags such as [FL-S1] in comments name the sources that docs/sources.md resolves.
package wpj
