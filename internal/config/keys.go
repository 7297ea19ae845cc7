package config

import (
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"usher.internal/internal/command"
)

// Key describes one configuration key for people.
type Key struct {
	// Name is dotted, for example delivery.api.url.
	Name string
	// Type is one or two words, for example duration; Allowed is one phrase that says which values are taken.
	Type, Allowed string
	// Default is written as a file would have it; empty is the empty value.
	Default     string
	Description string
}

// Keys returns every key in the order of the documentation, with the defaults of a platform ("darwin" or "linux").
func Keys(goos string) []Key {
	rows := table(platformOf(goos))
	keys := make([]Key, len(rows))
	for i, row := range rows {
		keys[i] = row.Key
	}
	return keys
}

// row is a [Key] with its code: set parses a value into the configuration and tells what is wrong with it, get writes
// it as set would read it, secretive hides a value that must not be shown in an error. No error shows a value of a row
// that is secret: it is the path of a file with a secret, in the place of which somebody may have pasted the secret
// itself.
type row struct {
	Key
	set       func(*Config, value) error
	get       func(*Config) string
	secretive func(string) string
	secret    bool
}

// Default returns the configuration that this platform has without any file.
func Default() Config {
	config := Config{}
	for _, row := range rows() {
		if err := row.set(&config, value{text: row.Default}); err != nil {
			panic("default of " + row.Name + ": " + err.Error()) // a test walks the table
		}
	}
	return config
}

var rows = sync.OnceValue(func() []row { return table(platformOf(runtime.GOOS)) })

