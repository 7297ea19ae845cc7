// Package fleetsetup makes what the stock nats-server needs to carry a fleet (docs/fleet-setup.md): its configuration,
// certificates, accounts and permissions, and the credentials of Macs and admins. It makes everything locally and
// writes it to files; it asks no server.
package fleetsetup

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// The folders and files of a fleet. The files in keys make credentials, and are only for the person who runs the fleet.
const (
	keysFolder    = "keys"
	adminFolder   = "admin"
	macFolder     = "macs"
	serversFolder = "servers"

	// AccessFile is in the admin's folder: it describes the access to the fleet.
	AccessFile = "fleet.yaml"

	authorityFile = "ca.pem"
	authorityKey  = "ca-key.pem"
	operatorSeed  = "operator.nk"
	accountSeed   = "account.nk"
	macSeed       = "mac-signing.nk"
	adminSeed     = "admin-signing.nk"
	provisionSeed = "provision-signing.nk"
	accountJWT    = "account.jwt"
	adminsSeed    = "admins.nk"
	adminsJWT     = "admins.jwt"

	// issuedFolder has a file for each Mac, with the public keys of all credentials that were made for it, one a line.
	issuedFolder = keysFolder + "/issued"

	configurationFile = "nats-server.conf"

	adminCredentials     = "admin.creds"
	provisionCredentials = "provision.creds"
	provisionFolder      = keysFolder + "/provision"
)

// AdminName is the name in the credentials of admins.
const (
	AdminName     = "admin"
	ProvisionName = "provision"
)

// maximumPayload is the largest message of a Mac, and the largest that a server accepts.
const maximumPayload = 64 << 10

// ErrThere is wrapped when something exists at the place of a new file.
var ErrThere = errors.New("nothing was written")

// LeastStorageBytes is the least storage that a fleet needs on a server.
const LeastStorageBytes = 64 << 20

// Options say what is made.
type Options struct {
	// Directory is where the fleet is written; it must not exist, or be empty.
	Directory string
	// Organization is in the certificates.
	Organization string
	// Servers are the servers' host names or addresses, which Macs use too: one, or three.
	Servers []string
	// Port is the port for Macs and admins, ClusterPort the port between servers.
	Port, ClusterPort int
	// InstallDirectory is where each server will have the files of its folder, StoreDirectory where it keeps its
	// streams.
	InstallDirectory, StoreDirectory string
	// StorageBytes is how much each server keeps on its disk at most.
	StorageBytes int64
	// AdminValid is how long the admin's credentials are valid, CertificatesValid how long the servers' certificates
	// are.
	AdminValid, CertificatesValid time.Duration
}

// Made is a written file.
type Made struct {
	Path    string `json:"path"`
	Purpose string `json:"purpose"`
}

