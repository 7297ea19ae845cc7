//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// jamfScript is the jamf binary: its inventory asks for the extension attribute, and runs the policy that upgrades
// usher when that is due.
const jamfScript = `#!/bin/sh
set -eu
test "$1" = recon
/usr/libexec/usher/usherctl ea state > /var/lib/jamf-received
if [ -e /var/lib/jamf-upgrades-usher-to ]; then
	from=$(cat /var/lib/jamf-upgrades-usher-to)
	rm /var/lib/jamf-upgrades-usher-to
	code=0
	"$from/usherctl" install > /var/lib/jamf-upgrade.txt 2>&1 || code=$?
	echo "exit code $code" >> /var/lib/jamf-upgrade.txt
	mv /var/lib/jamf-upgrade.txt /var/lib/jamf-upgraded.txt
fi
`

const configuration = `tenant.id: ` + tenant + `
preflight.endpoints: []
identity.look_automatically: false
registration.identity_timeout: 10s
`

// before prepares the computer before usher: people, Company Portal and jamf.
func before(c *computer) {
	c.person("jane")
	c.person("john")
	portal, err := os.ReadFile(programs + "/companyportal")
	c.must(err)
	c.must(os.MkdirAll("/opt/companyportal", 0o755))
	c.must(os.WriteFile("/opt/companyportal/companyportal", portal, 0o755))
	c.must(os.MkdirAll("/usr/local/jamf/bin", 0o755))
	c.must(os.WriteFile("/usr/local/jamf/bin/jamf", []byte(jamfScript), 0o755))
	c.must(os.MkdirAll("/etc/usher", 0o755))
	c.must(os.WriteFile("/etc/usher/config.yaml", []byte(configuration), 0o644))
}

func dryRun(c *computer) {
	result := c.run(0, programs+"/v1/usherctl", "install", "--dry-run")
	c.want(strings.Contains(result.stdout, "would") && !strings.Contains(result.stdout, "done"),
		"the dry run printed:\n%s", result.stdout)
	for _, path := range []string{"/usr/libexec/usher", "/etc/systemd/system/usherd.service", "/usr/local/bin/usherctl",
		"/var/lib/usher"} {
		_, err := os.Lstat(path)
		c.want(os.IsNotExist(err), "the dry run has made %s: %v", path, err)
	}
	c.run(3, programs+"/v1/usherctl", "service", "status")
	c.run(3, programs+"/v1/usherctl", "start")
}

func install(c *computer) {
	first := c.run(0, programs+"/v1/usherctl", "install")
	c.note("%s", strings.ReplaceAll(strings.TrimSpace(first.stdout), "\n", "\n   "))
	helper := c.services()["usherd"]
	c.want(helper > 0, "usherd does not run")
	c.want(c.status().Helper.Version == "1.0.0", "usherd is of version %s", c.status().Helper.Version)
	again := c.run(0, programs+"/v1/usherctl", "install")
	for line := range strings.Lines(again.stdout) {
		c.want(strings.HasPrefix(line, "unchanged"), "installing again did something: %s", line)
	}
	c.want(c.services()["usherd"] == helper, "installing again gave usherd a new process")
	security := c.run(0, "systemd-analyze", "security", "--no-pager", "--threshold=40", "usherd.service")
	lines := strings.Split(strings.TrimSpace(security.stdout), "\n")
	c.note("systemd-analyze security: %s", lines[len(lines)-1])
	refused := c.asked("jane", "usherctl", "install")
	c.want(strings.Contains(refused, "needs root"), "jane was shown: %s", refused)

	// A user who may not read the configuration learns that; the message does not call it invalid, because usherd may
	// read it.
	c.must(os.Chmod("/etc/usher/config.yaml", 0o600))
	received := c.asked("jane", "usherctl", "status")
	c.want(strings.Contains(received, "you may not read the configuration") &&
		!strings.Contains(received, "last good one"),
		"jane was shown: %s", received)
	c.must(os.Chmod("/etc/usher/config.yaml", 0o644))
}

