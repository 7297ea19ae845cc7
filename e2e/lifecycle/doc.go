// Package lifecycle plays the life of usher on a computer with a real init system: this machine's own systemd, booted
// as process 1 in namespaces of its own over an overlay of the root file system, which is not touched. usher is
// installed there by usherctl, users log in and register, usher is upgraded, crashes, the computer starts anew, and in
// the end a comparison of the file system shows that nothing was left.
//
// The test boots the computer and reads what the story (e2e/lifecycle/story) found inside. It needs root, and
// systemd-nspawn, which `make test` installs.
package lifecycle
