package command

import "time"

// The list of what usher runs. Nothing else is ever run, but for ssh ([SSH]) and usherctl itself, and nothing that an
// agent or a server says becomes part of it. A path that the configuration sets takes the place of the one here with
// [Command.At].
var (
	// Portal is Company Portal in registration mode, and Recon an inventory by Jamf. Their paths are the
	// configuration's.
	Portal = Command{Arguments: []string{"-r"}}
	Recon  = Command{Arguments: []string{"recon"}}
	// AppSSO tells the state of Platform SSO [FL-GO].
	AppSSO = Command{Path: "/usr/bin/app-sso", Arguments: []string{"platform", "-s"}, Deadline: 10 * time.Second,
		OutputLimit: 1 << 20}
	// Dscl reads a user's record in the directory; its arguments are helper/directory's.
	Dscl = Command{Path: "/usr/bin/dscl", Deadline: 10 * time.Second, OutputLimit: 64 << 10}
	// GetPSSOStatus asks Microsoft's single sign-on through Jamf's own program, not its alias [BW#6, SK-PSSO]. The path
	// of this one and of GatherAADInfo is the configuration's.
	GetPSSOStatus = Command{Arguments: []string{"getPSSOStatus"}, Deadline: 20 * time.Second,
		OutputLimit: 64 << 10}
	// GatherAADInfo has Jamf acquire the identity. It may ask the user to sign in, hence its patience [MB-AAD].
	GatherAADInfo = Command{Arguments: []string{"gatherAADInfo"}, Deadline: 10 * time.Minute}
	// ActivatePortal has macOS bring Company Portal to the front. Without -n, open(1) starts no second instance of a
	// program that runs [OPEN].
	ActivatePortal = Command{Path: "/usr/bin/open", Arguments: []string{"-b", "com.microsoft.CompanyPortalMac"},
		Deadline: 10 * time.Second}
	// Security reads the macOS keychain where Keychain Services cannot be linked; its arguments are
	// useragent/keychain's.
	Security = Command{Path: "/usr/bin/security", Deadline: 10 * time.Second, OutputLimit: 16 << 20}
	// IORegistry tells the hardware UUID and the serial number.
	IORegistry = Command{Path: "/usr/sbin/ioreg", Arguments: []string{"-rd1", "-c", "IOPlatformExpertDevice"},
		Deadline: 10 * time.Second, OutputLimit: 1 << 20}
	// Launchctl and Systemctl are the service managers; usherctl runs them, as root, to install and remove the
	// services.
	Launchctl = Command{Path: "/bin/launchctl", Deadline: 40 * time.Second, OutputLimit: 1 << 20}
	Systemctl = Command{Path: "/usr/bin/systemctl", Arguments: []string{"--no-pager", "--no-ask-password"},
		Deadline: 40 * time.Second, OutputLimit: 1 << 20}
	// SystemdRun waits for the end of a service that outlives its caller; its arguments are launchd's.
	SystemdRun = Command{Path: "/usr/bin/systemd-run", Deadline: time.Hour,
		Arguments: []string{"--quiet", "--collect", "--wait", "--no-ask-password"}}
	// PackageUtility forgets the receipt of the macOS package.
	PackageUtility = Command{Path: "/usr/sbin/pkgutil", Deadline: 30 * time.Second, OutputLimit: 64 << 10}
	// Getent and ID ask the Name Service Switch of Linux, and with it each directory service that the computer is bound
	// to: for an entry, and for the groups that a login gives to a user.
	Getent = Command{Path: "/usr/bin/getent", Deadline: 10 * time.Second, OutputLimit: 16 << 20}
	ID     = Command{Path: "/usr/bin/id", Arguments: []string{"-G"}, Deadline: 10 * time.Second, OutputLimit: 1 << 20}
	// Profiles shows the profiles that are installed, all of them to root only [MSCP].
	Profiles = Command{Path: "/usr/bin/profiles", Arguments: []string{"show", "-output", "stdout-xml"},
		Deadline: 15 * time.Second, OutputLimit: 16 << 20}
	// CodeSign tells who signed a program.
	CodeSign = Command{Path: "/usr/bin/codesign", Deadline: 30 * time.Second, OutputLimit: 64 << 10}
)