// hostName matches a host name that can be in URLs, certificates and configurations, and can name a folder.
var hostName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?(\.[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?)*$`)
})

// Check returns an error for invalid options, with the names of usherctl's flags.
func (o Options) Check() error {
	switch len(o.Servers) {
	case 1, 3:
	default:
		return fmt.Errorf("--server is given %d times: a fleet has one server, or three that replace each other",
			len(o.Servers))
	}
	for i, server := range o.Servers {
		if address := net.ParseIP(server); address.IsUnspecified() ||
			address == nil && !hostName().MatchString(server) {
			return fmt.Errorf("--server %q is not a host name or an address; the port is given with --port", server)
		}
		if slices.Contains(o.Servers[:i], server) {
			return fmt.Errorf("--server %q is given twice", server)
		}
	}
	if strings.ContainsFunc(o.Organization, unicode.IsControl) {
		return fmt.Errorf("--organization %q is not a name", o.Organization)
	}
	for name, port := range map[string]int{"--port": o.Port, "--cluster-port": o.ClusterPort} {
		if port < 1 || port > 65535 {
			return fmt.Errorf("%s is %d; it is a number from 1 to 65535", name, port)
		}
	}
	if o.Port == o.ClusterPort {
		return fmt.Errorf("--port and --cluster-port are both %d", o.Port)
	}
	if o.StorageBytes < LeastStorageBytes {
		return fmt.Errorf("--storage is %d bytes; less than 64 MiB does not carry a fleet", o.StorageBytes)
	}
	for flag, path := range map[string]string{"--install-directory": o.InstallDirectory,
		"--store-directory": o.StoreDirectory} {
		if !filepath.IsAbs(path) || strings.ContainsAny(path, "\"\n") {
			return fmt.Errorf("%s %q is not an absolute path", flag, path)
		}
	}
	if o.AdminValid <= 0 || o.CertificatesValid <= 0 {
		return errors.New("the validity of credentials and certificates must be more than 0")
	}
	return nil
}

// Write makes a fleet and returns the written files, in the order in which they are needed. After an error, nothing
// that it wrote remains.
func Write(options Options) (made []Made, err error) {
	if err := options.Check(); err != nil {
		return nil, err
	}
	fleet, err := openFolder(options.Directory, true)
	if err != nil {
		return nil, err
	}
	defer fleet.Close()
	if entries, err := fs.ReadDir(fleet.FS(), "."); err != nil {
		return nil, err
	} else if len(entries) > 0 {
		return nil, fmt.Errorf("%w: %s is not empty: a fleet that is there is not overwritten, since its Macs "+
			"would be locked out", ErrThere, options.Directory)
	}
	w := &writer{folder: fleet}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.undo())
		}
	}()
	identities, err := newIdentities(options)
	if err != nil {
		return nil, err
	}
	authority, err := newAuthority(options.Organization, options.CertificatesValid)
	if err != nil {
		return nil, err
	}
	for i, server := range options.Servers {
		folder := filepath.Join(serversFolder, server)
		w.public(filepath.Join(folder, authorityFile), authority.certificatePEM, "")
		if err := w.server(server, authority, options.CertificatesValid, ""); err != nil {
			return nil, err
		}
		w.private(filepath.Join(folder, configurationFile), configuration(options, i, identities),
			"copy this folder to "+options.InstallDirectory+" on "+server)
	}
	w.public(filepath.Join(adminFolder, AccessFile), accessFile(options, adminCredentials),
		"for admins: USHER_FLEET or --fleet names this folder")
	w.public(filepath.Join(adminFolder, authorityFile), authority.certificatePEM, "")
	w.public(filepath.Join(provisionFolder, AccessFile), accessFile(options, provisionCredentials),
		"for `usherctl fleet provision`")
	w.public(filepath.Join(provisionFolder, authorityFile), authority.certificatePEM, "")
	if err := w.people(signer{identities.adminPair, identities.adminsKey},
		signer{identities.provisionPair, identities.accountKey}, options.AdminValid, ""); err != nil {
		return nil, err
	}
	w.public(filepath.Join(macFolder, authorityFile), authority.certificatePEM, "for every Mac, as fleet.ca_file")
	w.public(filepath.Join(macFolder, "config.yaml"), macConfiguration(options),
		"for every Mac: what to configure")
	w.private(filepath.Join(keysFolder, authorityKey), authority.keyPEM,
		"keep it where nobody else can read it: it signs the servers' certificates")
	for name, seed := range identities.seeds() {
		w.private(filepath.Join(keysFolder, name), seed, "")
	}
	w.private(filepath.Join(keysFolder, adminsJWT), []byte(identities.admins), "")
	w.private(filepath.Join(keysFolder, accountJWT), []byte(identities.account),
		"keep it with the seeds beside it: `usherctl fleet credentials` makes Macs and admins with them")
	return w.made, w.err
}

// accessFile is the file with an admin's access to the servers; the files that it names are beside it.
func accessFile(options Options, credentials string) []byte {
	return fmt.Appendf(nil, "# How usherctl reaches the fleet of %s. Files are beside this "+
		"one.\nservers:\n%sca_file: %s\ncredentials_file: %s\n",
		options.Organization, list(options.urls()), authorityFile, credentials)
}

func macConfiguration(options Options) []byte {
	return fmt.Appendf(nil,
		`# What a Mac of the fleet has in /etc/usher/config.yaml, or in its configuration profile.
fleet:
  servers:
%s  ca_file: /etc/usher/fleet/ca.pem
  # usherctl fleet credentials MAC makes this file; only root may read it.
  credentials_file: /etc/usher/fleet/mac.creds
  # personal_data: false
`, strings.ReplaceAll(list(options.urls()), "  - ", "    - "))
}

func (o Options) urls() (all []string) {
	for _, server := range o.Servers {
		all = append(all, "tls://"+net.JoinHostPort(server, strconv.Itoa(o.Port)))
	}
	return all
}

func list(entries []string) string {
	var b strings.Builder
	for _, one := range entries {
		fmt.Fprintf(&b, "  - %s\n", one)
	}
	return b.String()
}
