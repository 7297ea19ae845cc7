package wpj

import "crypto/sha256"

// challengePrefix makes a signature useless for any other purpose.
const challengePrefix = "usher proof of possession\x00"

// Challenge returns the SHA-256 that the device key signs to prove its possession, for a nonce of the helper's.
func Challenge(nonce []byte) []byte {
	sum := sha256.Sum256(append([]byte(challengePrefix), nonce...))
	return sum[:]
}
