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
	// Name has dots, for example delivery.api.url.
	Name string
	// Type is one or two words, for example duration. Allowed is one phrase that describes the allowed values.
	Type, Allowed string
	// Default has the form of a configuration file; "" is the empty value.
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

// row is a [Key] with its code. set parses a value into the configuration and returns what is wrong with it. get writes
// the value in the form that set reads. secretive hides a value that an error must not show. No error shows the value
// of a secret row. Such a row is the path of a file with a secret, but somebody may have pasted the secret itself.
type row struct {
	Key
	set       func(*Config, value) error
	get       func(*Config) string
	secretive func(string) string
	secret    bool
}

// Default returns the configuration of this platform without any file.
func Default() Config {
	config := Config{}
	for _, row := range rows() {
		if err := row.set(&config, value{text: row.Default}); err != nil {
			panic("default of " + row.Name + ": " + err.Error()) // a test covers the table
		}
	}
	return config
}

var rows = sync.OnceValue(func() []row { return table(platformOf(runtime.GOOS)) })

// table holds every key. Its order is the order of the documentation and of [Loaded.Values].
func table(p platform) []row {
	const day = 24 * time.Hour
	return []row{
		socketDirectory("socket_directory", p.layout.Sockets,
			"Directory of the sockets that the programs use to talk to each other. It belongs to root, and everyone "+
				"may enter it.",
			func(c *Config) *string { return &c.SocketDirectory }),
		path("state_directory", p.layout.State,
			"Directory of the journal, which holds registrations and pending deliveries. Only root may enter it. It "+
				"must not be a symbolic link.",
			func(c *Config) *string { return &c.StateDirectory }),
		choice("log_level", "info", []string{"debug", "info", "warn", "error"},
			"Least severe level that usher logs.",
			func(c *Config, text string) error { return c.LogLevel.UnmarshalText([]byte(text)) },
			func(c *Config) string { return levelName(c.LogLevel) }),
		line("admin_group", p.adminGroup, required,
			"Group on this computer. Its members may do everything with usher that root may, for every user, but see "+
				"no secrets.",
			func(c *Config) *string { return &c.AdminGroup }),
		line("primary_user", "", optional,
			"The user whom Jamf Pro's record of this computer describes: an account name, or the name that the user "+
				"registered with. In a profile, Jamf Pro replaces $USERNAME with it. If it is empty, or this "+
				"computer has no such user, usher takes the registered user who used the computer last. If no user "+
				"is registered, usher takes the user who used it last.",
			func(c *Config) *string { return &c.PrimaryUser }),
		path("agent.executable", p.layout.Agent(),
			"The installed usher-agent; the helper accepts no other program as a user's agent.",
			func(c *Config) *string { return &c.Agent.Executable }),
		path("portal.executable", p.portal,
			"The program inside Company Portal's bundle. It is started with -r as the user.",
			func(c *Config) *string { return &c.Portal.Executable }),
		version("portal.minimum_version", "",
			"Oldest version of Company Portal that a registration accepts. Empty accepts any.",
			func(c *Config) *string { return &c.Portal.MinimumVersion }),
		boolean("portal.activate", true,
			"Have macOS bring Company Portal to the front once it runs. Since macOS 14, a program that starts in the "+
				"background may open its window behind others. Linux ignores this key.",
			func(c *Config) *bool { return &c.Portal.Activate }),
		guid("tenant.id", "",
			"Entra tenant that users must register in; an identity of another tenant is a failure. If the login "+
				"keychain holds several identities, usher takes the one of this tenant. Empty accepts any tenant; "+
				"usher then takes none of several identities.",
			func(c *Config) string { return string(c.Tenant.ID) }, setTenantID),
		hostName("tenant.cloud_host", "login.microsoftonline.com",
			"Sign-in host of the tenant's Microsoft cloud: login.microsoftonline.com, login.microsoftonline.us (US "+
				"government) or login.partner.microsoftonline.cn (China). usher reports an identity that names "+
				"another cloud.",
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
			"Places where usher looks for an identity. Places that are not listed have no effect on the state.",
			func(c *Config) *[]string { return &c.Identity.Sources })),
		boolean("identity.look_automatically", true,
			"Look automatically at everyone who is logged in: at login, after wake, after a registration and every "+
				"few hours. usher delivers changes. These looks do not read the login keychain while Platform SSO or "+
				"the Secure Enclave holds the identity. If false, usher looks only when it registers or gathers, and "+
				"on request.",
			func(c *Config) *bool { return &c.Identity.LookAutomatically }),
		duration("identity.look_interval", 6*time.Hour, time.Minute, 30*day,
			"How often the helper looks again at everyone who is logged in, with a fifth of jitter.",
			func(c *Config) *time.Duration { return &c.Identity.LookInterval }),
		duration("identity.heartbeat", 7*day, time.Hour, 365*day,
			"How often usher delivers the state to Jamf Pro when nothing has changed.",
			func(c *Config) *time.Duration { return &c.Identity.Heartbeat }),
		boolean("identity.proof_of_possession", false,
			"Have the agent sign a challenge with the private key of the device certificate. This distinguishes a "+
				"copied certificate from a real one. On macOS the user may have to allow it. Only looks that read "+
				"the login keychain do this.",
			func(c *Config) *bool { return &c.Identity.ProofOfPossession }),
		path("platform_sso.executable", command.AppSSO.Path,
			"macOS's program that prints the state of Platform SSO.",
			func(c *Config) *string { return &c.PlatformSSO.Executable }),
		orNone(optionalPath("platform_sso.managed_preferences", p.managedPreferences,
			"Folder with the preferences that profiles set. If usher cannot read the state of Platform SSO, it "+
				"checks here whether a profile configures Microsoft's. none: it does not check.",
			func(c *Config) *string { return &c.PlatformSSO.ManagedPreferences })),
		path("directory.executable", command.Dscl.Path,
			"macOS's program that reads a user's record in the directory.",
			func(c *Config) *string { return &c.Directory.Executable }),
		orNone(endpoints("preflight.endpoints", Automatic,
			"Servers that Company Portal needs. automatic: the servers of the cloud of tenant.cloud_host. Your own "+
				"entries replace these; together with automatic they add to them. A registration begins only if it "+
				"can reach one of the servers for registration and sign-in. `usherctl doctor` makes a TLS handshake "+
				"with each server. none turns both checks off.",
			func(c *Config) *[]string { return &c.Preflight.Endpoints })),
		orNone(optionalPath("preflight.jamf_preferences", p.jamfPreferences,
			"Jamf's preferences. A registration does not begin while microsoftCAEnabled is false or missing there. "+
				"It does begin if the file does not exist. none turns the check off.",
			func(c *Config) *string { return &c.Preflight.JamfPreferences })),
		proxyURL("proxy.url", "",
			"HTTP proxy for all HTTP calls of usherd itself: to Jamf Pro, and the checks of preflight.endpoints. "+
				"Empty: macOS's proxy settings, then usherd's environment. NATS and ssh use no proxy.",
			func(c *Config) *string { return &c.Proxy.URL }),
		choice("delivery.mode", string(DeliverByRecon), []string{string(DeliverByRecon), string(DeliverByAPI)},
			"How results reach Jamf Pro: recon runs `jamf recon`, whose extension attributes call usherctl; api "+
				"writes the extension attributes through Jamf Pro's API.",
			func(c *Config, text string) error { c.Delivery.Mode = DeliveryMode(text); return nil },
			func(c *Config) string { return string(c.Delivery.Mode) }),
		guid("delivery.computer_udid", "",
			"Hardware UUID of this computer in Jamf Pro. Empty: usherd asks the system.",
			func(c *Config) string { return c.Delivery.ComputerUDID },
			func(c *Config, text string) { c.Delivery.ComputerUDID = text }),
		baseURL("delivery.api.url", "",
			"Address of Jamf Pro, for example https://example.jamfcloud.com. Needed when delivery.mode is api.",
			func(c *Config) *string { return &c.Delivery.API.URL }),
		platformID("delivery.api.environment_id", "",
			"For the gateway of Jamf's Platform API (delivery.api.url is https://REGION.api.jamfcloud.com): the "+
				"platform environment that the API integration was made for. The gateway needs this or "+
				"delivery.api.tenant_id; other servers need neither.",
			func(c *Config) *string { return &c.Delivery.API.EnvironmentID }),
		platformID("delivery.api.tenant_id", "",
			"For the gateway of Jamf's Platform API: the tenant that the API integration was made for, in place of "+
				"delivery.api.environment_id.",
			func(c *Config) *string { return &c.Delivery.API.TenantID }),
		computerID(computerIDKey, "",
			"This computer's ID in Jamf Pro. In a profile, Jamf Pro replaces $JSSID with it. Recommended: usherd "+
				"then does not search for the computer, and the API client does not need the privilege Read "+
				"Computers. Empty: usherd finds it by its hardware UUID.",
			func(c *Config) *string { return &c.Delivery.API.ComputerID }),
		secret(line("delivery.api.client_id", "", optional,
			"Client id of the API client in Jamf Pro. Needed when delivery.mode is api.",
			func(c *Config) *string { return &c.Delivery.API.ClientID })),
		secret(optionalPath("delivery.api.client_secret_file", "",
			"File with the client secret. Only root may read it. Needed when delivery.mode is api.",
			func(c *Config) *string { return &c.Delivery.API.ClientSecretFile })),
		path("jamf.executable", p.jamf,
			"The jamf binary. Root runs it, so usherd refuses one that others can change, also through a link or "+
				"directory on its path.",
			func(c *Config) *string { return &c.Jamf.Executable }),
		path("jamf.conditional_access_executable", p.conditionalAccess,
			"The program of Jamf Conditional Access (formerly jamfAAD).",
			func(c *Config) *string { return &c.Jamf.ConditionalAccessExecutable }),
		choice("jamf.gather_after_portal", string(GatherAutomatically),
			[]string{string(GatherAutomatically), string(GatherAlways), string(GatherNever)},
			"Whether Jamf's own gatherAADInfo runs in the user's session after a successful registration, and when "+
				"`usherctl gather` finds an identity that Jamf has not acquired. Jamf's device compliance needs it, "+
				"and the user may see a second sign-in. auto: it runs if microsoftCAEnabled is true in "+
				"preflight.jamf_preferences. If usher cannot read that, it does not run, and the registration says "+
				"so.",
			func(c *Config, text string) error { c.Jamf.GatherAfterPortal = Gathering(text); return nil },
			func(c *Config) string { return string(c.Jamf.GatherAfterPortal) }),
		listenAddress("listener.address", "",
			"Address on which usherd answers programs with a client certificate (docs/remote.md). It answers only "+
				"GetStatus and WatchStatus. Empty: it does not listen.",
			func(c *Config) *string { return &c.Listener.Address }),
		optionalPath("listener.certificate_file", "",
			"This Mac's certificate for the listener, with its intermediate certificates, in PEM. Needed with "+
				"listener.address.",
			func(c *Config) *string { return &c.Listener.CertificateFile }),
		secret(optionalPath("listener.key_file", "",
			"The private key of that certificate in PEM. Only root may read the file. Needed with listener.address.",
			func(c *Config) *string { return &c.Listener.KeyFile })),
		optionalPath("listener.client_ca_file", "",
			"The authorities, in PEM. One of them must have issued a client's certificate. Needed with "+
				"listener.address.",
			func(c *Config) *string { return &c.Listener.ClientCAFile }),
		certificateNames("listener.allowed_names", "",
			"Who may ask the listener: subject alternative names (DNS name, e-mail address, URI or IP address). A "+
				"client's certificate must have one of them. Needed with listener.address.",
			func(c *Config) *[]string { return &c.Listener.AllowedNames }),
		boolean("listener.personal_data", true,
			"Whether the listener's answers say who the users are. If false, usher leaves out names, principal "+
				"names, device ids and sentences.",
			func(c *Config) *bool { return &c.Listener.PersonalData }),
		natsServers("fleet.servers", "",
			"NATS servers through which this Mac reports its state to its fleet (docs/fleet-setup.md). Empty: it "+
				"connects to none.",
			func(c *Config) *[]string { return &c.Fleet.Servers }),
		optionalPath("fleet.ca_file", "",
			"The authorities, in PEM. One of them must have issued the certificate of each server. Empty: those that "+
				"the system trusts.",
			func(c *Config) *string { return &c.Fleet.CAFile }),
		secret(optionalPath("fleet.credentials_file", "",
			"This Mac's NATS credentials, as `usherctl fleet credentials` writes them. Only root may read the file.",
			func(c *Config) *string { return &c.Fleet.CredentialsFile })),
		secret(optionalPath("fleet.nkey_file", "",
			"The seed of this Mac's NKey, for servers that identify Macs by NKeys. Only root may read the file.",
			func(c *Config) *string { return &c.Fleet.NKeyFile })),
		optionalPath("fleet.certificate_file", "",
			"This Mac's certificate in PEM, for servers that ask for one.",
			func(c *Config) *string { return &c.Fleet.CertificateFile }),
		secret(optionalPath("fleet.key_file", "",
			"The private key of that certificate in PEM. Only root may read the file.",
			func(c *Config) *string { return &c.Fleet.KeyFile })),
		macName("fleet.mac", "",
			"Name of this Mac in the fleet. Its credentials must be for the same name. Empty: its hardware UUID (on "+
				"Linux the machine id).",
			func(c *Config) *string { return &c.Fleet.Mac }),
		boolean("fleet.personal_data", true,
			"Whether the fleet's messages say who the users are. If false, usher leaves out names, principal names, "+
				"device ids and sentences (docs/fleet-reference.md lists them).",
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
