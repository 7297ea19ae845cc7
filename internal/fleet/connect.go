package fleet

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"usher.internal/internal/backoff"
	"usher.internal/internal/config"
	"usher.internal/internal/privatefile"
	"usher.internal/internal/trust"
)

const (
	// pingInterval is how often a connection on which nothing happens is tried: a Mac is not to be woken up more often
	// than it must be. It is shorter than the servers' own, who do not ask a client that has asked them meanwhile.
	pingInterval = 4 * time.Minute
	dialWithin   = 10 * time.Second

	maximumFileBytes = 1 << 20
)

// connectPauses are those after all servers have been tried.
var connectPauses = backoff.Pauses{First: time.Second, Longest: 5 * time.Minute, Jitter: 0.75}

// Access is how one gets at the servers. Secrets stand in files, which are read anew for each connection.
type Access struct {
	Servers []string
	// CAFile holds the authorities that a server's certificate may be of; empty: those of the system.
	CAFile                    string
	CredentialsFile, NKeyFile string
	CertificateFile, KeyFile  string
}

// Files are those that are read.
func (a Access) Files() []string {
	all := []string{a.CAFile, a.CredentialsFile, a.NKeyFile, a.CertificateFile, a.KeyFile}
	return slices.DeleteFunc(all, func(file string) bool { return file == "" })
}

// Options are those of a connection of a program's for the Mac or admin of that name; the server lists both. The
// connection stays for good: it is made again whenever it is lost, with a pause of seconds that grows to minutes. An
// error names the file that cannot be used.
func (a Access) Options(program, name string) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name(program + " " + name),
		nats.CustomInboxPrefix(InboxOf(name)),
		nats.PingInterval(pingInterval),
		nats.Timeout(dialWithin),
		// Go's default would have the kernel try the connection every 15 seconds.
		nats.SetCustomDialer(&net.Dialer{Timeout: dialWithin, KeepAlive: -1}),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(connectPauses.After),
		nats.IgnoreAuthErrorAbort(),    // credentials are renewed
		nats.IgnoreDiscoveredServers(), // what servers call themselves need not be reached from everywhere
		nats.ReconnectBufSize(-1),      // what could not be sent is known, and kept elsewhere
		nats.NoEcho(),
	}
	secure, err := a.tls()
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, nats.Secure(secure))
	}
	switch {
	case a.CredentialsFile != "":
		if _, err := ReadCredentials(a.CredentialsFile); err != nil {
			return nil, err
		}
		options = append(options, nats.UserJWT(
			func() (string, error) {
				read, err := ReadCredentials(a.CredentialsFile)
				return read.JWT, err
			},
			func(nonce []byte) ([]byte, error) {
				read, err := ReadCredentials(a.CredentialsFile)
				if err != nil {
					return nil, err
				}
				defer read.key.Wipe()
				return read.key.Sign(nonce)
			}))
	case a.NKeyFile != "":
		key, err := readNKey(a.NKeyFile)
		if err != nil {
			return nil, err
		}
		public, err := key.PublicKey()
		key.Wipe()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.NKeyFile, err)
		}
		options = append(options, nats.Nkey(public, func(nonce []byte) ([]byte, error) {
			key, err := readNKey(a.NKeyFile)
			if err != nil {
				return nil, err
			}
			defer key.Wipe()
			return key.Sign(nonce)
		}))
	}
	return options, nil
}

// plain tells whether every server is on this computer and wants no TLS. Others are reached with TLS alone.
func (a Access) plain() (bool, error) {
	plain := true
	for _, server := range a.Servers {
		parsed, err := url.Parse(server)
		if err != nil || parsed.User != nil || parsed.Hostname() == "" {
			return false, errors.New("a server is not tls://host:port")
		}
		switch {
		case parsed.Scheme == "tls":
			plain = false
		case parsed.Scheme != "nats" || !config.IsLoopback(parsed.Hostname()):
			return false, fmt.Errorf("the server %s is reached without TLS; it is tls://host:port, or nats:// on "+
				"this computer alone", server)
		}
	}
	return plain, nil
}