// asked is the output of a program that refuses a person.
func (c *computer) asked(name, program string, arguments ...string) string {
	p := c.person(name)
	result, err := run(c.ctx, "setpriv",
		append([]string{fmt.Sprintf("--reuid=%d", p.uid), fmt.Sprintf("--regid=%d", p.gid), "--clear-groups", program},
			arguments...)...)
	c.must(err)
	c.want(result.exitCode != 0, "%s was not refused", name)
	return result.stderr
}

func upgradeInTheMiddle(c *computer) {
	jane, _ := c.logIn("jane"), c.logIn("john")
	c.connected("1.0.0", "jane", "john")
	old := c.services()
	c.want(len(old) == 3, "the services are %v", old)
	c.usherctl(0, "register", "--user", "jane")
	c.comesTo("jane", "WAITING_FOR_SIGN_IN")
	portals := c.portalBegins(jane)
	c.want(len(portals) == 1, "%d portals were started", len(portals))

	upgrade := c.run(0, programs+"/v2/usherctl", "install")
	c.note("%s", strings.ReplaceAll(strings.TrimSpace(upgrade.stdout), "\n", "\n   "))
	now := c.services()
	for name, pid := range now {
		c.want(pid > 0 && pid != old[name], "%s is pid %d, and was %d before the upgrade", name, pid, old[name])
	}
	c.want(slices.Equal(slices.Sorted(maps.Keys(now)), slices.Sorted(maps.Keys(old))), "the services are %v", now)
	c.connected("2.0.0", "jane", "john")
	c.want(c.status().Helper.Version == "2.0.0", "usherd is of version %s", c.status().Helper.Version)
	c.want(syscall.Kill(portals[0], 0) == nil, "the upgrade has closed the portal in front of jane")
	c.want(c.registration("jane").State == "WAITING_FOR_SIGN_IN", "the registration is %s",
		c.registration("jane").State)

	c.signIn(jane)
	c.comesTo("jane", "SUCCEEDED")
	c.want(len(c.portals(jane)) == 1, "the portal was started %d times", len(c.portals(jane)))
	received, err := os.ReadFile("/var/lib/jamf-received")
	c.must(err)
	c.want(strings.Contains(string(received), "<result>"), "jamf has received %q", received)
}

func crash(c *computer) {
	old := c.services()
	c.must(syscall.Kill(old["usherd"], syscall.SIGKILL))
	c.eventually("usherd is back",
		func() bool { now := c.services()["usherd"]; return now > 0 && now != old["usherd"] })
	c.connected("2.0.0", "jane", "john")
	c.want(c.services()["usher-agent/jane"] == old["usher-agent/jane"], "the end of usherd has ended an agent")
	c.must(syscall.Kill(old["usher-agent/jane"], syscall.SIGKILL))
	c.eventually("the agent is back", func() bool {
		now := c.services()["usher-agent/jane"]
		return now > 0 && now != old["usher-agent/jane"]
	})
	c.connected("2.0.0", "jane")
}

func rebootInTheMiddle(c *computer) {
	john := c.person("john")
	c.usherctl(0, "register", "--user", "john")
	c.comesTo("john", "WAITING_FOR_SIGN_IN")
	portals := c.portalBegins(john)
	c.want(len(portals) == 1, "the portal was started %d times", len(portals))
	c.rebooting = true
}

func afterReboot(c *computer) {
	c.eventually("usherd serves after the start", func() bool { return c.services()["usherd"] > 0 })
	jane, john := c.logIn("jane"), c.logIn("john")
	c.connected("2.0.0", "jane", "john")
	// The portal ended with the computer before it left anything.
	ended := c.comesTo("john", "FAILED")
	c.note("the registration that the start broke off: %s", ended.FailureReason)
	c.want(ended.FailureReason == "FAILURE_REASON_PORTAL_OUTCOME_UNKNOWN", "it failed with %s", ended.FailureReason)
	c.want(len(c.portals(john)) == 1, "the portal was started %d times", len(c.portals(john)))
	c.want(len(c.portals(jane)) == 1, "jane's portal was started %d times", len(c.portals(jane)))
	c.usherctl(0, "register", "--user", "john")
	c.comesTo("john", "WAITING_FOR_SIGN_IN")
	c.signIn(john)
	c.comesTo("john", "SUCCEEDED")
}

