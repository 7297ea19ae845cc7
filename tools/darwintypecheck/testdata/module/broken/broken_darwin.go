package broken

import "C"

import "example.test/keychain"

// Use calls what is not there, and gives one argument too many.
func Use() error { keychain.Close(); return keychain.Open(1) }
