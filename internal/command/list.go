package command

import "time"

// The list of programs that usher runs. It runs nothing else except ssh ([SSH]) and usherctl itself. Nothing that an
// agent or a server sends becomes part of a command. [Command.At] replaces a path with the one in the configuration.
var (
	// Portal is Company Portal in registration mode, and Recon is an inventory by Jamf. Their paths come from the
	// configuration.
	Portal = Command{Arguments: []string{"-r"}}
	Recon  = Command{Arguments: []string{"recon"}}
	// AppSSO prints the state of Platform SSO [FL-GO].
	AppSSO = Command{Path: "/usr/bin/app-sso", Arguments: []string{"platform", "-s"}, Deadline: 10 * time.Second,
		OutputLimit: 1 << 20}
	// Dscl reads a user's record in the directory. helper/directory adds the arguments.
	Dscl = Command{Path: "/usr/bin/dscl", Deadline: 10 * time.Second, OutputLimit: 64 << 10}
	// GetPSSOStatus asks Microsoft's single sign-on through Jamf's own program, not its alias [BW#6, SK-PSSO]. Its path
	// and that of GatherAADInfo come from the configuration.
	GetPSSOStatus = Command{Arguments: []string{"getPSSOStatus"}, Deadline: 20 * time.Second,
		OutputLimit: 64 << 10}
	// GatherAADInfo has Jamf acquire the identity. It may ask the user to sign in, so its deadline is long [MB-AAD].
	GatherAADInfo = Command{Arguments: []string{"gatherAADInfo"}, Deadline: 10 * time.Minute}
	// ActivatePortal has macOS bring Company Portal to the front. Without -n, open(1) starts no second instance of a
	// running program [OPEN].
	ActivatePortal = Command{Path: "/usr/bin/open", Arguments: []string{"-b", "com.microsoft.CompanyPortalMac"},
		Deadline: 10 * time.Second}
	// Security reads the macOS keychain if Keychain Services cannot be linked. useragent/keychain adds the arguments.
	Security = Command{Path: "/usr/bin/security", Deadline: 10 * time.Second, OutputLimit: 16 << 20}
	// IORegistry prints the hardware UUID and the serial number.
	IORegistry = Command{Path: "/usr/sbin/ioreg", Arguments: []string{"-rd1", "-c", "IOPlatformExpertDevice"},
		Deadline: 10 * time.Second, OutputLimit: 1 << 20}
	// Launchctl and Systemctl are the service managers. usherctl runs them, as root, to install and remove the
	// services.
	Launchctl = Command{Path: "/bin/launchctl", Deadline: 40 * time.Second, OutputLimit: 1 << 20}
	Systemctl = Command{Path: "/usr/bin/systemctl", Arguments: []string{"--no-pager", "--no-ask-password"},
		Deadline: 40 * time.Second, OutputLimit: 1 << 20}
	// SystemdRun waits for the end of a service that outlives its caller. launchd adds the arguments.
	SystemdRun = Command{Path: "/usr/bin/systemd-run", Deadline: time.Hour,
		Arguments: []string{"--quiet", "--collect", "--wait", "--no-ask-password"}}
	// PackageUtility forgets the receipt of the macOS package.
	PackageUtility = Command{Path: "/usr/sbin/pkgutil", Deadline: 30 * time.Second, OutputLimit: 64 << 10}
	// Getent and ID ask the Name Service Switch of Linux, and so each directory service that the computer is bound to.
	// Getent returns an entry; ID returns the groups that a login gives to a user.
	Getent = Command{Path: "/usr/bin/getent", Deadline: 10 * time.Second, OutputLimit: 16 << 20}
	ID     = Command{Path: "/usr/bin/id", Arguments: []string{"-G"}, Deadline: 10 * time.Second, OutputLimit: 1 << 20}
	// Profiles lists the installed profiles. Only root sees all of them [MSCP].
	Profiles = Command{Path: "/usr/bin/profiles", Arguments: []string{"show", "-output", "stdout-xml"},
		Deadline: 15 * time.Second, OutputLimit: 16 << 20}
	// CodeSign prints who signed a program.
	CodeSign = Command{Path: "/usr/bin/codesign", Deadline: 30 * time.Second, OutputLimit: 64 << 10}
)