func upgradeFromWithin(c *computer) {
	old := c.services()
	c.must(os.WriteFile("/var/lib/jamf-upgrades-usher-to", []byte(programs+"/v1"), 0o644))
	c.usherctl(0, "register", "--user", "jane") // registered already, so it reads and delivers
	c.eventually("the upgrade is through",
		func() bool { _, err := os.Stat("/var/lib/jamf-upgraded.txt"); return err == nil })
	text, err := os.ReadFile("/var/lib/jamf-upgraded.txt")
	c.must(err)
	c.note("%s", strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n   "))
	c.want(strings.HasSuffix(string(text), "exit code 0\n"), "the upgrade said: %s", text)
	c.want(c.status().Helper.Version == "1.0.0", "usherd is of version %s", c.status().Helper.Version)
	c.connected("1.0.0", "jane", "john")
	c.want(c.services()["usherd"] != old["usherd"], "usherd is the same process")
	c.comesTo("jane", "SUCCEEDED")
	c.must(os.Remove("/var/lib/jamf-upgraded.txt"))
}

func mixedVersions(c *computer) {
	mixed := "/var/tmp/mixed"
	c.must(os.MkdirAll(mixed, 0o755))
	for name, version := range map[string]string{"usherd": "v1", "usherctl": "v1", "usher-agent": "v2"} {
		c.run(0, "cp", filepath.Join(programs, version, name), filepath.Join(mixed, name))
	}
	old := c.services()
	c.usherctl(0, "install", "--from", mixed)
	c.want(c.services()["usherd"] == old["usherd"], "usherd has a new process although only the agent is new")
	c.want(c.status().Helper.Version == "1.0.0", "usherd is of version %s", c.status().Helper.Version)
	c.connected("2.0.0", "jane", "john")
	c.usherctl(0, "gather", "--user", "jane")
	c.must(os.RemoveAll(mixed))
}

// finish has an installation stop after the programs are in place, as on a computer that loses its power.
func finish(c *computer) {
	old := c.services()
	const definition = "/etc/systemd/user/usher-agent.service"
	// An obstacle for a step after the programs.
	c.must(os.Remove(definition))
	c.must(os.MkdirAll(definition+"/in the way", 0o755))
	c.run(20, programs+"/v2/usherctl", "install")
	c.want(c.services()["usherd"] == old["usherd"],
		"usherd was restarted by an installation that stopped before that step")
	c.must(os.RemoveAll(definition))
	c.run(0, programs+"/v2/usherctl", "install")
	c.want(c.services()["usherd"] != old["usherd"], "usherd still runs the earlier version")
	c.want(c.status().Helper.Version == "2.0.0", "usherd is of version %s", c.status().Helper.Version)
	c.connected("2.0.0", "jane", "john")
}

func lifecycle(c *computer) {
	c.usherctl(0, "stop")
	c.usherctl(3, "service", "status")
	for name, pid := range c.services() {
		c.want(pid == 0, "%s runs as pid %d after stop", name, pid)
	}
	c.usherctl(3, "status")
	c.usherctl(0, "stop")
	c.usherctl(0, "start")
	c.usherctl(0, "service", "status")
	c.connected("2.0.0", "jane", "john")
	old := c.services()
	c.usherctl(0, "restart")
	for name, pid := range c.services() {
		c.want(pid > 0 && pid != old[name], "%s is pid %d after restart, and was %d", name, pid, old[name])
	}
	c.connected("2.0.0", "jane", "john")
}

func uninstall(c *computer) {
	c.usherctl(0, "uninstall")
	for _, gone := range []string{"/usr/libexec/usher", "/usr/local/bin/usherctl", "/etc/systemd/system/usherd.service",
		"/etc/systemd/user/usher-agent.service"} {
		_, err := os.Lstat(gone)
		c.want(os.IsNotExist(err), "%s is there after uninstall: %v", gone, err)
	}
	processes, err := run(c.ctx, "pgrep", "-a", "usher")
	c.must(err)
	c.want(processes.exitCode == 1, "processes are left: %s", processes.stdout)
	c.run(0, programs+"/v2/usherctl", "uninstall") // nothing is left to do
	c.run(0, programs+"/v2/usherctl", "install")
	c.want(c.registration("jane").State == "SUCCEEDED", "the registrations are gone")
	c.connected("2.0.0", "jane", "john")
}

// purge leaves the computer in the state that the test compares with the earlier one: see TestLifeCycle.
func purge(c *computer) {
	dry := c.usherctl(0, "uninstall", "--purge", "--dry-run")
	c.want(strings.Contains(dry.stdout, "would      remove /var/lib/usher"), "the dry run does not name the state:\n%s",
		dry.stdout)
	purged := c.usherctl(0, "uninstall", "--purge")
	c.note("%s", strings.ReplaceAll(strings.TrimSpace(purged.stdout), "\n", "\n   "))
	_, err := os.Lstat("/run/usher")
	c.want(os.IsNotExist(err), "/run/usher is left: %v", err)
	failed := c.run(0, "systemctl", "--no-pager", "--plain", "--no-legend", "list-units", "--all", "usher*")
	c.want(strings.TrimSpace(failed.stdout) == "", "systemd still knows %s", failed.stdout)
}

// debian is the path of the Debian package for a version.
func debian(version string) string { return programs + "/debian/usher_" + version + "_amd64.deb" }

func debianPackage(c *computer) {
	c.must(os.MkdirAll("/etc/usher", 0o755))
	c.must(os.WriteFile("/etc/usher/config.yaml", []byte(configuration), 0o644))
	c.run(0, "dpkg", "--install", debian("3.0.0"))
	c.usherctl(0, "service", "status")
	c.connected("3.0.0", "jane", "john")
	jane := c.person("jane")
	runs := len(c.portals(jane))
	c.usherctl(0, "register", "--user", "jane")
	c.comesTo("jane", "SUCCEEDED") // registered since the earlier chapters
	c.want(len(c.portals(jane)) == runs, "the portal was launched again")

	upgraded := c.run(0, "dpkg", "--install", debian("4.0.0"))
	c.note("%s", strings.ReplaceAll(strings.TrimSpace(upgraded.stdout), "\n", "\n   "))
	c.connected("4.0.0", "jane", "john")
	c.want(c.status().Helper.Version == "4.0.0", "usherd is of version %s", c.status().Helper.Version)
	c.want(c.registration("jane").State == "SUCCEEDED", "the registrations are gone")
	for line := range strings.Lines(c.usherctl(0, "install").stdout) {
		c.want(strings.HasPrefix(line, "unchanged"), "installing over the package did something: %s", line)
	}
	c.run(0, "man", "--where", "usherctl")

	taken := c.usherctl(0, "uninstall")
	c.want(strings.Contains(taken.stdout, "apt-get purge usher"), "uninstall says %s", taken.stdout)
	c.usherctl(3, "service", "status")
	c.usherctl(0, "install")
	c.usherctl(0, "service", "status")
}

func debianPurge(c *computer) {
	c.run(0, "dpkg", "--remove", "usher")
	_, err := os.Stat("/var/lib/usher/journal.db")
	c.must(err)
	c.run(0, "dpkg", "--install", debian("4.0.0"))
	c.want(c.registration("jane").State == "SUCCEEDED", "the registrations are gone")
	c.usherctl(0, "uninstall", "--purge") // a package does not touch the homes
	c.run(0, "dpkg", "--purge", "usher")
	units := c.run(0, "systemctl", "--no-pager", "--plain", "--no-legend", "list-units", "--all", "usher*")
	c.want(strings.TrimSpace(units.stdout) == "", "systemd still knows %s", units.stdout)
}
