// Package wpj holds usher's knowledge of Microsoft's Workplace Join (WPJ): the names of its keychain items, its device
// certificate, and Company Portal's exit codes. It derives one state from the evidence of a user's identity.
//
// [ParseCertificate] reads a device certificate. [Evaluate] merges the evidence of the identity sources to an
// [Identity] with exactly one [State]. [ExitCode] names the exit codes of `Company Portal -r`. Everything here is pure:
// it touches no file, keychain or network.
//
// Tags such as [FL-S1] in comments name the sources that docs/sources.md resolves.
package wpj
