// Package launchd puts usher on a computer and takes it away again: the definitions of its services for launchd and
// systemd, and the steps of installing, upgrading, starting, stopping and uninstalling.
//
// [layout.Layout] says where everything is on a platform: the definitions are rendered from it, the packages are built
// from it, and an [Installer] puts in place what differs from it. Each operation is a list of steps that look first
// whether there is something to do. So an operation can be shown without being done, doing it twice changes nothing,
// and one that broke off half-way is finished by running it again.
//
// The helper's definition is put in place by github.com/kardianos/service. What that library does not have, the agents
// and launchd's domains, goes through the thin wrappers around launchctl(1) and systemctl(1) in this package. Who calls
// an [Installer] must be root, but for [Installer.Status].
//
// Nothing of the macOS half was run on a Mac yet. It is held by running the same code against a stand-in of launchctl
// (sim/launchctl), and the Linux half by a real systemd.
package launchd
