package wpj

import "crypto/sha256"

// challengePrefix keeps a signature from being of use for anything else.
const challengePrefix = "usher proof of possession\x00"

// Challenge returns the SHA-256 that is signed with the device key to prove its possession, for a nonce of the
// helper's.
func Challenge(nonce []byte) []byte {
	sum := sha256.Sum256(append([]byte(challengePrefix), nonce...))
	return sum[:]
}
