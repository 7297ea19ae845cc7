package fleetsetup

import (
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"usher.internal/internal/fleet"
)

// CheckMacs returns an error for names of Macs that cannot have credentials.
func CheckMacs(macs []string) error {
	named := make(map[string]bool)
	for _, mac := range macs {
		if !fleet.IsMac(mac) {
			return fmt.Errorf("%q cannot be the name of a Mac: it may have at most 64 letters, digits, - and _",
				mac)
		}
		if named[mac] {
			return fmt.Errorf("%s is named twice", mac)
		}
		named[mac] = true
	}
	return nil
}

// CredentialsFor makes the credentials of Macs from the seeds in the folder of a fleet. It writes each into a file with
// the Mac's name in the folder output. If one of these files exists, it writes none. The credentials are valid for the
// duration valid.
func CredentialsFor(directory string, macs []string, output string, valid time.Duration) (made []Made, err error) {
	if valid <= 0 {
		return nil, errors.New("the validity of credentials must be more than 0")
	}
	if err := CheckMacs(macs); err != nil {
		return nil, err
	}
	for _, mac := range macs {
		if path := filepath.Join(output, mac+".creds"); exists(path) {
			return nil, fmt.Errorf("%w: %s is there already, and a Mac has one file of credentials", ErrThere, path)
		}
	}
	fleet, err := openFolder(directory, false) // before anything in it is believed
	if err != nil {
		return nil, err
	}
	defer fleet.Close()
	mac, err := readSigner(fleet, macSeed, accountJWT)
	if err != nil {
		return nil, err
	}
	out, err := openFolder(output, true)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	w := &writer{folder: out}
	for _, one := range macs {
		content, key, err := mac.credentials(one, valid)
		if err != nil {
			return w.made, err
		}
		if err := issue(fleet, one, key); err != nil {
			return w.made, err
		}
		w.private(one+".creds", content, "for "+one+", as fleet.credentials_file")
		if w.err != nil {
			return w.made, w.err
		}
	}
	return w.made, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// readSigner reads a seed of a fleet, and the account that it signs for.
func readSigner(fleet folder, seed, account string) (signer, error) {
	pair, err := readSeed(fleet, seed)
	if err != nil {
		return signer{}, err
	}
	claims, err := readAccount(fleet, account)
	if err != nil {
		return signer{}, err
	}
	return signer{pair, claims.Subject}, nil
}

// Renew renews what expires in the folder of a fleet: the credentials of admins and of the provisioner of the streams,
// and the servers' certificates. The earlier ones remain valid until they expire. Macs are not concerned, see
// [CredentialsFor].
func Renew(directory string, adminValid, certificatesValid time.Duration) (made []Made, err error) {
	if adminValid <= 0 || certificatesValid <= 0 {
		return nil, errors.New("the validity of credentials and certificates must be more than 0")
	}
	fleet, err := openFolder(directory, false)
	if err != nil {
		return nil, err
	}
	defer fleet.Close()
	admin, err := readSigner(fleet, adminSeed, adminsJWT)
	if err != nil {
		return nil, err
	}
	provision, err := readSigner(fleet, provisionSeed, accountJWT)
	if err != nil {
		return nil, err
	}
	authority, err := readAuthority(fleet)
	if err != nil {
		return nil, err
	}
	if ends := authority.certificate.NotAfter; time.Now().Add(certificatesValid).After(ends) {
		return nil, fmt.Errorf("the authority of this fleet is valid until %s: its servers' certificates "+
			"cannot be valid "+
			"for longer; give a shorter --certificates-valid", ends.Format(time.DateOnly))
	}
	servers, err := fs.ReadDir(fleet.FS(), serversFolder)
	if err != nil {
		return nil, err
	}
	w := &writer{folder: fleet, renews: true}
	for _, server := range servers {
		name := server.Name()
		if err := w.server(name, authority, certificatesValid,
			"copy it, with server-key.pem, to "+name+", and run `nats-server --signal reload` there"); err != nil {
			return w.made, err
		}
	}
	return w.made, w.people(admin, provision, adminValid, "for everyone who has a copy of its folder")
}

// readAuthority reads the authority of a fleet's servers.
func readAuthority(fleet folder) (*authority, error) {
	certificateFile, keyFile := filepath.Join(macFolder, authorityFile), filepath.Join(keysFolder, authorityKey)
	certificate, err := fleet.read(certificateFile)
	if err != nil {
		return nil, fmt.Errorf("read the authority of the servers: %w", err)
	}
	encodedKey, err := fleet.read(keyFile)
	if err != nil {
		return nil, fmt.Errorf("read the authority of the servers: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, encodedKey)
	if err != nil {
		return nil, fmt.Errorf("read the authority of the servers: %s with %s: %w", fleet.at(certificateFile),
			fleet.at(keyFile), err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s is not an authority of `usherctl fleet init`", fleet.at(certificateFile))
	}
	return &authority{certificate: pair.Leaf, key: key}, nil
}
