package keychain