// table is every key there is. Its order is that of the documentation and of [Loaded.Values].
func table(p platform) []row {
	const day = 24 * time.Hour
	return []row{
		socketDirectory("socket_directory", p.layout.Sockets,
			"Directory of the sockets on which the programs talk to each other. It belongs to root and everyone "+
				"may enter it.",
			func(c *Config) *string { return &c.SocketDirectory }),
		path("state_directory", p.layout.State,
			"Directory of the journal: registrations and what is still to be delivered. Only root may enter it. It "+
				"is not a symbolic link.",
			func(c *Config) *string { return &c.StateDirectory }),
		choice("log_level", "info", []string{"debug", "info", "warn", "error"},
			"Least severe message that is logged.",
			func(c *Config, text string) error { return c.LogLevel.UnmarshalText([]byte(text)) },
			func(c *Config) string { return levelName(c.LogLevel) }),
		line("admin_group", p.adminGroup, required,
			"Group of this computer whose members may do with usher for every user what root may. No secret is "+
				"shown to them.",
			func(c *Config) *string { return &c.AdminGroup }),
		line("primary_user", "", optional,
			"The user whom Jamf Pro's record of this computer describes: an account name, or the name that the user "+
				"has registered with. In a profile, Jamf Pro fills it in for $USERNAME. If it is empty, or "+
				"this computer has no such user, it is the registered user who was at the computer last, else the "+
				"user who was at it last.",
			func(c *Config) *string { return &c.PrimaryUser }),
		path("agent.executable", p.layout.Agent(),
			"The installed usher-agent; the helper accepts no other program as a user's agent.",
			func(c *Config) *string { return &c.Agent.Executable }),
		path("portal.executable", p.portal,
			"The program inside Company Portal's bundle. It is started with -r as the user.",
			func(c *Config) *string { return &c.Portal.Executable }),
		version("portal.minimum_version", "",
			"Oldest version of Company Portal that a registration is begun with. Empty accepts any.",
			func(c *Config) *string { return &c.Portal.MinimumVersion }),
		boolean("portal.activate", true,
			"Have macOS bring Company Portal to the front once it runs. Since macOS 14 the window of a program that "+
				"was started in the background may open behind others. Linux ignores it.",
			func(c *Config) *bool { return &c.Portal.Activate }),
		guid("tenant.id", "",
			"Entra tenant that users must register in; an identity of another one is a failure. Of several "+
				"identities in the login keychain, the one of this tenant is taken. Empty accepts any tenant, and "+
				"chooses among several identities none.",
			func(c *Config) string { return string(c.Tenant.ID) }, setTenantID),
		hostName("tenant.cloud_host", "login.microsoftonline.com",
			"Sign-in host of the Microsoft cloud that the tenant is in: login.microsoftonline.com, "+
				"login.microsoftonline.us (US government) or login.partner.microsoftonline.cn (China). An identity "+
				"that names another cloud is reported.",
			func(c *Config) *string { return &c.Tenant.CloudHost }),
		duration("registration.session_timeout", day, time.Second, 30*day,
			"How long a registration waits for its user to log in.",
			func(c *Config) *time.Duration { return &c.Registration.SessionTimeout }),
		duration("registration.sign_in_timeout", 30*time.Minute, time.Second, day,
			"How long the user may take in Company Portal.",
			func(c *Config) *time.Duration { return &c.Registration.SignInTimeout }),
		duration("registration.identity_timeout", 2*time.Minute, time.Second, time.Hour,
			"How long reading the identity from the user's session may take.",
			func(c *Config) *time.Duration { return &c.Registration.IdentityTimeout }),
		orNone(choices("identity.sources", p.identitySources, IdentitySources(),
			"Places where an identity is looked for. What is left out is not looked at and has no effect on the state.",
			func(c *Config) *[]string { return &c.Identity.Sources })),
		boolean("identity.look_automatically", true,
			"Look automatically at everyone who is logged in: at login, after wake, after a registration and every "+
				"few hours. Changes are delivered. These looks do not read the login keychain while Platform "+
				"SSO or the Secure Enclave holds the identity. Without it usher looks when it registers or gathers, "+
				"and when it is asked to.",
			func(c *Config) *bool { return &c.Identity.LookAutomatically }),
		duration("identity.look_interval", 6*time.Hour, time.Minute, 30*day,
			"How often the helper looks again at everyone who is logged in, with a fifth of jitter.",
			func(c *Config) *time.Duration { return &c.Identity.LookInterval }),
		duration("identity.heartbeat", 7*day, time.Hour, 365*day,
			"How often the state is delivered to Jamf Pro although nothing has changed.",
			func(c *Config) *time.Duration { return &c.Identity.Heartbeat }),
		boolean("identity.proof_of_possession", false,
			"Have the agent sign a challenge with the private key of the device certificate, which "+
				"distinguishes a copied certificate from a real one. On macOS the user may be asked to allow it. "+
				"Only looks that "+
				"read the login keychain ask for it.",
			func(c *Config) *bool { return &c.Identity.ProofOfPossession }),
		path("platform_sso.executable", command.AppSSO.Path,
			"macOS's program that prints the state of Platform SSO.",
			func(c *Config) *string { return &c.PlatformSSO.Executable }),
		orNone(optionalPath("platform_sso.managed_preferences", p.managedPreferences,
			"Folder with the preferences that profiles set. Where the state of Platform SSO cannot be read, usher "+
				"looks here whether a profile configures Microsoft's. none: it does not look.",
			func(c *Config) *string { return &c.PlatformSSO.ManagedPreferences })),
		path("directory.executable", command.Dscl.Path,
			"macOS's program that reads a user's record in the directory.",
			func(c *Config) *string { return &c.Directory.Executable }),
		orNone(endpoints("preflight.endpoints", Automatic,
			"Servers that Company Portal needs. automatic: those of the cloud of tenant.cloud_host. Entries of your "+
				"own replace them; beside automatic they add to them. A registration does not begin while none of "+
				"those for registration and sign-in can be reached; `usherctl doctor` makes a TLS handshake with "+
				"each. none turns both off.",
			func(c *Config) *[]string { return &c.Preflight.Endpoints })),
		orNone(optionalPath("preflight.jamf_preferences", p.jamfPreferences,
			"Jamf's preferences. A registration is not begun while microsoftCAEnabled is false or missing there; "+
				"where there is no such file, it is. none turns the check off.",
			func(c *Config) *string { return &c.Preflight.JamfPreferences })),
		proxyURL("proxy.url", "",
			"HTTP proxy through which usherd makes its own HTTP calls, all of them: to Jamf Pro, and the checks of "+
				"preflight.endpoints. Empty: macOS's proxy settings, then usherd's environment. NATS and ssh "+
				"use no proxy.",
			func(c *Config) *string { return &c.Proxy.URL }),
		choice("delivery.mode", string(DeliverByRecon), []string{string(DeliverByRecon), string(DeliverByAPI)},
			"How results reach Jamf Pro: recon runs `jamf recon`, whose extension attributes call usherctl; api "+
				"writes the extension attributes through Jamf Pro's API.",
			func(c *Config, text string) error { c.Delivery.Mode = DeliveryMode(text); return nil },
			func(c *Config) string { return string(c.Delivery.Mode) }),
		guid("delivery.computer_udid", "",
			"Hardware UUID under which Jamf Pro knows this computer. Empty asks the system.",
			func(c *Config) string { return c.Delivery.ComputerUDID },
			func(c *Config, text string) { c.Delivery.ComputerUDID = text }),
		baseURL("delivery.api.url", "",
			"Address of Jamf Pro, for example https://example.jamfcloud.com. Needed when delivery.mode is api.",
			func(c *Config) *string { return &c.Delivery.API.URL }),
		platformID("delivery.api.environment_id", "",
			"For the gateway of Jamf's Platform API (delivery.api.url is https://REGION.api.jamfcloud.com): the "+
				"platform environment that the API integration was made for. The gateway needs this or "+
				"delivery.api.tenant_id, other servers neither.",
			func(c *Config) *string { return &c.Delivery.API.EnvironmentID }),
		platformID("delivery.api.tenant_id", "",
			"For the gateway of Jamf's Platform API: the tenant that the API integration was made for, in place of "+
				"delivery.api.environment_id.",
			func(c *Config) *string { return &c.Delivery.API.TenantID }),
		computerID(computerIDKey, "",
			"This computer's ID in Jamf Pro, which Jamf fills in for $JSSID in a profile. Recommended: "+
				"usherd then does "+
				"not search for the computer, and the API client does not need the privilege Read Computers. Empty: "+
				"usherd finds it by its hardware UUID.",
			func(c *Config) *string { return &c.Delivery.API.ComputerID }),
		secret(line("delivery.api.client_id", "", optional,
			"Client id of the API client in Jamf Pro. Needed when delivery.mode is api.",
			func(c *Config) *string { return &c.Delivery.API.ClientID })),
		secret(optionalPath("delivery.api.client_secret_file", "",
			"File with the client secret, which only root may read. Needed when delivery.mode is api.",
			func(c *Config) *string { return &c.Delivery.API.ClientSecretFile })),
		path("jamf.executable", p.jamf,
			"The jamf binary. Root runs it: usherd refuses one that others can change, also by a link or a directory "+
				"that leads to it.",
			func(c *Config) *string { return &c.Jamf.Executable }),
		path("jamf.conditional_access_executable", p.conditionalAccess,
			"The program of Jamf Conditional Access (formerly jamfAAD).",
			func(c *Config) *string { return &c.Jamf.ConditionalAccessExecutable }),
		choice("jamf.gather_after_portal", string(GatherAutomatically),
			[]string{string(GatherAutomatically), string(GatherAlways), string(GatherNever)},
			"Whether Jamf's own gatherAADInfo runs in the user's session after a successful registration, and when "+
				"`usherctl gather` finds an identity that Jamf has not acquired. Jamf's device compliance needs it, "+
				"and the user may see a second sign-in. auto: it runs where microsoftCAEnabled is true in "+
				"preflight.jamf_preferences; where that cannot be read, it does not run, and the registration says so.",
			func(c *Config, text string) error { c.Jamf.GatherAfterPortal = Gathering(text); return nil },
			func(c *Config) string { return string(c.Jamf.GatherAfterPortal) }),
		listenAddress("listener.address", "",
			"Address on which usherd answers GetStatus and WatchStatus, and nothing else, to programs that show a "+
				"certificate (docs/remote.md). Empty: it does not listen.",
			func(c *Config) *string { return &c.Listener.Address }),
		optionalPath("listener.certificate_file", "",
			"This Mac's certificate for the listener, with those between it and its authority, in PEM. Needed with "+
				"listener.address.",
			func(c *Config) *string { return &c.Listener.CertificateFile }),
		secret(optionalPath("listener.key_file", "",
			"The private key of that certificate in PEM, which only root may read. Needed with listener.address.",
			func(c *Config) *string { return &c.Listener.KeyFile })),
		optionalPath("listener.client_ca_file", "",
			"The authorities, in PEM, that a client's certificate must be of. Needed with listener.address.",
			func(c *Config) *string { return &c.Listener.ClientCAFile }),
		certificateNames("listener.allowed_names", "",
			"Who may ask the listener: subject alternative names (DNS name, e-mail address, URI or IP address), one "+
				"of which a client's certificate must have. Needed with listener.address.",
			func(c *Config) *[]string { return &c.Listener.AllowedNames }),
		boolean("listener.personal_data", true,
			"Say over the listener who the users are. Without it names, principal names, device ids and sentences "+
				"are left out.",
			func(c *Config) *bool { return &c.Listener.PersonalData }),
		natsServers("fleet.servers", "",
			"NATS servers through which this Mac reports its state to its fleet (docs/fleet-setup.md). Empty: it "+
				"connects to none.",
			func(c *Config) *[]string { return &c.Fleet.Servers }),
		optionalPath("fleet.ca_file", "",
			"The authorities, in PEM, that the certificates of these servers must be of. Empty: those that the "+
				"system trusts.",
			func(c *Config) *string { return &c.Fleet.CAFile }),
		secret(optionalPath("fleet.credentials_file", "",
			"This Mac's NATS credentials, as `usherctl fleet credentials` writes them, which only root may read.",
			func(c *Config) *string { return &c.Fleet.CredentialsFile })),
		secret(optionalPath("fleet.nkey_file", "",
			"The seed of this Mac's NKey, which only root may read, for servers that know Macs by NKeys.",
			func(c *Config) *string { return &c.Fleet.NKeyFile })),
		optionalPath("fleet.certificate_file", "",
			"This Mac's certificate in PEM, for servers that ask for one.",
			func(c *Config) *string { return &c.Fleet.CertificateFile }),
		secret(optionalPath("fleet.key_file", "",
			"The private key of that certificate in PEM, which only root may read.",
			func(c *Config) *string { return &c.Fleet.KeyFile })),
		macName("fleet.mac", "",
			"Name under which this Mac answers and publishes; its credentials must be for the same. Empty: its "+
				"hardware UUID (on Linux the machine id).",
			func(c *Config) *string { return &c.Fleet.Mac }),
		boolean("fleet.personal_data", true,
			"Say to the fleet who the users are. Without it names, principal names, device ids and sentences are left "+
				"out (docs/fleet-reference.md lists them).",
			func(c *Config) *bool { return &c.Fleet.PersonalData }),
		userID("development.helper_uid", 0,
			"For development only: the uid that agents and usherctl accept as the helper.",
			func(c *Config) *uint32 { return &c.Development.HelperUID }),
	}
}

func find(name string) (row, bool) {
	all := rows()
	i := slices.IndexFunc(all, func(r row) bool { return r.Name == name })
	if i < 0 {
		return row{}, false
	}
	return all[i], true
}

func levelName(level slog.Level) string {
	switch level {
	case slog.LevelDebug:
		return "debug"
	case slog.LevelWarn:
		return "warn"
	case slog.LevelError:
		return "error"
	default:
		return "info"
	}
}
