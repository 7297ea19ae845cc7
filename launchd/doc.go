// Package launchd installs usher on a computer and removes it. It has the definitions of its services for launchd and
// systemd, and the steps of installing, upgrading, starting, stopping and uninstalling.
//
// [layout.Layout] says where everything is on a platform. The definitions are rendered from it, and the packages are
// built from it. An [Installer] changes only files that differ from it. Each operation is a list of steps that first
// check whether there is something to do. So an operation can be shown without being done, and doing it twice changes
// nothing. Running it again finishes an operation that was interrupted.
//
// github.com/kardianos/service installs the helper's definition. It does not support agents and launchd's domains. For
// those, this package has thin wrappers around launchctl(1) and systemctl(1). The caller of an [Installer] must be
// root, except for [Installer.Status].
//
// Nobody has run the macOS half on a Mac yet. A stand-in for launchctl (sim/launchctl) tests the same code, and a real
// systemd tests the Linux half.
package launchd