// tls is the configuration of TLS; nil where there is none.
func (a Access) tls() (*tls.Config, error) {
	plain, err := a.plain()
	if err != nil {
		return nil, err
	}
	if plain && a.CAFile == "" && a.CertificateFile == "" {
		return nil, nil
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS13}
	if a.CAFile != "" {
		authorities, err := trust.Certificates.Read(a.CAFile, maximumFileBytes)
		if err != nil {
			return nil, fmt.Errorf("read the authorities of the servers: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", a.CAFile)
		}
	}
	if a.CertificateFile != "" {
		if _, err := a.certificate(); err != nil {
			return nil, err
		}
		secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate,
			error) {
			return a.certificate()
		}
	}
	return secure, nil
}

func (a Access) certificate() (*tls.Certificate, error) {
	certificate, err := trust.Certificates.Read(a.CertificateFile, maximumFileBytes)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	key, _, err := privatefile.Read(a.KeyFile, maximumFileBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.KeyFile, err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s with %s: %w", a.CertificateFile, a.KeyFile, err)
	}
	return &pair, nil
}

// Credentials are what a credentials file of NATS holds: who it is for, and the key to prove it with.
type Credentials struct {
	// Name is whom they are for: the name of the Mac.
	Name string
	// Expires is until when they count; zero for ever.
	Expires time.Time
	JWT     string
	key     nkeys.KeyPair
}

// ReadCredentials reads a credentials file, which nobody but its owner may be able to read. Whether a server takes them
// is another question.
func ReadCredentials(file string) (Credentials, error) {
	refuse := func(err error) (Credentials, error) {
		return Credentials{}, fmt.Errorf("credentials %s: %w", file, err)
	}
	content, _, err := privatefile.Read(file, maximumFileBytes)
	if err != nil {
		return refuse(err)
	}
	var read Credentials
	if read.JWT, err = nkeys.ParseDecoratedJWT(content); err != nil {
		return refuse(errors.New("they hold no JWT of a NATS user"))
	}
	claims, err := jwt.DecodeUserClaims(read.JWT)
	if err != nil {
		return refuse(fmt.Errorf("their JWT is not that of a NATS user: %w", err))
	}
	if read.key, err = nkeys.ParseDecoratedUserNKey(content); err != nil {
		return refuse(errors.New("they hold no seed of a NATS user"))
	}
	read.Name = claims.Name
	if claims.Expires != 0 {
		read.Expires = time.Unix(claims.Expires, 0)
	}
	return read, nil
}

// Expires is until when whoever it is for can prove who he is: the time of his credentials, or his certificate's. It is
// zero where that has no end.
func (a Access) Expires() (time.Time, error) {
	switch {
	case a.CredentialsFile != "":
		credentials, err := ReadCredentials(a.CredentialsFile)
		if err != nil {
			return time.Time{}, err
		}
		credentials.key.Wipe()
		return credentials.Expires, nil
	case a.CertificateFile != "":
		pair, err := a.certificate()
		if err != nil {
			return time.Time{}, err
		}
		return pair.Leaf.NotAfter, nil
	}
	return time.Time{}, nil
}

// ExpiresSoon tells whether an end is so near that somebody must do something about it: within 30 days.
func ExpiresSoon(end, now time.Time) bool {
	return !end.IsZero() && end.Before(now.AddDate(0, 0, 30))
}

func readNKey(file string) (nkeys.KeyPair, error) {
	content, _, err := privatefile.Read(file, maximumFileBytes)
	if err != nil {
		return nil, fmt.Errorf("NKey %s: %w", file, err)
	}
	key, err := nkeys.ParseDecoratedNKey(content)
	if err != nil {
		return nil, fmt.Errorf("NKey %s: it holds no seed", file)
	}
	return key, nil
}
