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
	// pingInterval is how often an idle connection is tested. It is long, so that it does not wake a Mac more often
	// than needed. It is shorter than the servers' interval: a server does not ping a client that has recently pinged
	// it.
	pingInterval = 4 * time.Minute
	dialWithin   = 10 * time.Second

	maximumFileBytes = 1 << 20
)

// connectPauses are the pauses after all servers have been tried.
var connectPauses = backoff.Pauses{First: time.Second, Longest: 5 * time.Minute, Jitter: 0.75}

// Access holds the servers' addresses and the files with secrets. Each connection reads these files again.
type Access struct {
	Servers []string
	// CAFile holds the authorities that may issue a server's certificate. Empty: the system's authorities.
	CAFile                    string
	CredentialsFile, NKeyFile string
	CertificateFile, KeyFile  string
}

// Files are the files that a connection reads.
func (a Access) Files() []string {
	all := []string{a.CAFile, a.CredentialsFile, a.NKeyFile, a.CertificateFile, a.KeyFile}
	return slices.DeleteFunc(all, func(file string) bool { return file == "" })
}

// Options are the options of a program's connection for the Mac or admin of that name; the server lists both names. The
// connection is permanent: it is restored whenever it is lost, after a pause that grows from seconds to minutes. An
// error names the file that cannot be used.
func (a Access) Options(program, name string) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name(program + " " + name),
		nats.CustomInboxPrefix(InboxOf(name)),
		nats.PingInterval(pingInterval),
		nats.Timeout(dialWithin),
		// With Go's default the kernel tests the connection every 15 seconds.
		nats.SetCustomDialer(&net.Dialer{Timeout: dialWithin, KeepAlive: -1}),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(connectPauses.After),
		nats.IgnoreAuthErrorAbort(),    // credentials are renewed
		nats.IgnoreDiscoveredServers(), // some clients cannot reach the addresses that servers announce
		nats.ReconnectBufSize(-1),      // the sender knows what it could not send, and keeps it elsewhere
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

// plain reports whether every server is on this computer and needs no TLS. Other servers need TLS.
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
			return false, fmt.Errorf("the server %s has no TLS; use tls://host:port, or nats:// only on "+
				"this computer", server)
		}
	}
	return plain, nil
}

// tls is the TLS configuration. It is nil if there is none.
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

// Credentials are the content of a NATS credentials file: the name of its owner, and the key that proves it.
type Credentials struct {
	// Name is the name of the Mac that owns the credentials.
	Name string
	// Expires is the end of their validity; zero means no end.
	Expires time.Time
	JWT     string
	key     nkeys.KeyPair
}

// ReadCredentials reads a credentials file. Only its owner may be able to read the file. It does not check whether a
// server accepts the credentials.
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
		return refuse(errors.New("no JWT of a NATS user in it"))
	}
	claims, err := jwt.DecodeUserClaims(read.JWT)
	if err != nil {
		return refuse(fmt.Errorf("its JWT is not of a NATS user: %w", err))
	}
	if read.key, err = nkeys.ParseDecoratedUserNKey(content); err != nil {
		return refuse(errors.New("no seed of a NATS user in it"))
	}
	read.Name = claims.Name
	if claims.Expires != 0 {
		read.Expires = time.Unix(claims.Expires, 0)
	}
	return read, nil
}

// Expires is when the owner can no longer prove its identity: the end of its credentials or of its certificate. It is
// zero if there is no end.
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

// ExpiresSoon reports whether an end is so near that somebody must act: within 30 days.
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
		return nil, fmt.Errorf("NKey %s: no seed in it", file)
	}
	return key, nil
}
