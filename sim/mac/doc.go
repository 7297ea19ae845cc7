// Package mac is a whole Mac of usher's real programs and the stand-ins of sim/. It has usherd, an agent in the session
// of each user, keyrings, Company Portal, the jamf binary and a Jamf Pro. Each is a process or server of its own, all
// in one directory and on loopback. The end-to-end tests and `make demo` play their stories on it.
//
// As root its users are real accounts with real uids and, where gnome-keyring is installed, real keyrings. Without root
// the only user is the one who runs it, and files back the keychain (build tag simkeychain).
package mac
