package fleet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"usher.internal/internal/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files are in a folder that is made for them.
type files struct {
	t      *testing.T
	folder string
}

func (f files) write(name string, content []byte, mode os.FileMode) string {
	f.t.Helper()
	path := filepath.Join(f.folder, name)
	if err := os.WriteFile(path, content, mode); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// credentials are a user's credentials, as in a file with the seed.
func credentials(t *testing.T, name string, expires time.Time) (content, seed []byte) {
	t.Helper()
	account, err := nkeys.CreateAccount()
	must(t, err)
	user, err := nkeys.CreateUser()
	must(t, err)
	public, err := user.PublicKey()
	must(t, err)
	claims := jwt.NewUserClaims(public)
	claims.Name = name
	if !expires.IsZero() {
		claims.Expires = expires.Unix()
	}
	token, err := claims.Encode(account)
	must(t, err)
	seed, err = user.Seed()
	must(t, err)
	content, err = jwt.FormatUserConfig(token, seed)
	must(t, err)
	return content, seed
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// certificate is a certificate with its key, in PEM.
func certificate(t *testing.T) (certificate, key []byte) {
	t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	content, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func TestReadCredentials(t *testing.T) {
	f := files{t, t.TempDir()}
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	content, seed := credentials(t, mac, expires)
	read, err := fleet.ReadCredentials(f.write("good", content, 0o600))
	if err != nil || read.Name != mac || !read.Expires.Equal(expires) {
		t.Errorf("%q until %s, %v", read.Name, read.Expires, err)
	}
	forever, _ := credentials(t, mac, time.Time{})
	if read, err := fleet.ReadCredentials(f.write("forever", forever, 0o400)); err != nil || !read.Expires.IsZero() {
		t.Errorf("until %s, %v", read.Expires, err)
	}
	account, err := nkeys.CreateAccount()
	must(t, err)
	accountSeed, err := account.Seed()
	must(t, err)
	for name, test := range map[string]struct {
		content []byte
		mode    os.FileMode
		want    string
	}{
		"empty":       {nil, 0o600, "empty"},
		"readable":    {content, 0o644, "0644"},
		"only a seed": {seed, 0o600, "JWT"},
		"no seed":     {[]byte(strings.ReplaceAll(string(content), string(seed), "")), 0o600, "no seed"},
		"cut seed": {[]byte(strings.ReplaceAll(string(content), string(seed), string(seed[:20]))), 0o600,
			"no seed"},
		"account seed": {[]byte(strings.ReplaceAll(string(content), string(seed), string(accountSeed))), 0o600,
			"no seed"},
		"changed":       {[]byte(strings.Replace(string(content), ".", "x.", 1)), 0o600, "JWT"},
		"noise":         {[]byte("\xff\x00\x1b[2J"), 0o600, "JWT"},
		"large":         {make([]byte, 2<<20), 0o600, "larger"},
		"large of text": {[]byte(strings.Repeat("a.", 1<<20)), 0o600, "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			file := f.write(name, test.content, test.mode)
			read, err := fleet.ReadCredentials(file)
			if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want one of %q", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), string(seed)) ||
				strings.ContainsAny(err.Error(), "\x1b\x00")) {
				t.Errorf("the error contains the file's content: %q", err)
			}
			if read != (fleet.Credentials{}) {
				t.Errorf("read %+v", read)
			}
		})
	}
	for _, path := range []string{filepath.Join(f.folder, "missing"), f.folder} {
		if _, err := fleet.ReadCredentials(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// optionsOf are the options of a connection as NATS's client accepts them.
func optionsOf(t *testing.T, access fleet.Access) nats.Options {
	t.Helper()
	options, err := access.Options("usherd", mac)
	must(t, err)
	set := nats.GetDefaultOptions()
	for _, option := range options {
		must(t, option(&set))
	}
	return set
}

func TestOptions(t *testing.T) {
	f := files{t, t.TempDir()}
	content, seed := credentials(t, mac, time.Time{})
	access := fleet.Access{Servers: []string{"tls://nats.example.org:4222"},
		CredentialsFile: f.write("mac.creds", content, 0o600)}
	set := optionsOf(t, access)
	if set.Name != "usherd "+mac || set.InboxPrefix != fleet.InboxOf(mac) || set.MaxReconnect != -1 ||
		!set.IgnoreAuthErrorAbort || set.ReconnectBufSize != -1 {
		t.Errorf("%+v", set)
	}
	if !set.Secure || set.TLSConfig == nil || set.TLSConfig.MinVersion != tls.VersionTLS13 ||
		set.TLSConfig.InsecureSkipVerify {
		t.Errorf("TLS: %v, %+v", set.Secure, set.TLSConfig)
	}
	token, err := set.UserJWT()
	if err != nil || !strings.Contains(string(content), token) {
		t.Errorf("%q, %v", token, err)
	}
	proves := func(public string, seed []byte, sign nats.SignatureHandler) {
		t.Helper()
		signature, err := sign([]byte("nonce"))
		must(t, err)
		pair, err := nkeys.FromSeed(seed)
		must(t, err)
		if key, _ := pair.PublicKey(); public != "" && key != public {
			t.Errorf("key %s, want %s", public, key)
		}
		must(t, pair.Verify([]byte("nonce"), signature))
	}
	proves("", seed, set.SignatureCB)
	// Each connection reads the files again. New credentials take effect, and missing ones are an error.
	content, seed = credentials(t, mac, time.Time{})
	f.write("mac.creds", content, 0o600)
	proves("", seed, set.SignatureCB)
	must(t, os.Remove(access.CredentialsFile))
	if _, err := set.SignatureCB([]byte("nonce")); err == nil {
		t.Error("a signature without a credentials file")
	}
	if _, err := set.UserJWT(); err == nil {
		t.Error("credentials sent without a file")
	}

	access = fleet.Access{Servers: access.Servers, NKeyFile: f.write("mac.nk", append(seed, '\n'), 0o600)}
	set = optionsOf(t, access)
	proves(set.Nkey, seed, set.SignatureCB)

	public, private := certificate(t)
	access = fleet.Access{
		Servers: access.Servers, CAFile: f.write("ca.pem", public, 0o644),
		CertificateFile: f.write("mac.pem", public, 0o644), KeyFile: f.write("mac-key.pem", private, 0o600),
	}
	set = optionsOf(t, access)
	if set.TLSConfig.RootCAs == nil {
		t.Error("the system's authorities are in use")
	}
	if shown, err := set.TLSConfig.GetClientCertificate(nil); err != nil || len(shown.Certificate) != 1 {
		t.Errorf("%v, %v", shown, err)
	}
	if !slices.Equal(access.Files(), []string{access.CAFile, access.CertificateFile, access.KeyFile}) {
		t.Errorf("files: %q", access.Files())
	}
}

// Only a server on this computer may be without TLS, and only if nothing else asks for TLS.
func TestTLSIsNeeded(t *testing.T) {
	f := files{t, t.TempDir()}
	public, _ := certificate(t)
	authority := f.write("ca.pem", public, 0o644)
	for _, test := range []struct {
		servers []string
		ca      string
		secure  bool
	}{
		{[]string{"nats://127.0.0.1:4222"}, "", false},
		{[]string{"nats://localhost:4222", "nats://[::1]:4222", "nats://127.9.9.9"}, "", false},
		{[]string{"nats://127.0.0.1:4222"}, authority, true},
		{[]string{"nats://127.0.0.1:4222", "tls://nats.example.org:4222"}, "", true},
		{[]string{"tls://127.0.0.1:4222"}, "", true},
	} {
		if set := optionsOf(t, fleet.Access{Servers: test.servers, CAFile: test.ca}); set.Secure != test.secure ||
			(set.TLSConfig != nil) != test.secure {
			t.Errorf("%q: TLS is %v", test.servers, set.Secure)
		}
	}
	for _, server := range []string{
		"nats://nats.example.org:4222", "nats://10.0.0.1", "nats://127.0.0.1.example.org",
		"nats://localhost.example.org", "nats.example.org:4222", "nats.example.org",
		"ws://127.0.0.1:80", "wss://nats.example.org", "", "nats:", "nats://", "tls://", "://",
		"tls://jane:secret@nats.example.org",
	} {
		_, err := fleet.Access{Servers: []string{"tls://nats.example.org", server}}.Options("usherd", mac)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func TestErrorsNameTheFile(t *testing.T) {
	f := files{t, t.TempDir()}
	public, private := certificate(t)
	_, other := certificate(t)
	pem, key, wrong := f.write("mac.pem", public, 0o644), f.write("mac-key.pem", private, 0o600),
		f.write("other-key.pem", other, 0o600)
	noise, open, missing := f.write("noise", []byte("noise"), 0o600), f.write("open", private, 0o644),
		filepath.Join(f.folder, "missing")
	for named, access := range map[string]fleet.Access{
		"no authority file":      {CAFile: missing},
		"noise for authorities":  {CAFile: noise},
		"no credentials":         {CredentialsFile: missing},
		"noise for credentials":  {CredentialsFile: noise},
		"no NKey":                {NKeyFile: missing},
		"noise for an NKey":      {NKeyFile: noise},
		"open NKey":              {NKeyFile: open},
		"no certificate":         {CertificateFile: missing, KeyFile: key},
		"noise for certificates": {CertificateFile: noise, KeyFile: key},
		"no key":                 {CertificateFile: pem, KeyFile: missing},
		"open key":               {CertificateFile: pem, KeyFile: open},
		"noise for a key":        {CertificateFile: pem, KeyFile: noise},
		"another's key":          {CertificateFile: pem, KeyFile: wrong},
	} {
		access.Servers = []string{"tls://nats.example.org"}
		_, err := access.Options("usherd", mac)
		if err == nil || !slices.ContainsFunc(access.Files(), func(file string) bool {
			return file != pem && file != key && strings.Contains(err.Error(), file)
		}) {
			t.Errorf("%s: %v", named, err)
		}
	}
}

func TestPauses(t *testing.T) {
	set := optionsOf(t, fleet.Access{Servers: []string{"tls://nats.example.org"}})
	for attempts, limit := range map[int]time.Duration{
		-1: time.Second, 0: time.Second, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second,
		10: 5 * time.Minute, 64: 5 * time.Minute, 1 << 40: 5 * time.Minute,
	} {
		shortest, longest := limit, time.Duration(0)
		for range 1000 {
			pause := set.CustomReconnectDelayCB(attempts)
			shortest, longest = min(shortest, pause), max(longest, pause)
		}
		if shortest < limit/4 || longest > limit || longest-shortest < limit/4 {
			t.Errorf("after %d attempts: a pause from %s to %s, want up to %s", attempts, shortest, longest, limit)
		}
	}
}

func TestExpiresSoon(t *testing.T) {
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for end, want := range map[time.Time]bool{{}: false, now.AddDate(0, 0, 31): false, now.AddDate(0, 0, 29): true,
		now.AddDate(0, 0, -1): true} {
		if got := fleet.ExpiresSoon(end, now); got != want {
			t.Errorf("%s expires soon: %t", end, got)
		}
	}
}
