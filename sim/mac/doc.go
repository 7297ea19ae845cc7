// Package mac is a whole Mac made of usher's real programs and the stand-ins of sim/: usherd, an agent in the session
// of each user, keyrings, Company Portal, the jamf binary and a Jamf Pro, each a process or server of its own, all in
// one directory and on loopback. The end-to-end tests and `make demo` play their stories on it.
//
// As root its users are real accounts with real uids and, where gnome-keyring is installed, real keyrings. Without root
// the one user is whoever runs it, and the keychain is backed by files (build tag simkeychain).
package mac
