package fleetsetup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"usher.internal/internal/foreign"
)

// Revoke revokes all credentials that were made for Macs, and those in files. It returns the servers' configurations
// with the revocations: a server refuses the credentials after it has read its own. Revoke then removes the Macs' files
// in the folder of the fleet, so [CredentialsFor] can make new ones. After an error it can be called again.
func Revoke(directory string, macs, files []string) (made []Made, err error) {
	if err := CheckMacs(macs); err != nil {
		return nil, err
	}
	fleet, err := openFolder(directory, false)
	if err != nil {
		return nil, err
	}
	defer fleet.Close()
	operator, err := readSeed(fleet, operatorSeed)
	if err != nil {
		return nil, err
	}
	accounts := make(map[string]*jwt.AccountClaims)
	for _, file := range []string{accountJWT, adminsJWT} {
		if accounts[file], err = readAccount(fleet, file); err != nil {
			return nil, err
		}
	}
	changed := make(map[string]bool)
	for _, mac := range macs {
		keys, err := issued(fleet, mac)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			accounts[accountJWT].Revoke(key)
		}
		changed[accountJWT] = true
	}
	for _, file := range files {
		user, err := readCredentials(file)
		if err != nil {
			return nil, err
		}
		of := ""
		for name, account := range accounts {
			if user.IssuerAccount == account.Subject {
				of = name
			}
		}
		if of == "" {
			return nil, fmt.Errorf("%s is of another fleet: its account is %s", file, user.IssuerAccount)
		}
		accounts[of].Revoke(user.Subject)
		changed[of] = true
	}
	configurations, err := fs.Glob(fleet.FS(), filepath.Join(serversFolder, "*", configurationFile))
	if err != nil {
		return nil, err
	}
	w := &writer{folder: fleet, renews: true}
	tokens := make(map[string]string)
	for name := range changed {
		token, err := accounts[name].Encode(operator)
		if err != nil {
			return nil, fmt.Errorf("sign the account: %w", err)
		}
		tokens[accounts[name].Subject] = token
		w.private(filepath.Join(keysFolder, name), []byte(token), "")
	}
	for _, name := range configurations {
		server := filepath.Base(filepath.Dir(name))
		content, err := withAccounts(fleet, name, tokens)
		if err != nil {
			return w.made, err
		}
		w.private(name, content, "copy it to "+server+", and run `nats-server --signal reload` there")
	}
	err = w.err
	for _, mac := range macs {
		if err != nil {
			break
		}
		if err = fleet.Remove(filepath.Join(macFolder, mac+".creds")); errors.Is(err, fs.ErrNotExist) {
			err = nil // it was made somewhere else, or is on its Mac
		}
	}
	return w.made, err
}

// issue records that a Mac gets credentials with a key.
func issue(fleet folder, mac, key string) error {
	if err := fleet.MkdirAll(issuedFolder, 0o700); err != nil {
		return fmt.Errorf("note which key %s gets: %w", mac, err)
	}
	file, err := fleet.open(filepath.Join(issuedFolder, mac), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("note which key %s gets: %w", mac, err)
	}
	_, err = file.WriteString(key + "\n")
	return errors.Join(err, file.Close())
}

// issued returns the keys of all credentials that were made for a Mac.
func issued(fleet folder, mac string) ([]string, error) {
	content, err := fleet.read(filepath.Join(issuedFolder, mac))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no credentials of %s were made here; those in a file are named with "+
			"--credentials-file: %w", mac, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read which keys %s has: %w", mac, err)
	}
	keys := strings.Fields(string(content))
	for _, key := range keys {
		if !nkeys.IsValidPublicUserKey(key) {
			return nil, fmt.Errorf("%s has %q, which is not a key", fleet.at(filepath.Join(issuedFolder, mac)), key)
		}
	}
	return keys, nil
}

// withAccounts returns a server's configuration with new account tokens; manual changes in it remain.
func withAccounts(fleet folder, name string, tokens map[string]string) ([]byte, error) {
	content, err := fleet.read(name)
	if err != nil {
		return nil, err
	}
	for account, token := range tokens {
		entry := regexp.MustCompile(`(?m)^(\s*` + regexp.QuoteMeta(account) + `\s*:\s*)"[^"]*"`)
		if !entry.Match(content) {
			return nil, fmt.Errorf("%s has no account %s in its resolver_preload: put its token of %s there",
				fleet.at(name), account, keysFolder)
		}
		content = entry.ReplaceAll(content, []byte(`${1}"`+token+`"`))
	}
	return content, nil
}

// readCredentials returns the public key in a credentials file, and the account that it is for.
func readCredentials(path string) (*jwt.UserClaims, error) {
	content, err := foreign.Read(path, longestFile)
	if err != nil {
		return nil, err
	}
	token, err := jwt.ParseDecoratedJWT(content)
	if err != nil {
		return nil, fmt.Errorf("%s is not a credentials file: %w", path, err)
	}
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return nil, fmt.Errorf("%s is not a credentials file: %w", path, err)
	}
	return claims, nil
}

func readSeed(fleet folder, name string) (nkeys.KeyPair, error) {
	name = filepath.Join(keysFolder, name)
	seed, err := fleet.read(name)
	if err != nil {
		return nil, fmt.Errorf("read a seed of the fleet: %w", err)
	}
	pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(string(seed))))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fleet.at(name), err)
	}
	return pair, nil
}

func readAccount(fleet folder, name string) (*jwt.AccountClaims, error) {
	name = filepath.Join(keysFolder, name)
	token, err := fleet.read(name)
	if err != nil {
		return nil, fmt.Errorf("read the account: %w", err)
	}
	claims, err := jwt.DecodeAccountClaims(strings.TrimSpace(string(token)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fleet.at(name), err)
	}
	return claims, nil
}
