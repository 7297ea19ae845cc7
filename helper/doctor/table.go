package doctor

import (
	"time"

	"usher.internal/helper/endpoint"
	"usher.internal/helper/registration"
	"usher.internal/internal/config"
	"usher.internal/internal/trust"
	"usher.internal/internal/wpj"
)

// downloadPortal is Microsoft's own link to the newest package [FL-DOC].
const downloadPortal = "https://go.microsoft.com/fwlink/?linkid=853070"

// Commands in fixes: one gives usherd the API client's secret, the others gather and register again.
var (
	credentialsSet = config.Sudo("jamf credentials set")
	gather         = config.Sudo("gather --user NAME")
	register       = config.Sudo("register --user NAME")
)

// Time limits for looks that ask others.
const (
	endpointsWithin    = endpoint.ConnectTimeout + time.Second
	certificatesWithin = endpoint.ConnectTimeout + endpoint.HandshakeTimeout + endpoint.SecondLookTimeout + time.Second
	clockWithin        = 15 * time.Second
	sessionsWithin     = 20 * time.Second
	signatureWithin    = 30 * time.Second
	profilesWithin     = 20 * time.Second
	jamfProWithin      = 45 * time.Second
	keychainsWithin    = 10 * time.Second
)

// table returns every check, in the order in which they are shown. It is built for each examination, which began at
// that time: some rows share the answers to their questions.
func (c *Checks) table(caller Caller, begun time.Time) []check {
	config := c.config
	portal := portal{program{"Company Portal", config.PortalExecutable, trust.Portal}, config.PortalMinimumVersion,
		config.CodeSign}
	agent := program{"usher-agent", config.AgentExecutable, trust.Agent}
	users := users{config.Sessions, config.AtConsole, config.Kept, caller.sees}
	keychains := keychains{users, config.RenamedKeychains}
	jamfPro := jamfPro{config.JamfPro, c.shared, begun}
	endpoints := endpoints{config.Endpoints,
		endpoint.Prober{Dial: config.Dial, Proxies: config.Proxies, Roots: config.Roots}}
	return []check{
		{
			name: "company-portal-installed", title: "Company Portal is installed",
			looksAt: "portal.executable is a program that can be executed.",
			fix:     "Install Company Portal (" + downloadPortal + ") or correct portal.executable.",
			seenBy:  everyone,
			reason:  registration.ReasonPortalMissing, look: one(portal.installed),
		},
		{
			name: "company-portal-protected", title: "Company Portal is protected from change",
			looksAt: "Only root and, on macOS, members of the group admin can write to portal.executable and to the " +
				"directories that lead to it, also through links. Access control lists are not checked.",
			fix: "Install Company Portal again (" + downloadPortal +
				") or correct portal.executable. If it is known to be unchanged, `sudo /bin/chmod go-w FILE` removes " +
				"the right of others to write.",
			seenBy: everyone,
			reason: registration.ReasonPortalNotTrusted, look: one(portal.protected),
		},
		{
			name: "company-portal-version", title: "Company Portal is new enough",
			looksAt: "CFBundleShortVersionString in Company Portal's bundle is at least portal.minimum_version.",
			fix:     "Update Company Portal (" + downloadPortal + ") or lower portal.minimum_version.",
			seenBy:  everyone,
			reason:  registration.ReasonPortalTooOld, look: one(portal.newEnough),
		},
		{
			name: "company-portal-signature", title: "Company Portal is signed by Microsoft",
			looksAt: "`codesign --verify --strict` accepts Company Portal as signed by Microsoft (Team ID " +
				wpj.MicrosoftTeam + "). macOS only.",
			fix: "Remove Company Portal and install it again (" + downloadPortal +
				"), or correct portal.executable.",
			seenBy: everyone,
			reason: registration.ReasonPortalNotTrusted, within: signatureWithin, look: one(portal.signed),
		},
		{
			name: "agent-installed", title: "usher-agent is installed and protected from change",
			looksAt: "agent.executable is a program that can be executed. Only root can write to it, to the " +
				"directories that lead to it and to those of each symbolic link on the way.",
			fix:    "Install usher again, or correct agent.executable.",
			seenBy: everyone,
			look:   one(agent.sound),
		},
		{
			name: "agent-connected", title: "usher-agent is connected",
			looksAt: "The usher-agent of each logged-in user is connected to usherd. Of the users without a " +
				"connected agent, usher sees only the one on the console.",
			fix: "Log in; the agent starts at login. If somebody is logged in, have launchd (macOS) or systemd " +
				"start usher-agent for them, and check its log.",
			seenBy: themselves,
			look:   users.connected,
		},
		{
			name: "session-checks", title: "usher-agent can look into the user's session",
			looksAt: "Checks of each user's usher-agent about the session, named `session-…`. The most important one " +
				"is whether the keychain can be read, unless Platform SSO or the Secure Enclave holds the identity. " +
				"Each is a claim of that user.",
			fix:    "Have the user log out and in again.",
			seenBy: themselves,
			within: sessionsWithin, look: users.examined,
		},
		{
			name: "login-keychain-renamed", title: "macOS has not renamed a login keychain",
			looksAt: "No user who is logged in or known to usher has a file `login_renamed_N.keychain-db` in " +
				"`~/Library/Keychains`. macOS renames a login keychain that it cannot open, and creates a new one. " +
				"An identity in the old one is lost.",
			fix: "Have the user register again if `usherctl status` says that they have no identity. Keep the " +
				"file until it is certain that the user misses nothing, then remove it.",
			seenBy: themselves,
			within: keychainsWithin, look: keychains.renamed,
		},
		{
			name: "jamf-binary", title: "jamf is installed and protected from change",
			looksAt: "jamf.executable is a program that can be executed. Only root can write to it, to the " +
				"directories that lead to it and to those of each symbolic link on the way. It fails if results are " +
				"delivered by recon; otherwise it is a warning.",
			fix:    "Enrol this computer in Jamf Pro again, or set jamf.executable to " + trust.JamfProgram + ".",
			seenBy: admins,
			look:   one(jamfBinary{program{"jamf", config.JamfExecutable, trust.Jamf}, config.JamfPro == nil}.sound),
		},
		{
			name: "conditional-access-enabled", title: "Conditional Access is enabled in Jamf",
			looksAt: "microsoftCAEnabled is true in preflight.jamf_preferences; otherwise the registration would end " +
				"after Company Portal closes.",
			fix: "Put the computer into the group of Jamf Pro's Conditional Access or device compliance, then run " +
				"`sudo /usr/local/jamf/bin/jamf manage` on it. To register all the same, set " +
				"preflight.jamf_preferences to none. A Mac that Conditional Access accepts by Jamf's Attested Device " +
				"Compliance needs no registration.",
			seenBy: everyone,
			reason: registration.ReasonConditionalAccessDisabled,
			look:   one(jamfPreferences{config.JamfPreferences}.conditionalAccessEnabled),
		},
		{
			name: "attested-device-compliance", title: "Attested Device Compliance is not in use",
			looksAt: "No profile sends sign-ins (tenant.cloud_host) through a network relay. Jamf's Attested Device " +
				"Compliance for Microsoft Entra does that, and needs no registration of this kind. That its profile " +
				"has this form is inferred. macOS only.",
			fix: "If Conditional Access accepts this Mac by Attested Device Compliance, take it out of the scope " +
				"of the policies that register. Otherwise leave it as it is (docs/deploy.md).",
			seenBy: everyone,
			within: profilesWithin, look: one(
				attestedCompliance{config.Profiles, config.ManagedPreferences, config.CloudHost}.recognised),
		},
		{
			name: "tenant-cloud", title: "The tenant's cloud is known",
			looksAt: "tenant.cloud_host is the sign-in host of a Microsoft cloud that usher knows. It selects the " +
				"servers of preflight.endpoints if that is automatic.",
			fix: "Correct tenant.cloud_host (login.microsoftonline.com, login.microsoftonline.us or " +
				"login.partner.microsoftonline.cn), or list the cloud's servers in preflight.endpoints.",
			seenBy: admins,
			look:   one(tenantCloud{config.CloudHost}.known),
		},
		{
			name: "proxy", title: "The proxy that usherd uses",
			looksAt: "The proxy of usherd's own HTTP calls, and its source: proxy.url, macOS's settings or the " +
				"environment of usherd. usher evaluates no automatic configuration (PAC).",
			fix:    "Set proxy.url.",
			seenBy: everyone, // macOS shows every user its proxies, and a failed endpoint names the one that was used
			look:   one(proxies{config.Proxies, config.Endpoints}.applies),
		},
		{
			name: "registration-endpoints", title: "Microsoft's endpoints can be reached",
			looksAt: "At least one of the preflight.endpoints for registration and sign-in accepts a connection, " +
				"through usherd's proxy or as the system's settings say.",
			fix:    "Check network, DNS, proxy and firewall, or set preflight.endpoints to none.",
			seenBy: everyone,
			reason: registration.ReasonEndpointsUnreachable, within: endpointsWithin, look: one(endpoints.reachable),
		},
		{
			name: "endpoint-certificates", title: "Microsoft's endpoints show public certificates",
			looksAt: "A TLS handshake with each of preflight.endpoints, as checks named `endpoint-…`. Its " +
				"certificate leads to an authority of Mozilla's list and is for this host. Every other chain is " +
				"reported as TLS inspection, with the issuer's name. A host that only configures Company Portal " +
				"is a warning.",
			fix:    "Exempt the host from TLS inspection (docs/deploy.md).",
			seenBy: everyone,
			within: certificatesWithin, look: endpoints.certificates,
		},
		{
			name: "clock", title: "The clock is right",
			looksAt: "The clock differs by less than a minute from the Date of the first of preflight.endpoints that " +
				"answers. From five minutes on, sign-in fails.",
			fix: "Set the clock: turn on automatic time, on macOS with `sudo /usr/sbin/systemsetup " +
				"-setusingnetworktime on`.",
			seenBy: everyone,
			within: clockWithin, look: one(clock{config.Endpoints, config.Transport}.right),
		},
		{
			name: "jamf-pro-reachable", title: "Jamf Pro can be reached",
			looksAt: "delivery.api.url answers like Jamf Pro. Only if delivery.mode is api.",
			fix: "Check network, proxy and delivery.api.url. Upgrade Jamf Pro if its version is named. usherd " +
				"tries again by itself.",
			seenBy: admins,
			within: jamfProWithin, look: one(jamfPro.reachable),
		},
		{
			name: "jamf-pro-token", title: "Jamf Pro gives the API client a token",
			looksAt: "Jamf Pro gives a token for delivery.api.client_id and its secret. Only if delivery.mode is api.",
			fix: "Give the API client's secret with `" + credentialsSet +
				"`, and check in Jamf Pro that the client is enabled.",
			seenBy: admins,
			within: jamfProWithin, look: one(jamfPro.token),
		},
		{
			name: "jamf-pro-privilege", title: "The API client has its privileges",
			looksAt: "The API client has each of its privileges, as checks named `jamf-pro-privilege-…`. One that " +
				"usher can work without is a warning; one that cannot be tried without changing something is not " +
				"applicable. Only if delivery.mode is api.",
			fix:    "Give that privilege to the role of the API client in Jamf Pro.",
			seenBy: admins,
			within: jamfProWithin, look: jamfPro.privileges,
		},
		{
			name: "configuration", title: "The configuration is in force",
			looksAt: "The files of the configuration can be read and are valid. While they are not, the last good " +
				"configuration remains in force.",
			fix:    "Fix the problem that it names, then run `usherctl config validate`.",
			seenBy: admins,
			look:   one(configurationFiles{config.Configuration}.inForce),
		},
		{
			name: "primary-user", title: "The configured primary user exists",
			looksAt: "primary_user names a person's account on this Mac, or the name with which somebody " +
				"has registered.",
			fix: "Correct primary_user. In a profile, check that Jamf Pro's record of this computer has a " +
				"username for $USERNAME.",
			seenBy: admins,
			look:   one(primaryUser{config.PrimaryUser, config.Kept}.exists),
		},
		{
			name: "managed-configuration", title: "The configuration comes from a profile",
			looksAt: "The preference domain org.usher is managed by a configuration profile. macOS only.",
			fix:     "Scope the configuration profile to this computer (docs/configuration.md).",
			seenBy:  everyone,
			look:    one(configuration{config.ManagedConfiguration, config.LocalConfiguration}.managed),
		},
		{
			name: "disk", title: "The disk has room",
			looksAt: "The disk of state_directory has 1 GB free; less than 100 MB fails.",
			fix:     "Free disk space.",
			seenBy:  everyone,
			look:    one(disk{config.StateDirectory}.roomy),
		},
		{
			name: "journal", title: "The journal can be written",
			looksAt: "The last write to the journal in state_directory succeeded.",
			fix:     "Check that the disk of state_directory is healthy, has room and is not mounted read-only.",
			seenBy:  everyone,
			look:    one(journal{config.Journal}.written),
		},
		{
			name: "journal-damage", title: "The journal was not damaged",
			looksAt: "No part of the journal had to be set aside in the last 30 days because it could not be read. " +
				"usherd works without it; its data about users and registrations is lost.",
			fix: "Run `" + gather + "` for each user, or `" + register +
				"` for a user whose registration was under way, and check that disk.",
			seenBy: everyone,
			look:   one(journalDamage{config.Damages}.none),
		},
	}
}
