package config

import (
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"usher.internal/internal/cloud"
	"usher.internal/internal/layout"
	"usher.internal/internal/wpj"
)

// Domain is usher's preference domain on macOS.
const Domain = "org.usher"

// Config holds all settings. docs/configuration.md describes the keys, which have the same names in snake case,
// separated by dots. The zero value is not valid: begin with [Default] or [Load].
type Config struct {
	// SocketDirectory holds helper.sock and agent.sock; StateDirectory holds what the helper keeps over restarts.
	SocketDirectory string
	StateDirectory  string
	LogLevel        slog.Level
	// AdminGroup is the group whose members may do what root may, except see secrets.
	AdminGroup string
	// PrimaryUser is the user whom Jamf Pro's record of this computer describes. If it is empty, usherd chooses.
	PrimaryUser string

	// Agent.Executable is the installed usher-agent, the only program that the helper accepts on agent.sock.
	Agent struct{ Executable string }
	// Portal.Executable is the program inside Company Portal's bundle. MinimumVersion is the oldest version of the
	// bundle that a registration accepts; empty accepts any. Portal.Activate has macOS bring it to the front.
	Portal struct {
		Executable, MinimumVersion string
		Activate                   bool
	}

	// Tenant.ID is the Entra tenant that users must register in; empty accepts any.
	Tenant struct {
		ID        wpj.TenantID
		CloudHost string
	}

	Registration struct {
		// SessionTimeout is how long a registration waits for its user to log in. SignInTimeout is how long the user
		// may take in Company Portal. IdentityTimeout is how long reading the identity may take.
		SessionTimeout  time.Duration
		SignInTimeout   time.Duration
		IdentityTimeout time.Duration
	}

	Identity struct {
		// Sources are the places in a user's session that usher looks at, by the names of [IdentitySources].
		Sources []string
		// LookAutomatically has the helper look at login, after wake and every LookInterval. Heartbeat is how often it
		// delivers when nothing has changed.
		LookAutomatically bool
		LookInterval      time.Duration
		Heartbeat         time.Duration
		// ProofOfPossession has the agent sign with the device key, which can raise a prompt on macOS.
		ProofOfPossession bool
	}

	PlatformSSO struct {
		// Executable is macOS's app-sso.
		Executable string
		// ManagedPreferences is the folder where macOS keeps the settings of profiles.
		ManagedPreferences string
	}
	// Directory.Executable is macOS's dscl.
	Directory struct{ Executable string }

	Preflight struct {
		// Endpoints are host:port, or [Automatic]; see [Config.RegistrationEndpoints]. Empty: usher checks none.
		Endpoints []string
		// JamfPreferences is com.jamfsoftware.jamf.plist. Empty: usher does not check it.
		JamfPreferences string
	}

	// Proxy.URL is the proxy of the helper's own HTTP calls. Empty: the system's proxy.
	Proxy struct{ URL string }

	Delivery struct {
		Mode DeliveryMode
		// ComputerUDID is this computer's hardware UUID in Jamf Pro. If it is empty, usherd asks the system.
		ComputerUDID string
		// Only [DeliverByAPI] uses API, and needs all of it.
		API struct {
			URL string
			// EnvironmentID and TenantID select the Jamf Pro behind the gateway of Jamf's Platform API
			// ([IsJamfGateway]).
			EnvironmentID, TenantID string
			// ComputerID is this computer's ID in Jamf Pro. If it is empty, usherd searches for it.
			ComputerID string
			ClientID   string
			// ClientSecretFile is the path of a file that only root can read. The secret itself is never part of the
			// configuration.
			ClientSecretFile string
		}
	}

	Jamf struct {
		// Executable is the jamf binary. ConditionalAccessExecutable is Jamf Conditional Access (formerly jamfAAD).
		Executable                  string
		ConditionalAccessExecutable string
		// GatherAfterPortal is when Jamf's own gatherAADInfo runs in the user's session: after a successful portal run,
		// and by `usherctl gather` for an identity that Jamf has not acquired.
		GatherAfterPortal Gathering
	}

	// Listener is the read-only listener for the network. Address is host:port; empty turns it off. With an address all
	// other fields are needed.
	Listener struct {
		Address                                string
		CertificateFile, KeyFile, ClientCAFile string
		// AllowedNames are subject alternative names. A client's certificate must have one of them.
		AllowedNames []string
		// PersonalData has it include names of people and other data that identifies them.
		PersonalData bool
	}

	// Fleet is the connection to NATS. Servers are URLs; without them there is no connection. It needs credentials, an
	// NKey or a certificate.
	Fleet struct {
		Servers []string
		// CAFile holds the authorities that may issue a server's certificate. Empty: the system's authorities.
		CAFile                    string
		CredentialsFile, NKeyFile string
		CertificateFile, KeyFile  string
		// Mac is the name under which this Mac publishes. Empty: its hardware UUID.
		Mac          string
		PersonalData bool
	}

	// Development.HelperUID is the uid that agents and usherctl accept as the helper. Values other than 0 are for
	// development.
	Development struct{ HelperUID uint32 }
}

// DeliveryMode is the way in which a result reaches Jamf Pro.
type DeliveryMode string

// The ways of delivery. DeliverByRecon runs `jamf recon`, whose extension attributes call usherctl. DeliverByAPI writes
// the extension attributes through Jamf Pro's API.
const (
	DeliverByRecon DeliveryMode = "recon"
	DeliverByAPI   DeliveryMode = "api"
)

// Gathering is when Jamf's own gatherAADInfo runs.
type Gathering string

// The choices. GatherAutomatically runs it if Jamf's settings (preflight.jamf_preferences) say that device compliance
// is on for this Mac. The other two have the values of the boolean that the key once was.
const (
	GatherAutomatically Gathering = "auto"
	GatherAlways        Gathering = "true"
	GatherNever         Gathering = "false"
)

// The identity sources that the configuration can list.
const (
	LoginKeychain = "login_keychain"
	PlatformSSO   = "platform_sso"
	SecureEnclave = "secure_enclave"
	JamfAgent     = "jamf_agent"
	// The helper looks at Directory, also for users who are not logged in.
	Directory = "directory"
)

// IdentitySources returns all of them.
func IdentitySources() []string {
	return []string{LoginKeychain, PlatformSSO, SecureEnclave, JamfAgent, Directory}
}

// Automatic is the entry of preflight.endpoints for the servers of the cloud that tenant.cloud_host selects.
const Automatic = "automatic"

// RegistrationEndpoints returns preflight.endpoints as host:port, without duplicates. The servers of the tenant's cloud
// replace [Automatic].
func (c Config) RegistrationEndpoints() []string {
	endpoints := []string{}
	for _, entry := range c.Preflight.Endpoints {
		entries := []string{entry}
		if entry == Automatic {
			entries = cloud.Endpoints(c.Tenant.CloudHost)
		}
		for _, one := range entries {
			if !slices.Contains(endpoints, one) {
				endpoints = append(endpoints, one)
			}
		}
	}
	return endpoints
}

// HelperSocket is the path of the socket on which the helper serves usherctl and the agents.
func (c Config) HelperSocket() string { return filepath.Join(c.SocketDirectory, layout.HelperSocket) }

// AgentSocket is the path of the socket of the reversed link, on which agents connect and then serve.
func (c Config) AgentSocket() string { return filepath.Join(c.SocketDirectory, layout.AgentSocket) }

// JournalFile is the path of the helper's store: registrations and outbox.
func (c Config) JournalFile() string { return filepath.Join(c.StateDirectory, layout.Journal) }
