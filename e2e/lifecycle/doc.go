// Package lifecycle plays the life of usher on a computer with a real init system: this machine's own systemd, booted
// as process 1 in separate namespaces. It runs over an overlay of the root file system, which is not changed. usherctl
// installs usher there, users log in and register, usher is upgraded and crashes, and the computer reboots. In the end
// a comparison of the file system shows that nothing is left.
//
// The test boots the computer and reads the results of the story (e2e/lifecycle/story) inside. It needs root, and
// systemd-nspawn, which `make test` installs.
package lifecycle
